package stages

import (
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/score"
)

// Three models answer the same rows; two of them are one model, which no test tells apart.
func TestCompareTellsWhatDifferencesAreWorth(t *testing.T) {
	y := newToy(t, "cat", "dog")
	weak := y.model(t, strings.NewReplacer("epochs: 12", "epochs: 1", "0.02", "0.0001").Replace(toyTraining))
	strong := y.model(t, toyTraining)
	k := dagtest.New(t, compareKind.New(), "{names: [weak, strong, again]}")
	in := map[string][]artifacts.Ref{"models": {weak, strong, strong}, "data": {y.test}, "choose": {y.test}}
	out, _, err := dag.RunKind(t.Context(), y.store, k, in, 7, nil, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if out["best"].Digest != strong.Digest {
		t.Errorf("the best is %v", out["best"])
	}
	b, err := y.store.ReadAll(out["out"])
	if err != nil {
		t.Fatal(err)
	}
	r, err := score.Parse(b)
	if err != nil || r.Metrics["accuracy"] < 0.9 || r.Rows != 100 {
		t.Errorf("%v, %v", r, err)
	}
	rows, err := dag.OpenTable(y.store, out["pairs"], "pairs")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for batch, err := range table.All(rows) {
		if err != nil || batch.NumRows() != 3 {
			t.Fatal(batch, err)
		}
		at := func(column string, row int) string {
			return batch.Column(batch.Schema().FieldIndices(column)[0]).ValueStr(row)
		}
		if at("first", 0) != "weak" || at("second", 0) != "strong" || at("only_second", 0) < "1" || !strings.HasPrefix(at("difference", 0), "-0.") || at("p_value", 0) == at("p_holm", 0) {
			t.Errorf("%v", batch)
		}
		if at("first", 2) != "strong" || at("second", 2) != "again" || at("p_value", 2) != "1" || at("difference", 2) != "0" {
			t.Errorf("%v", batch)
		}
	}
	page, err := y.store.ReadAll(out["report"])
	if err != nil || !strings.Contains(string(page), "<strong>strong</strong>") || !strings.Contains(string(page), "weak – again") {
		t.Errorf("%v\n%s", err, page)
	}
}

func TestCompareIsChecked(t *testing.T) {
	y := newToy(t, "cat", "dog")
	m := y.model(t, strings.NewReplacer("epochs: 12", "epochs: 1").Replace(toyTraining))
	for with, in := range map[string][]artifacts.Ref{"{}": {m}, "{names: [a]}": {m, m}, "{target: nothing}": {m, m}} {
		if _, _, err := dag.RunKind(t.Context(), y.store, dagtest.New(t, compareKind.New(), with), map[string][]artifacts.Ref{"models": in, "data": {y.test}}, 7, nil, t.TempDir(), nil); err == nil {
			t.Errorf("%s passed", with)
		}
	}
}

// A column that holds no labels is told from models that are always wrong.
func TestCompareTellsOfUnknownLabels(t *testing.T) {
	y := newToy(t, "cat", "dog")
	m := y.model(t, strings.NewReplacer("epochs: 12", "epochs: 1").Replace(toyTraining))
	compare := func(with string, data artifacts.Ref) (logs string, err error) {
		k := dagtest.New(t, compareKind.New(), with)
		_, _, err = dag.RunKind(t.Context(), y.store, k, map[string][]artifacts.Ref{"models": {m, m}, "data": {data}}, 7, nil, t.TempDir(), func(e dag.Event) { logs += e.Text + "\n" })
		return logs, err
	}
	some := dagtest.Table(t, y.store, textLabel, `[{"text": "a", "label": "cat"}, {"text": "b", "label": "cow"}]`)
	if logs, err := compare("{names: [a, b]}", some); err != nil || !strings.Contains(logs, `b: 1 rows of data have a label that the model has no class for; they count as wrong: "cow"`) {
		t.Errorf("%v\n%s", err, logs)
	}
	want := `no row of data has a label in the column "text" that a model has a class for (the classes: cat, dog)`
	if logs, err := compare("{target: text, names: [a, b]}", some); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v\n%s", err, logs)
	}
}
