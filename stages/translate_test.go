package stages

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/model"
	"pipe/stages/score"
)

var pairSchema = arrow.NewSchema([]arrow.Field{
	{Name: "swedish", Type: arrow.BinaryTypes.String}, {Name: "english", Type: arrow.BinaryTypes.String}, {Name: "both", Type: arrow.BinaryTypes.String},
}, nil)

// phrases is a table of pairs in which the order of two words changes: "jag ser
// katten nu" is "now i see the cat".
func phrases(t testing.TB, s *artifacts.Store, seed uint64, n int) artifacts.Ref {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	who := [][2]string{{"jag", "i"}, {"du", "you"}, {"vi", "we"}, {"de", "they"}}
	does := [][2]string{{"ser", "see"}, {"har", "have"}, {"vill ha", "want"}}
	what := [][2]string{{"katten", "the cat"}, {"en bok", "a book"}, {"huset", "the house"}, {"tre äpplen", "three apples"}}
	when := [][2]string{{"nu", "now"}, {"idag", "today"}}
	var rows []string
	for range n {
		w, d, o, e := who[rng.IntN(4)], does[rng.IntN(3)], what[rng.IntN(4)], when[rng.IntN(2)]
		from := w[0] + " " + d[0] + " " + o[0] + " " + e[0]
		to := e[1] + " " + w[1] + " " + d[1] + " " + o[1]
		rows = append(rows, fmt.Sprintf(`{"swedish": %q, "english": %q, "both": %q}`, from, to, from+"\n"+to))
	}
	return dagtest.Table(t, s, pairSchema, "["+strings.Join(rows, ",")+"]")
}

const smallTranslation = `{source: swedish, target: english, max_source: 16, max_target: 16, layers: 1, heads: 2, dim: 32, dropout: 0, label_smoothing: 0, epochs: 12, batch_size: 16, optimizer: {adam: {learning_rate: 0.01}}}`

// learntPhrases trains a small translator.
func learntPhrases(t testing.TB, s *artifacts.Store, with string) artifacts.Ref {
	t.Helper()
	text := phrases(t, s, 1, 400)
	tokens := dagtest.Run(t, s, dagtest.New(t, &TextTokenize{}, "{column: both, vocab_size: 300}"), map[string]artifacts.Ref{"in": text})["out"]
	return dagtest.Run(t, s, dagtest.New(t, &TrainTranslation{}, with), map[string]artifacts.Ref{"train": text, "validation": text, "transform": tokens})["out"]
}

func loadTranslator(t testing.TB, s *artifacts.Store, ref artifacts.Ref) *model.Translator {
	t.Helper()
	folder, err := s.OpenFolder(ref)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.LoadTranslator(folder)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTranslatorLearnsAndTranslates(t *testing.T) {
	for name, more := range map[string]string{
		"transformer": "", "lstm": ", network: lstm, attention: false}", "lstm with attention": ", network: lstm, bidirectional: true}", "gru": ", network: gru}",
	} {
		t.Run(name, func(t *testing.T) {
			with := smallTranslation
			if more != "" {
				with = strings.TrimSuffix(with, "}") + more
			}
			translatorLearns(t, with)
		})
	}
}

func translatorLearns(t *testing.T, with string) {
	s := dagtest.Store(t)
	ref := learntPhrases(t, s, with)
	m := loadTranslator(t, s, ref)
	answers, err := m.PredictRows(context.Background(), []map[string]any{
		{"swedish": "de vill ha tre äpplen idag"}, {"swedish": ""}, {"swedish": "vi har en bok nu"}, {"swedish": strings.Repeat("katten ", 50)},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int]string{0: "today they want three apples", 1: "", 2: "now we have a book"} {
		if answers[i].Prediction != want || (answers[i].Probability > 0) != (want != "") {
			t.Errorf("%d: %+v, want %q", i, *answers[i], want)
		}
	}
	if _, err := m.PredictRows(context.Background(), []map[string]any{{"swedish": 7}}); err == nil || !strings.Contains(err.Error(), "must be text") {
		t.Errorf("a number: %v", err)
	}
	out := dagtest.Run(t, s, dagtest.New(t, &EvaluateTranslation{}, "{source: swedish, target: english}"), map[string]artifacts.Ref{"model": ref, "data": phrases(t, s, 2, 120)})
	b, err := s.ReadAll(out["out"])
	if err != nil {
		t.Fatal(err)
	}
	r, err := score.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if r.Metrics["bleu"] < 95 || r.Metrics["exact"] < 0.9 || r.Metrics["cut"] != 0 || r.Metrics["rows"] < 40 || r.Metrics["rows"] > 96 {
		t.Errorf("metrics %v", r.Metrics)
	}
	none := dagtest.Table(t, s, arrow.NewSchema([]arrow.Field{{Name: "swedish", Type: arrow.BinaryTypes.String}, {Name: "english", Type: arrow.BinaryTypes.String}}, nil), `[]`)
	if _, err := dagtest.TryRun(t, s, dagtest.New(t, &EvaluateTranslation{}, "{source: swedish, target: english}"), map[string]artifacts.Ref{"model": ref, "data": none}); err == nil || !strings.Contains(err.Error(), "data has no rows") {
		t.Errorf("no rows: %v", err)
	}
}

// What is found is the likeliest of all where there are beams enough, greedy is one
// beam, and neighbours in a batch change nothing.
func TestBeamsFindLikelierTranslations(t *testing.T) {
	s := dagtest.Store(t)
	m := loadTranslator(t, s, learntPhrases(t, s, strings.Replace(smallTranslation, "epochs: 12", "epochs: 2", 1)))
	texts := []string{"jag ser katten nu", "hej", "du har huset idag", "vill vill vill", "vi"}
	found := func(texts []string, beams int) (out []model.Translated) {
		if err := m.Translate(context.Background(), texts, beams, func(i int, tr model.Translated) error {
			if i != len(out) {
				t.Errorf("translation %d comes at place %d", i, len(out))
			}
			out = append(out, tr)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return out
	}
	for i, blank := range found([]string{"", "   ", "\n\t"}, 4) {
		if blank != (model.Translated{}) {
			t.Errorf("blank text %d becomes %+v", i, blank)
		}
	}
	greedy, wide := found(texts, 1), found(texts, 8)
	likelier := 0
	for i := range texts {
		if alone := found(texts[i:i+1], 8)[0]; alone.Text != wide[i].Text {
			t.Errorf("%q alone becomes %q, beside others %q", texts[i], alone.Text, wide[i].Text)
		}
		if wide[i].Probability >= greedy[i].Probability {
			likelier++
		}
	}
	if likelier < 3 {
		t.Errorf("of 5 translations only %d are as likely with eight beams as with one: %v, %v", likelier, greedy, wide)
	}
	if again := found(texts, 8); fmt.Sprint(again) != fmt.Sprint(wide) {
		t.Errorf("%v, and then %v", wide, again)
	}
}

// A table is translated as rows are; top adds other translations, of which the
// first is the translation itself.
func TestTablesAreTranslated(t *testing.T) {
	s := dagtest.Store(t)
	ref := learntPhrases(t, s, strings.Replace(smallTranslation, "epochs: 12", "epochs: 4", 1))
	data := phrases(t, s, 3, 100)
	answered := func(with string) (rows []tableAnswer) {
		out := dagtest.Run(t, s, dagtest.New(t, &Predict{}, with), map[string]artifacts.Ref{"model": ref, "data": data})["out"]
		for line := range strings.Lines(dagtest.Rows(t, s, out)) {
			var row tableAnswer
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row)
		}
		return rows
	}
	m := loadTranslator(t, s, ref)
	plain := answered("{columns: [swedish]}")
	for i, row := range answered("{top: 6, columns: [swedish]}") {
		if len(row.Top) < 2 || len(row.Top) > 6 || row.Top[0] != row.Prediction {
			t.Fatalf("row %d: %+v", i+1, row)
		}
		answer, err := m.PredictRows(context.Background(), []map[string]any{{"swedish": row.Swedish}})
		if err != nil {
			t.Fatal(err)
		}
		if plain[i].Prediction != answer[0].Prediction {
			t.Errorf("row %d: %+v, alone %+v", i+1, plain[i], *answer[0])
		}
	}
}

type tableAnswer struct {
	Swedish, Prediction string
	Probability         float32
	Top                 []string
}

func TestTranslationIsChecked(t *testing.T) {
	table := dag.Schema{Type: artifacts.Table, Table: arrow.NewSchema([]arrow.Field{{Name: "swedish", Type: arrow.BinaryTypes.String}, {Name: "english", Type: arrow.PrimitiveTypes.Int64}}, nil)}
	numbers := dag.Schema{Type: artifacts.Transform, Signature: &dag.Signature{Shape: []int{4}}}
	k := dagtest.New(t, &TrainTranslation{}, "{source: swedis, target: english, dim: 10, heads: 4, early_stopping: {monitor: val_loss}}")
	_, problems := dagtest.Check(k, map[string]dag.Schema{"train": table, "transform": numbers})
	for _, want := range []string{`"swedis"`, `target: must be text; "english" is int64`, "heads: must divide dim, are 10 and 4", "a translator reads tokens", "val_loss is measured on validation rows"} {
		if !strings.Contains(problems, want) {
			t.Errorf("%q is missing in:\n%s", want, problems)
		}
	}
	for with, want := range map[string]string{
		"network: lstm, hidden: 8":                            "hidden: is the width of a Transformer's",
		"network: gru, dim: 9, heads: 3, bidirectional: true": "dim: must be even",
		"network: lstm, heads: 3":                             "heads: must divide dim, are 256 and 3",
		"attention: false":                                    "attention: a Transformer consists of it",
		"bidirectional: true":                                 "bidirectional: the encoder of a Transformer reads both ways",
		"network: lstm, attention: false, heads: 2":           "heads: are those of the attention, and attention: false leaves it out",
		"network: lstm, attention: false, dim: 7, hidden: 0":  "",
		"dim: 10": "heads: must divide dim, are 10 and 4",
	} {
		k := dagtest.New(t, &TrainTranslation{}, "{source: swedish, target: swedish, "+with+"}")
		_, problems := dagtest.Check(k, map[string]dag.Schema{"train": table, "transform": {Type: artifacts.Transform}})
		if !strings.Contains(problems, want) || want == "" && problems != "" {
			t.Errorf("%s: %q is missing in:\n%s", with, want, problems)
		}
	}
	_, problems = dagtest.Check(dagtest.New(t, &EvaluateTranslation{}, "{source: swedish, target: swedish}"), map[string]dag.Schema{
		"data": table, "model": {Type: artifacts.Model, Origin: "train", Signature: &dag.Signature{Task: model.GenerationTask}}})
	if !strings.Contains(problems, "train is a model for generation, and one for translation is needed") {
		t.Errorf("problems:\n%s", problems)
	}
}

func TestTranslationOfNulls(t *testing.T) {
	s := dagtest.Store(t)
	schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "b", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	text := dagtest.Table(t, s, schema, `[{"a": "x", "b": "y"}, {"a": "x", "b": null}]`)
	tokens := dagtest.Run(t, s, dagtest.New(t, &TextTokenize{}, "{column: a, vocab_size: 257}"), map[string]artifacts.Ref{"in": text})["out"]
	_, err := dagtest.TryRun(t, s, dagtest.New(t, &TrainTranslation{}, "{source: a, target: b}"), map[string]artifacts.Ref{"train": text, "transform": tokens})
	if err == nil || !strings.Contains(err.Error(), "row 2") || !strings.Contains(err.Error(), `"b"`) {
		t.Errorf("%v", err)
	}
	long := dagtest.Table(t, s, schema, `[{"a": "much too long", "b": "y"}]`)
	_, err = dagtest.TryRun(t, s, dagtest.New(t, &TrainTranslation{}, "{source: a, target: b, max_source: 4}"), map[string]artifacts.Ref{"train": long, "transform": tokens})
	if err == nil || !strings.Contains(err.Error(), "no pair to learn from that fits into 4 and 32 tokens") {
		t.Errorf("%v", err)
	}
}
