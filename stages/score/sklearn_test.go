package score

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"pipe/dag"
)

// recorded is what testdata/record_sklearn.py wrote.
type recorded struct {
	Sklearn        string
	Classification []struct {
		Name          string
		Classes       []string
		Truth         []string
		Probabilities [][]float32
		Metrics       map[string]float64
		PerClass      []Class `json:"per_class"`
		Confusion     [][]int64
	}
	Regression []struct {
		Name             string
		Truth, Predicted []float64
		Metrics          map[string]float64
	}
}

func loadRecorded(t *testing.T) *recorded {
	t.Helper()
	b, err := os.ReadFile("testdata/sklearn.json")
	if err != nil {
		t.Fatal(err)
	}
	r := new(recorded)
	if err := json.Unmarshal(b, r); err != nil {
		t.Fatal(err)
	}
	if len(r.Classification) == 0 || len(r.Regression) == 0 {
		t.Fatal("nothing is recorded")
	}
	return r
}

// near allows for the rounding of other orders of summation; log_loss is a
// float32 computation in scikit-learn.
func near(name string, a, b float64) bool {
	tolerance := 1e-12
	if name == "log_loss" {
		tolerance = 1e-6
	}
	return math.Abs(a-b) <= tolerance*max(1, math.Abs(b))
}

func TestClassificationEqualsScikitLearn(t *testing.T) {
	for _, rec := range loadRecorded(t).Classification {
		t.Run(rec.Name, func(t *testing.T) {
			c, err := NewClassifier(rec.Classes, "")
			if err != nil {
				t.Fatal(err)
			}
			for i, label := range rec.Truth {
				p := rec.Probabilities[i]
				predicted := slices.Index(p, slices.Max(p))
				if k := slices.Index(rec.Classes, label); k >= 0 {
					c.Add(k, predicted, p)
				} else {
					c.AddUnknown(label, predicted, p)
				}
			}
			r := c.Result()
			compareMetrics(t, r, rec.Metrics, "rows", "unknown_rows", "calibration_error")
			comparePerClass(t, r.Classes, rec.PerClass)
			for i, row := range rec.Confusion {
				if !slices.Equal(r.Confusion[i], row) {
					t.Errorf("confusion of %q: %v, scikit-learn has %v", rec.Classes[i], r.Confusion[i], row)
				}
			}
		})
	}
}

func TestRegressionEqualsScikitLearn(t *testing.T) {
	for _, rec := range loadRecorded(t).Regression {
		t.Run(rec.Name, func(t *testing.T) {
			var g Regressor
			for i, v := range rec.Truth {
				g.Add(v, rec.Predicted[i])
			}
			compareMetrics(t, g.Result(), rec.Metrics, "rows")
		})
	}
}

// compareMetrics checks the recorded metrics, and that nothing else is there
// but what scikit-learn has no number for.
func compareMetrics(t *testing.T, r *Result, want map[string]float64, ours ...string) {
	t.Helper()
	for name, w := range want {
		got, ok := r.Metrics[name]
		if !ok || !near(name, float64(got), w) {
			t.Errorf("%s is %v (there: %t), scikit-learn has %v", name, got, ok, w)
		}
	}
	for _, name := range r.ScalarNames() {
		_, recorded := want[name]
		if !recorded && !slices.Contains(ours, name) && !(name == "log_loss" && r.Unknown != nil) {
			t.Errorf("%s = %v was not recorded", name, r.Metrics[name])
		}
		if !slices.Contains(Names(r.Task), name) {
			t.Errorf("%s is not among the declared names", name)
		}
	}
}

func comparePerClass(t *testing.T, got, want []Class) {
	t.Helper()
	value := func(f *dag.Float) float64 {
		if f == nil {
			return math.Inf(-1)
		}
		return float64(*f)
	}
	for k, w := range want {
		g := got[k]
		if g.Label != w.Label || g.Support != w.Support {
			t.Errorf("class %d is %q with %d rows, want %q with %d", k, g.Label, g.Support, w.Label, w.Support)
		}
		for _, pair := range [][2]float64{
			{float64(g.Precision), float64(w.Precision)}, {float64(g.Recall), float64(w.Recall)}, {float64(g.F1), float64(w.F1)},
			{value(g.ROCAUC), value(w.ROCAUC)}, {value(g.AveragePrecision), value(w.AveragePrecision)},
		} {
			if pair[0] != pair[1] && !near("", pair[0], pair[1]) {
				t.Errorf("class %q: %+v, scikit-learn has %+v", w.Label, g, w)
				break
			}
		}
	}
}
