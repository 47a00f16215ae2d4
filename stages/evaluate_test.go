package stages

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/report"
	"pipe/stages/score"
)

func TestEvaluateWritesAll(t *testing.T) {
	y := newToy(t, "cat", "dog", "owl")
	m := y.model(t, toyTraining)
	r, out := evaluated(t, y, m, y.test, "")
	if r.Rows != 100 || len(r.Classes) != 3 || r.Unknown != nil {
		t.Errorf("%+v", r)
	}
	rows := dagtest.Rows(t, y.store, out["predictions"])
	if strings.Count(rows, "\n") != 100 || out["predictions"].Rows != 100 || out["predictions"].Format != "parquet" {
		t.Errorf("predictions: %+v\n%.300s", out["predictions"], rows)
	}
	for _, part := range []string{`"text":`, `"label":"owl"`, `"prediction":"owl"`, `"probability":0.9`, `"probabilities":[`} {
		if !strings.Contains(rows, part) {
			t.Errorf("the predictions lack %s:\n%.300s", part, rows)
		}
	}
	page, err := y.store.ReadAll(out["report"])
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"<h1>Predicting label from text</h1>", "Confusion matrix", "Accuracy", "Loss", "embedding", "categorical_crossentropy", "adam (", m.Digest.Short()} {
		if !strings.Contains(string(page), part) {
			t.Errorf("the report lacks %q", part)
		}
	}
	_, again := evaluated(t, y, m, y.test, "")
	for port, ref := range out {
		if again[port] != ref {
			t.Errorf("a second time %s is %s and not %s", port, again[port].Digest.Short(), ref.Digest.Short())
		}
	}
}

// A label that was in no training row is always wrong, and is reported.
func TestEvaluateUnknownLabels(t *testing.T) {
	y := newToy(t, "cat", "dog")
	m := y.model(t, toyTraining)
	data := dagtest.Table(t, y.store, textLabel, `[{"text": "cat1 common1", "label": "cat"}, {"text": "dog1 common2", "label": "<cow>"}, {"text": "dog2", "label": "dog"}, {"text": "", "label": "<cow>"}]`)
	r, out := evaluated(t, y, m, data, "")
	if r.Metrics["unknown_rows"] != 2 || r.Metrics["accuracy"] != 0.5 || r.Unknown.Labels[0] != (score.UnknownLabel{Label: "<cow>", Support: 2}) {
		t.Errorf("%+v, %+v", r.Metrics, r.Unknown)
	}
	page, err := y.store.ReadAll(out["report"])
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "&lt;cow&gt;") || !strings.Contains(string(page), "does not know") {
		t.Error("the report does not tell of the label")
	}
}

// Where no label is known, the column is hardly that of the truth; where some are not,
// the log names them and where they begin.
func TestEvaluateTellsOfUnknownLabels(t *testing.T) {
	y := newToy(t, "cat", "dog")
	m := y.model(t, strings.NewReplacer("epochs: 12", "epochs: 1").Replace(toyTraining))
	evaluate := func(with, rows string) (logs string, err error) {
		in := map[string][]artifacts.Ref{"model": {m}, "data": {dagtest.Table(t, y.store, textLabel, rows)}}
		_, _, err = dag.RunKind(t.Context(), y.store, dagtest.New(t, &Evaluate{}, with), in, 7, nil, t.TempDir(), func(e dag.Event) { logs += e.Text + "\n" })
		return logs, err
	}
	logs, err := evaluate("{}", `[{"text": "a", "label": "cow"}, {"text": "b", "label": "cat"}, {"text": "c", "label": "cow"}, {"text": "d", "label": "pig"}]`)
	if want := `3 of 4 rows have a label that the model has no class for; they count as wrong: "cow" (2 rows, from row 1), "pig" (row 4)`; err != nil || !strings.Contains(logs, want) {
		t.Errorf("%v\n%s", err, logs)
	}
	some := `[{"text": "a", "label": "cat"}, {"text": "b", "label": "dog"}, {"text": "a", "label": "dog"}]`
	want := `no row of data has a label in the column "text" that the model has a class for: "a" (2 rows, from row 1), "b" (row 2); its classes are cat, dog. Set target to`
	if logs, err := evaluate("{target: text}", some); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v\n%s", err, logs)
	}
	var many []string
	for i := range 9 {
		many = append(many, fmt.Sprintf(`{"text": "x", "label": "n%d"}`, i))
	}
	if _, err := evaluate("{}", "["+strings.Join(many, ", ")+"]"); err == nil || !strings.Contains(err.Error(), `"n4" (row 5), and 4 more labels; its`) {
		t.Error(err)
	}
}

func TestEvaluateOptions(t *testing.T) {
	y := newToy(t, "cat", "dog")
	m := y.model(t, toyTraining)
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}, {Name: "text", Type: arrow.BinaryTypes.String}, {Name: "truth", Type: arrow.BinaryTypes.String}}, nil)
	data := dagtest.Table(t, y.store, schema, `[{"id": 7, "text": "cat1 cat2", "truth": "cat"}, {"id": 8, "text": "dog1", "truth": "cat"}]`)
	r, out := evaluated(t, y, m, data, "{ target: truth, positive: cat, columns: [id], mistakes: 0 }")
	if r.Positive != "cat" || r.Metrics["recall"] != 0.5 || r.Metrics["precision"] != 1 {
		t.Errorf("%s: %+v", r.Positive, r.Metrics)
	}
	rows := dagtest.Rows(t, y.store, out["predictions"])
	if !strings.Contains(rows, `"id":7`) || strings.Contains(rows, `"text"`) {
		t.Errorf("kept columns: %s", rows)
	}
}

func TestEvaluateRefuses(t *testing.T) {
	y := newToy(t, "cat", "dog")
	m := y.model(t, strings.Replace(toyTraining, "epochs: 12", "epochs: 1", 1))
	one := arrow.NewSchema([]arrow.Field{{Name: "text", Type: arrow.BinaryTypes.String}}, nil)
	taken := arrow.NewSchema(append(textLabel.Fields(), arrow.Field{Name: "prediction", Type: arrow.BinaryTypes.String}), nil)
	for _, c := range []struct {
		name, with, want string
		data             artifacts.Ref
	}{
		{"no truth", "", `data has no column "label" to compare with (its columns: text)`, dagtest.Table(t, y.store, one, `[{"text": "a"}]`)},
		{"null truth", "", `row 2, column "label": it is null`, dagtest.Table(t, y.store, nullable(), `[{"text": "a", "label": "cat"}, {"text": "a", "label": null}]`)},
		{"no rows", "", "data has no rows to evaluate on", dagtest.Table(t, y.store, textLabel, `[]`)},
		{"no such class", "positive: cow", `the positive class "cow" is none of the model's: "cat" and "dog"`, y.test},
		{"a column of the same name", "", `the table has a column "prediction", as the predictions have`, dagtest.Table(t, y.store, taken, `[{"text": "a", "label": "cat", "prediction": "x"}]`)},
		{"no such column", "columns: [txt]", `the table has no column "txt" to keep (did you mean "text"?)`, y.test},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := dagtest.TryRun(t, y.store, dagtest.New(t, evaluateKind.New(), c.with), map[string]artifacts.Ref{"model": m, "data": c.data})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v\nwant  %s", err, c.want)
			}
		})
	}
}

// modelSchema is what nn.train promises.
func modelSchema(t *testing.T) dag.Schema {
	t.Helper()
	out, problems := dagtest.Check(dagtest.New(t, trainKind.New(), toyTraining), trainSchemas(arrow.BinaryTypes.String))
	if problems != "" {
		t.Fatal(problems)
	}
	return out["out"]
}

// What the checker promises is what the run gives.
func TestCheckedSchemasAreThoseOfTheRun(t *testing.T) {
	y := newToy(t, "cat", "dog")
	m := y.model(t, strings.Replace(toyTraining, "epochs: 12", "epochs: 1", 1))
	in := map[string]dag.Schema{"model": modelSchema(t), "data": tableSchema("split.test", textLabel.Fields()...)}
	for port, k := range map[string]dag.Kind{"predictions": dagtest.New(t, evaluateKind.New(), ""), "out": dagtest.New(t, predictKind.New(), "columns: [text]")} {
		promised, problems := dagtest.Check(k, in)
		if problems != "" {
			t.Fatal(problems)
		}
		out := dagtest.Run(t, y.store, k, map[string]artifacts.Ref{"model": m, "data": y.test})
		r, err := dag.OpenTable(y.store, out[port], port)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for i, f := range r.Schema().Fields() {
			if want := promised[port].Table.Field(i); f.Name != want.Name || f.Type.String() != want.Type.String() {
				t.Errorf("%s: column %d is %s %s, promised was %s %s", port, i, f.Name, f.Type, want.Name, want.Type)
			}
		}
	}
}

func TestCheckEvaluateAndPredict(t *testing.T) {
	data := tableSchema("split.test", arrow.Field{Name: "body", Type: arrow.BinaryTypes.String}, arrow.Field{Name: "label", Type: arrow.BinaryTypes.String})
	in := map[string]dag.Schema{"model": modelSchema(t), "data": data}
	out, problems := dagtest.Check(dagtest.New(t, evaluateKind.New(), "target: lable"), in)
	for _, want := range []string{
		`in.data: split.test has no column "text", which is to be read (its columns: body, label)`,
		`target: split.test has no column "lable" (did you mean "label"?)`,
	} {
		if !strings.Contains(problems, want) {
			t.Errorf("problems\n%s\nlack\n%s", problems, want)
		}
	}
	if !out["out"].HasMetric("accuracy") || out["out"].HasMetric("rmse") {
		t.Errorf("the metrics are %v", out["out"].Metrics)
	}
	data.Table = textLabel
	in["data"] = data
	if _, problems = dagtest.Check(dagtest.New(t, predictKind.New(), "columns: [txt]"), in); problems != `columns: split.test has no column "txt" (did you mean "text"?)` {
		t.Errorf("problems %q", problems)
	}
}

func TestSampleIsEven(t *testing.T) {
	var s sample
	for i := range 10 * samplePoints {
		s.add(report.Point{Truth: float64(i)})
	}
	if n := len(s.points); n < samplePoints || n >= 2*samplePoints {
		t.Fatalf("%d points", n)
	}
	for i, p := range s.points {
		if p.Truth != float64(i*s.every) {
			t.Fatalf("point %d is row %v, every %d-th is kept", i, p.Truth, s.every)
		}
	}
}

func TestWorstKeepsTheGreatest(t *testing.T) {
	w := worst{most: 3}
	for i, weight := range []float64{0.5, 0.9, 0.5, 0.1, 0.9, 0.7} {
		if w.takes(weight) {
			w.add(weight, report.Mistake{Row: int64(i)})
		}
	}
	if w.list[0].Row != 1 || w.list[1].Row != 4 || w.list[2].Row != 5 {
		t.Errorf("%+v", w.list)
	}
	if none := (&worst{}); none.takes(1) {
		t.Error("no mistakes are wanted")
	}
}
