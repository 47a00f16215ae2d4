package stages

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/model"
	"pipe/stages/score"
)

// rhyme is a text that is learnt by heart in a few steps.
const rhyme = "one for the master and one for the dame and one for the little boy who lives down the lane\n"

func rhymes(t testing.TB, s *artifacts.Store) artifacts.Ref {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rhymes.txt")
	if err := os.WriteFile(path, []byte(strings.Repeat(rhyme, 60)), 0o666); err != nil {
		t.Fatal(err)
	}
	return dagtest.Run(t, s, dagtest.New(t, &SourceText{}, "{path: "+path+", rows: line}"), nil)["out"]
}

const smallGPT = `{context: 32, separator: newline, layers: [{gpt: {layers: 1, heads: 2, dim: 32}}], optimizer: {adamw: {learning_rate: 0.01}}, steps: 60, batch_size: 8, sample: one}`

// learntRhyme trains a small model.
func learntRhyme(t testing.TB, s *artifacts.Store, with string) (map[string]artifacts.Ref, artifacts.Ref) {
	t.Helper()
	text := rhymes(t, s)
	tokens := dagtest.Run(t, s, dagtest.New(t, &TextTokenize{}, "{column: text, vocab_size: 270}"), map[string]artifacts.Ref{"in": text})["out"]
	return dagtest.Run(t, s, dagtest.New(t, &TrainLanguage{}, with), map[string]artifacts.Ref{"train": text, "validation": text, "transform": tokens}), text
}

func TestLanguageModelLearnsAndWrites(t *testing.T) {
	s := dagtest.Store(t)
	for name, c := range map[string]struct{ with, want string }{
		"gpt":  {smallGPT, "who lives down the lane\none for the master"}, // beyond the window
		"lstm": {`{context: 16, separator: newline, layers: [{embedding: {dim: 32}}, {lstm: {units: 64, return_sequences: true}}, {dense: {units: classes, activation: softmax}}], optimizer: {adamw: {learning_rate: 0.02}}, steps: 120, batch_size: 8}`, "ter and one for the dame and one for"},
	} {
		out, text := learntRhyme(t, s, c.with)
		folder, err := s.OpenFolder(out["out"])
		if err != nil {
			t.Fatal(err)
		}
		m, err := model.LoadLanguageModel(folder)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		if _, err := m.Generate(context.Background(), model.Prompt{Text: "one for the mas", MaxTokens: 150}, func(p model.Piece) error {
			got.WriteString(p.Text)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(got.String(), c.want) {
			t.Errorf("%s writes %q", name, got.String())
		}
		metrics := dagtest.Run(t, s, dagtest.New(t, &EvaluateLanguage{}, "{separator: newline}"), map[string]artifacts.Ref{"model": out["out"], "data": text})["out"]
		b, err := s.ReadAll(metrics)
		if err != nil {
			t.Fatal(err)
		}
		r, err := score.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		if loss := float64(r.Metrics["loss"]); !(loss < 0.5) || math.Abs(float64(r.Metrics["perplexity"])-math.Exp(loss)) > 1e-6 {
			t.Errorf("%s: metrics %v", name, r.Metrics)
		}
	}
}

// A text for the log costs no training: one that the tokenizer knows nothing of is told
// before the first step, and is left out where a model is measured.
func TestSampleWithoutAKnownToken(t *testing.T) {
	s := dagtest.Store(t)
	text := rhymes(t, s)
	words := dagtest.Run(t, s, dagtest.New(t, &TextVectorize{}, "{column: text, maxlen: 4}"), map[string]artifacts.Ref{"in": text})["out"]
	with := func(sample string) *TrainLanguage {
		return dagtest.New(t, &TrainLanguage{}, "{context: 8, separator: none, layers: [{gpt: {layers: 1, heads: 1, dim: 8}}], steps: 2, report_every: 1, batch_size: 2, sample: "+sample+"}")
	}
	in := map[string][]artifacts.Ref{"train": {text}, "transform": {words}}
	metrics := 0
	_, _, err := dag.RunKind(context.Background(), s, with("func main"), in, 7, nil, t.TempDir(), func(e dag.Event) {
		if e.Type == dag.StageMetric {
			metrics++
		}
	})
	if err == nil || !strings.Contains(err.Error(), `with.sample: no token of "func main" is known to the tokenizer; begin with words of the texts, or leave sample out`) {
		t.Errorf("the error is %v", err)
	}
	if metrics > 0 {
		t.Errorf("%d metrics were logged before it was told", metrics)
	}
	out := dagtest.Run(t, s, with("one for"), map[string]artifacts.Ref{"train": text, "transform": words})["out"]
	dagtest.Run(t, s, dagtest.New(t, &EvaluateLanguage{}, "{separator: none, sample: func main}"), map[string]artifacts.Ref{"model": out, "data": text})
	folder, err := s.OpenFolder(out)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.LoadLanguageModel(folder)
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Generate(context.Background(), model.Prompt{Text: "qqqq", MaxTokens: 1}, func(model.Piece) error { return nil })
	if err == nil || !strings.HasPrefix(err.Error(), `prompt: no token of "qqqq" is known to the tokenizer of the model`) {
		t.Errorf("a prompt of which nothing is known: %v", err)
	}
}

func TestLanguageModelTrainsFurther(t *testing.T) {
	s := dagtest.Store(t)
	out, text := learntRhyme(t, s, strings.Replace(smallGPT, "steps: 60", "steps: 10", 1))
	again := dagtest.Run(t, s, dagtest.New(t, &TrainLanguage{}, `{separator: newline, optimizer: {adamw: {learning_rate: 0.01}}, steps: 40}`), map[string]artifacts.Ref{"train": text, "model": out["out"]})
	for _, ref := range []artifacts.Ref{out["out"], again["out"]} {
		folder, err := s.OpenFolder(ref)
		if err != nil {
			t.Fatal(err)
		}
		m, err := model.LoadLanguageModel(folder)
		if err != nil {
			t.Fatal(err)
		}
		loss, err := m.Measure(context.Background(), m.Language().EncodeText(nil, strings.Repeat(rhyme, 4)))
		if err != nil {
			t.Fatal(err)
		}
		if further := ref == again["out"]; further != (loss < 0.5) {
			t.Errorf("loss %v, trained further: %v", loss, further)
		}
		if m.Training().From == "" == (ref == again["out"]) {
			t.Errorf("it comes from %q", m.Training().From)
		}
	}
}

// A training that was stopped ends with the bits of one that was not.
func TestLanguageModelContinuesToTheSameBits(t *testing.T) {
	s := dagtest.Store(t)
	text := rhymes(t, s)
	tokens := dagtest.Run(t, s, dagtest.New(t, &TextTokenize{}, "{column: text, vocab_size: 270}"), map[string]artifacts.Ref{"in": text})["out"]
	in := map[string][]artifacts.Ref{"train": {text}, "validation": {text}, "transform": {tokens}}
	scratch := t.TempDir()
	ctx, stop := context.WithCancel(context.Background())
	k := dagtest.New(t, &TrainLanguage{}, smallGPT)
	steps := 0
	_, _, err := dag.RunKind(ctx, s, k, in, 7, nil, scratch, func(e dag.Event) {
		if e.Type == dag.StageMetric {
			if steps++; steps == 5 {
				stop()
			}
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("the training was not stopped: %v", err)
	}
	out, _, err := dag.RunKind(context.Background(), s, k, in, 7, nil, scratch, nil)
	if err != nil {
		t.Fatal(err)
	}
	full, _, err := dag.RunKind(context.Background(), s, k, in, 7, nil, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if out["out"] != full["out"] {
		t.Error("another model after an interruption")
	}
}

func TestTrainLanguageProblems(t *testing.T) {
	table := dag.Schema{Type: artifacts.Table, Table: sourceTextSchema, Origin: "text"}
	tokens := dag.Schema{Type: artifacts.Transform, Signature: (&TextTokenize{}).Tokens.Signature(300)}
	for _, c := range []struct{ with, want string }{
		{"{layers: [{gpt: {layers: 1, heads: 2, dim: 32}}]}", ""},
		{"{column: words, layers: [{gpt: {layers: 1, heads: 2, dim: 32}}]}", `column: text has no column "words" (its columns: text, path)`},
		{"{layers: []}", "layers: a new network needs layers"},
		{"{layers: [{embedding: {dim: 4}}, {lstm: {units: 8}}, {dense: {units: classes, activation: softmax}}]}", "recurrent layers need return_sequences: true"},
		{"{layers: [{embedding: {dim: 4}}, {dense: {units: 7, activation: softmax}}]}", "layers: "},
		{"{layers: [{embedding: {dim: 4}}, {dense: {units: classes}}]}", "needs a network that ends with activation: softmax"},
	} {
		_, got := dagtest.Check(dagtest.New(t, &TrainLanguage{}, c.with), map[string]dag.Schema{"train": table, "transform": tokens})
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s:\n got %s\nwant %s", c.with, got, c.want)
		}
	}
}
