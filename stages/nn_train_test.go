package stages

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/model"
	"pipe/stages/score"
)

func loadModel(t testing.TB, s *artifacts.Store, ref artifacts.Ref) *model.Model {
	t.Helper()
	folder, err := s.OpenFolder(ref)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func evaluated(t testing.TB, y *toy, m, data artifacts.Ref, with string) (*score.Result, map[string]artifacts.Ref) {
	t.Helper()
	out := dagtest.Run(t, y.store, dagtest.New(t, evaluateKind.New(), with), map[string]artifacts.Ref{"model": m, "data": data})
	b, err := y.store.ReadAll(out["out"])
	if err != nil {
		t.Fatal(err)
	}
	r, err := score.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return r, out
}

func TestTrainingLearns(t *testing.T) {
	sigmoid := strings.NewReplacer("units: classes, activation: softmax", "units: 1, activation: sigmoid", "categorical", "binary")
	for _, c := range []struct {
		name, with string
		topics     []string
	}{
		{"three labels", toyTraining, []string{"cat", "dog", "owl"}},
		{"two labels, softmax", toyTraining, []string{"cat", "dog"}},
		{"two labels, sigmoid", sigmoid.Replace(toyTraining), []string{"cat", "dog"}},
		{"logits", strings.NewReplacer(", activation: softmax", "", "loss: categorical_crossentropy", "loss: { categorical_crossentropy: { from_logits: true } }").Replace(toyTraining), []string{"cat", "dog", "owl"}},
		{"balanced classes", toyTraining + "class_weight: balanced\n", []string{"cat", "cat", "cat", "owl"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			y := newToy(t, c.topics...)
			r, _ := evaluated(t, y, y.model(t, c.with), y.test, "")
			if r.Metrics["accuracy"] < 0.9 || r.Metrics["log_loss"] > 0.5 {
				t.Errorf("metrics %v", r.Metrics)
			}
		})
	}
}

func TestTrainingOnNumbers(t *testing.T) {
	y := newToy(t, "cat", "dog")
	schema := arrow.NewSchema([]arrow.Field{{Name: "text", Type: arrow.BinaryTypes.String}, {Name: "price", Type: arrow.PrimitiveTypes.Float64}}, nil)
	prices := strings.NewReplacer(`"label": "cat"`, `"price": -1.5`, `"label": "dog"`, `"price": 2`)
	y.train = dagtest.Table(t, y.store, schema, prices.Replace(toyTexts(1, 300, "cat", "dog")))
	y.validation = dagtest.Table(t, y.store, schema, prices.Replace(toyTexts(2, 60, "cat", "dog")))
	m := y.model(t, strings.NewReplacer("label", "price", "units: classes, activation: softmax", "units: 1", "categorical_crossentropy", "mse").Replace(toyTraining))
	r, _ := evaluated(t, y, m, dagtest.Table(t, y.store, schema, prices.Replace(toyTexts(3, 100, "cat", "dog"))), "")
	if r.Task != score.Regression || r.Metrics["r2"] < 0.8 {
		t.Errorf("%+v", r)
	}
	if h := loadModel(t, y.store, m).History(); h.Epochs[0].Accuracy != nil || h.Epochs[0].ValLoss == nil {
		t.Errorf("a regression has losses and no accuracy: %+v", h.Epochs[0])
	}
}

// Labels that are numbers come out as numbers, in the order of their size.
func TestTrainingOnWholeNumberLabels(t *testing.T) {
	y := newToy(t, "cat", "dog")
	schema := arrow.NewSchema([]arrow.Field{{Name: "text", Type: arrow.BinaryTypes.String}, {Name: "label", Type: arrow.PrimitiveTypes.Int32}}, nil)
	numbers := strings.NewReplacer(`"label": "cat"`, `"label": 10`, `"label": "dog"`, `"label": 9`)
	y.train = dagtest.Table(t, y.store, schema, numbers.Replace(toyTexts(1, 300, "cat", "dog")))
	y.validation = dagtest.Table(t, y.store, schema, numbers.Replace(toyTexts(2, 60, "cat", "dog")))
	m := loadModel(t, y.store, y.model(t, toyTraining))
	if c := m.Classes(); len(c) != 2 || c[0] != "9" || c[1] != "10" {
		t.Errorf("classes %q", c)
	}
	a, err := m.PredictText(context.Background(), "common1 cat1 cat2")
	if err != nil || a.Prediction != int64(10) {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestTrainingGivesEqualBytes(t *testing.T) {
	y := newToy(t, "cat", "dog", "owl")
	first := y.model(t, toyTraining)
	for _, procs := range []int{1, 2} {
		before := runtime.GOMAXPROCS(procs)
		again := y.model(t, toyTraining)
		runtime.GOMAXPROCS(before)
		if again.Digest != first.Digest {
			t.Errorf("with %d processors the model is %s, before it was %s", procs, again.Digest.Short(), first.Digest.Short())
		}
	}
	if other := y.model(t, toyTraining+"seed: 8"); other.Digest == first.Digest {
		t.Error("another seed gives the same model")
	}
	if same := y.model(t, toyTraining+"seed: 7"); same.Digest != first.Digest {
		t.Error("the pipeline's seed given to the stage gives another model")
	}
}

func TestEarlyStoppingKeepsTheBestWeights(t *testing.T) {
	y := newToy(t, "cat", "dog", "owl")
	m := loadModel(t, y.store, y.model(t, strings.Replace(toyTraining, "epochs: 12", "epochs: 60\nearly_stopping: { monitor: val_loss, patience: 2, min_delta: 0.001, restore_best: true }", 1)))
	h := m.History()
	if !h.StoppedEarly || len(h.Epochs) == 60 || h.Kept != len(h.Epochs)-2 {
		t.Errorf("%d epochs, kept %d, stopped early: %t", len(h.Epochs), h.Kept, h.StoppedEarly)
	}
}

func TestTrainingFollowsASchedule(t *testing.T) {
	y := newToy(t, "cat", "dog", "owl")
	for name, c := range map[string]struct {
		with string
		want [3]float64 // the rate in the last steps of three epochs of 19
	}{
		"cosine":  {"schedule: cosine", [3]float64{0.02 * 0.5 * (1 + math.Cos(math.Pi*18/57)), 0.02 * 0.5 * (1 + math.Cos(math.Pi*37/57)), 0.02 * 0.5 * (1 + math.Cos(math.Pi*56/57))}},
		"step":    {"schedule: { step: { epochs: 1, factor: 0.5 } }", [3]float64{0.02, 0.01, 0.005}},
		"plateau": {"schedule: { plateau: { patience: 1, min_delta: 100 } }", [3]float64{0.02, 0.02, 0.002}},
		"none":    {"", [3]float64{0.02, 0.02, 0.02}},
	} {
		h := loadModel(t, y.store, y.model(t, strings.Replace(toyTraining, "epochs: 12", "epochs: 3", 1)+c.with)).History()
		for i, e := range h.Epochs {
			if got := float64(*e.LearningRate); math.Abs(got-c.want[i]) > 1e-8 {
				t.Errorf("%s: epoch %d has the rate %v, want %v", name, e.Epoch, got, c.want[i])
			}
		}
	}
}

// A batch that is computed in parts gives nearly the same model: only sums are
// taken in another order.
func TestTrainingInMicroBatches(t *testing.T) {
	y := newToy(t, "cat", "dog", "owl")
	r, _ := evaluated(t, y, y.model(t, toyTraining+"micro_batch: 5"), y.test, "")
	if r.Metrics["accuracy"] < 0.9 {
		t.Errorf("accuracy is %v", r.Metrics["accuracy"])
	}
}

func TestTrainingReportsEpochs(t *testing.T) {
	y := newToy(t, "cat", "dog")
	many := map[string][]artifacts.Ref{}
	for p, r := range y.inputs() {
		many[p] = []artifacts.Ref{r}
	}
	var log []string
	_, metrics, err := dag.RunKind(context.Background(), y.store, dagtest.New(t, trainKind.New(), toyTraining), many, 7, nil, t.TempDir(), func(e dag.Event) {
		if e.Type == dag.StageLog {
			log = append(log, e.Text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]int64{}
	for _, m := range metrics {
		if m.Step != last[m.Name]+1 {
			t.Errorf("%s of step %d follows step %d", m.Name, m.Step, last[m.Name])
		}
		last[m.Name] = m.Step
	}
	for _, name := range []string{"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"} {
		if last[name] != 12 {
			t.Errorf("%s was reported for %d epochs of 12", name, last[name])
		}
	}
	if !strings.Contains(log[0], "300 rows to learn from, 60 to validate on; 2 classes;") {
		t.Errorf("the log begins with %q", log[0])
	}
}

func TestTrainingRefusesData(t *testing.T) {
	y := newToy(t, "cat", "dog")
	rows := func(format string, args ...any) artifacts.Ref {
		return dagtest.Table(t, y.store, nullable(), fmt.Sprintf(format, args...))
	}
	good := `{"text": "common1 cat1", "label": "cat"}, {"text": "dog1", "label": "dog"}`
	for _, c := range []struct {
		name, with, want  string
		train, validation artifacts.Ref
	}{
		{name: "one label", want: `every row of train has the label "cat" in column "label"; there is nothing to tell apart`, train: rows(`[{"text": "a", "label": "cat"}]`)},
		{name: "no rows", want: "train has no rows", train: rows(`[]`)},
		{name: "null label", want: `train: row 3, column "label": it is null`, train: rows(`[%s, {"text": "a", "label": null}]`, good)},
		{name: "null text", want: `train: row 3, column "text"`, train: rows(`[%s, {"text": null, "label": "cat"}]`, good)},
		{name: "label only in validation", want: `validation: row 2, column "label": the label "cow" is not among those of train: cat, dog`, train: rows(`[%s]`, good),
			validation: rows(`[{"text": "a", "label": "cat"}, {"text": "b", "label": "cow"}]`)},
		{name: "three labels for a sigmoid", want: `binary_crossentropy tells two labels apart and column "label" has 3: cat, cow, dog; use categorical_crossentropy`,
			with:  strings.NewReplacer("units: classes, activation: softmax", "units: 1, activation: sigmoid", "categorical", "binary").Replace(toyTraining),
			train: rows(`[%s, {"text": "b", "label": "cow"}]`, good)},
		{name: "other number of units", want: `column "label" has 2 labels and the network gives 5 numbers for each row; write units: classes`, with: strings.Replace(toyTraining, "units: classes", "units: 5", 1), train: rows(`[%s]`, good)},
		{name: "weight of no label", want: `class_weight names the label "cta", which no row of train has (did you mean "cat"?)`, with: toyTraining + "class_weight: { cta: 2 }", train: rows(`[%s]`, good)},
		{name: "no such target", want: `train has no column "labels" (its columns: text, label)`, with: strings.Replace(toyTraining, "label", "labels", 1), train: rows(`[%s]`, good)},
		{name: "diverging", want: "a lower learning rate or clip_norm may help", with: strings.Replace(toyTraining, "adam: { learning_rate: 0.02 }", "sgd: { learning_rate: 3e38 }", 1), train: y.train},
	} {
		t.Run(c.name, func(t *testing.T) {
			with := c.with
			if with == "" {
				with = toyTraining
			}
			in := map[string]artifacts.Ref{"train": c.train, "transform": y.transform}
			if c.validation.Digest != "" {
				in["validation"] = c.validation
			}
			_, err := dagtest.TryRun(t, y.store, dagtest.New(t, trainKind.New(), with), in)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v\nwant  %s", err, c.want)
			}
		})
	}
}

// nullable is the schema of the toy tables with nulls allowed.
func nullable() *arrow.Schema {
	fields := textLabel.Fields()
	for i := range fields {
		fields[i].Nullable = true
	}
	return arrow.NewSchema(fields, nil)
}
