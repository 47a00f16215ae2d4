package model

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/dag"
	"pipe/stages/nn"
	"pipe/stages/score"
	"pipe/stages/transform"
)

// folder is a folder in memory.
type folder fstest.MapFS

func (f folder) Create(name string) (io.WriteCloser, error) { return &file{folder: f, name: name}, nil }

type file struct {
	bytes.Buffer
	folder folder
	name   string
}

func (f *file) Close() error {
	f.folder[f.name] = &fstest.MapFile{Data: f.Bytes()}
	return nil
}

func words(t testing.TB) transform.Transform {
	t.Helper()
	fit, err := transform.NewFit(transform.Text{Column: "text", NumWords: 50, MaxLen: 6, Padding: "pre", Truncating: "pre", Lower: true, Level: "word", MinCount: 1, Nulls: "error"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		fit.AddText(fmt.Sprintf("w%d w%d common", i, (i*7)%20))
	}
	v, _, err := fit.Vectorizer()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// untrained builds a model with random weights: what it says is arbitrary, but
// always the same.
func untrained(t testing.TB, m Manifest, last nn.Layer) *Model {
	t.Helper()
	w := words(t)
	s := w.Signature()
	layers := []nn.Layer{layer(t, "embedding").(*nn.Embedding), layer(t, "lstm").(*nn.LSTM), last}
	layers[0].(*nn.Embedding).Dim = 8
	layers[1].(*nn.LSTM).Units = 8
	n, err := nn.NewNetwork(nn.Input{Tokens: true, Shape: s.Shape}, nn.Context{Classes: len(m.Classes), Vocab: s.Tokens}, layers, 7)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range n.Params() { // far from even answers
		for i := range p.Data {
			p.Data[i] *= 20
		}
	}
	m.Signature = SignatureOf(s, m.Task, m.Target)
	built, err := New(m, History{Epochs: []Epoch{{Epoch: 1, Loss: 0.5}}, Kept: 1}, w, n)
	if err != nil {
		t.Fatal(err)
	}
	return built
}

func layer(t testing.TB, kind string) nn.Layer {
	t.Helper()
	l, err := nn.NewLayer(kind)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func dense(t testing.TB, units nn.Units, a nn.Activation) nn.Layer {
	d := layer(t, "dense").(*nn.Dense)
	d.Units, d.Activation = units, a
	return d
}

func classifier(t testing.TB) *Model {
	t.Helper()
	return untrained(t, Manifest{Task: score.Classification, Target: dag.Column{Name: "label", Type: "utf8"}, Classes: []string{"a", "b", "c"}}, dense(t, nn.Classes, nn.Softmax))
}

func batchOf(t testing.TB, texts ...string) arrow.RecordBatch {
	t.Helper()
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(texts, nil)
	col := b.NewArray()
	defer col.Release()
	return array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "text", Type: arrow.BinaryTypes.String}}, nil), []arrow.Array{col}, int64(len(texts)))
}

func someTexts(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("w%d common W%d", i%23, (i*i)%19)
	}
	return out
}

func saved(t testing.TB, m *Model) folder {
	t.Helper()
	f := folder{}
	if err := Save(f, m); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestSavedModelAnswersAsBefore(t *testing.T) {
	m := classifier(t)
	f := saved(t, m)
	again, err := Load(fstest.MapFS(f))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range someTexts(30) {
		a, err := m.PredictText(context.Background(), text)
		if err != nil {
			t.Fatal(err)
		}
		b, err := again.PredictRow(context.Background(), map[string]any{"text": text, "other": 1})
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(*a) != fmt.Sprint(*b) {
			t.Errorf("%q: %v, loaded %v", text, *a, *b)
		}
	}
	for name, file := range saved(t, again) {
		if !bytes.Equal(file.Data, f[name].Data) {
			t.Errorf("%s changes when a loaded model is saved", name)
		}
	}
	if man, err := ReadManifest(fstest.MapFS(f)); err != nil || man.Target.Name != "label" || len(man.Classes) != 3 {
		t.Errorf("manifest %+v, %v", man, err)
	}
}

// What a row gives depends neither on its batch nor on who asks at the same
// time.
func TestAnswersDoNotDependOnTheBatch(t *testing.T) {
	m := classifier(t)
	texts := someTexts(3*stepRows + 5)
	batch := batchOf(t, texts...)
	defer batch.Release()
	var all Predictions
	if err := m.Predict(context.Background(), batch, 1, &all); err != nil {
		t.Fatal(err)
	}
	if all.Rows != len(texts) || len(all.Best) != len(texts) {
		t.Fatalf("%d rows, %d answers for %d texts", all.Rows, len(all.Best), len(texts))
	}
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for i := worker; i < len(texts); i += 4 {
				a, err := m.PredictText(context.Background(), texts[i])
				if err != nil {
					t.Error(err)
					return
				}
				if p := all.Row(i)[all.Best[i]]; a.Probability != p || a.Prediction != m.Classes()[all.Best[i]] {
					t.Errorf("%q alone: %v, in the batch %v %v", texts[i], *a, m.Classes()[all.Best[i]], p)
				}
			}
		})
	}
	wait.Wait()
	seen := map[int]bool{}
	for _, k := range all.Best {
		seen[k] = true
	}
	if len(seen) < 2 {
		t.Error("all answers are the same, so nothing was compared")
	}
}

func TestOutputsOfEachKind(t *testing.T) {
	text := dag.Column{Name: "label", Type: "utf8"}
	for _, c := range []struct {
		name  string
		m     Manifest
		last  nn.Layer
		check func(a *Answer) bool
	}{
		{"sigmoid", Manifest{Task: score.Classification, Target: text, Classes: []string{"no", "yes"}}, dense(t, 1, nn.Sigmoid),
			func(a *Answer) bool { return near(a.Probabilities["no"]+a.Probabilities["yes"], 1) }},
		{"sigmoid, logits", Manifest{Task: score.Classification, Target: text, Classes: []string{"no", "yes"}, Logits: true}, dense(t, 1, nn.Linear),
			func(a *Answer) bool { return near(a.Probabilities["no"]+a.Probabilities["yes"], 1) }},
		{"softmax, logits", Manifest{Task: score.Classification, Target: text, Classes: []string{"a", "b", "c"}, Logits: true}, dense(t, 3, nn.Linear),
			func(a *Answer) bool {
				return near(a.Probabilities["a"]+a.Probabilities["b"]+a.Probabilities["c"], 1)
			}},
		{"booleans", Manifest{Task: score.Classification, Target: dag.Column{Name: "spam", Type: "bool"}, Classes: []string{"false", "true"}}, dense(t, 2, nn.Softmax),
			func(a *Answer) bool { _, ok := a.Prediction.(bool); return ok }},
		{"large numbers", Manifest{Task: score.Classification, Target: dag.Column{Name: "id", Type: "uint64"}, Classes: []string{"1", "18446744073709551615"}}, dense(t, 2, nn.Softmax),
			func(a *Answer) bool { _, ok := a.Prediction.(uint64); return ok }},
		{"regression", Manifest{Task: score.Regression, Target: dag.Column{Name: "price", Type: "float64"}}, dense(t, 1, nn.Linear),
			func(a *Answer) bool {
				v, ok := a.Prediction.(float64)
				return ok && v != 0 && a.Probabilities == nil
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := untrained(t, c.m, c.last)
			a, err := m.PredictText(context.Background(), "w3 common w5")
			if err != nil {
				t.Fatal(err)
			}
			if !c.check(a) {
				t.Errorf("%+v", a)
			}
			batch := batchOf(t, someTexts(5)...)
			defer batch.Release()
			var p Predictions
			if err := m.Predict(context.Background(), batch, 1, &p); err != nil {
				t.Fatal(err)
			}
			columns := m.Columns(&p)
			for i, f := range Fields(m.Task(), m.Target().Type) {
				if !arrow.TypeEqual(columns[i].DataType(), f.Type) || columns[i].Len() != 5 {
					t.Errorf("column %s is %s with %d rows, want %s with 5", f.Name, columns[i].DataType(), columns[i].Len(), f.Type)
				}
				if got := m.Signature().Outputs[i]; got.Name != f.Name || got.Type != f.Type.String() {
					t.Errorf("the signature has %+v for %s", got, f)
				}
			}
		})
	}
}

func TestPredictRows(t *testing.T) {
	m := classifier(t)
	texts := someTexts(2*stepRows + 3)
	rows := make([]map[string]any, len(texts))
	for i, text := range texts {
		rows[i] = map[string]any{"text": text}
	}
	answers, err := m.PredictRows(context.Background(), rows)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range answers {
		alone, err := m.PredictText(context.Background(), texts[i])
		if err != nil || fmt.Sprint(*a) != fmt.Sprint(*alone) {
			t.Errorf("%q: %v among others, %v alone (%v)", texts[i], *a, alone, err)
		}
	}
	delete(rows[stepRows+1], "text")
	if _, err := m.PredictRows(context.Background(), rows); err == nil || !strings.Contains(err.Error(), fmt.Sprintf(`row %d, column "text"`, stepRows+2)) {
		t.Errorf("error %v", err)
	}
	if none, err := m.PredictRows(context.Background(), nil); err != nil || len(none) != 0 {
		t.Errorf("no rows: %v, %v", none, err)
	}
	if m.Bytes() < 1000 {
		t.Errorf("the weights take %d bytes", m.Bytes())
	}
}

func near(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-6 }

func TestOutputThatIsNoNumber(t *testing.T) {
	m := classifier(t)
	m.network.Params()[0].Data[m.network.Params()[0].Shape[1]] = float32(math.NaN()) // of id 1, the word common
	_, err := m.PredictText(context.Background(), "common")
	if err == nil || !strings.Contains(err.Error(), "row 1: the network's output is NaN") {
		t.Errorf("error %v", err)
	}
	batch := batchOf(t, "w1", "w2", "common")
	defer batch.Release()
	if err := m.Predict(context.Background(), batch, 101, new(Predictions)); err == nil || !strings.Contains(err.Error(), "row 103:") {
		t.Errorf("error %v", err)
	}
}

func TestClassesAreSortedByValue(t *testing.T) {
	for target, want := range map[string][]string{
		"utf8": {"-1", "10", "9", "a"}, "int64": {"-10", "-9", "2", "10"}, "bool": {"false", "true"},
		"uint64": {"9", "10", "9223372036854775808", "18446744073709551615"},
	} {
		got := make([]string, len(want))
		for i, c := range want {
			got[len(want)-1-i] = c
		}
		SortClasses(target, got)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", target, got, want)
		}
	}
}

// One number for two classes is the probability of the second, or its logit.
func TestOneOutputIsTheSecondClass(t *testing.T) {
	text := dag.Column{Name: "label", Type: "utf8"}
	for _, logits := range []bool{false, true} {
		last := dense(t, 1, nn.Sigmoid)
		if logits {
			last = dense(t, 1, nn.Linear)
		}
		m := untrained(t, Manifest{Task: score.Classification, Target: text, Classes: []string{"no", "yes"}, Logits: logits}, last)
		for bias, want := range map[float32]string{-1e4: "no", 1e4: "yes"} {
			params := m.Network().Params()
			params[len(params)-1].Data[0] = bias
			a, err := m.PredictText(context.Background(), "w3 common w5")
			if err != nil || a.Prediction != want || a.Probability != 1 {
				t.Errorf("logits %v, bias %v: %+v, %v", logits, bias, a, err)
			}
		}
	}
}
