package score

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestResultIsReadBack(t *testing.T) {
	c, err := NewClassifier([]string{"ham", "spam"}, "ham")
	if err != nil {
		t.Fatal(err)
	}
	c.Add(0, 0, []float32{0.9, 0.1})
	c.Add(1, 0, []float32{0.6, 0.4})
	c.AddUnknown("<eggs>", 1, []float32{0.2, 0.8})
	r := c.Result()
	if r.Positive != "ham" || r.Metrics["precision"] != 0.5 || r.Metrics["recall"] != 1 {
		t.Errorf("about the positive class: %+v", r.Metrics)
	}
	b, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	b2, err := again.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, b2) {
		t.Errorf("encode, parse, encode gives\n%s\nthen\n%s", b, b2)
	}
}

func TestParseRefuses(t *testing.T) {
	for in, want := range map[string]string{
		`{"version": 2}`: "version 2",
		`{"version": "`:  "read metrics",
		`{}`:             "version 0",
	} {
		if _, err := Parse([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", in, err, want)
		}
	}
}

func TestPositiveClassMustFit(t *testing.T) {
	if _, err := NewClassifier([]string{"a", "b", "c"}, "a"); err == nil || !strings.Contains(err.Error(), "has 3") {
		t.Errorf("three classes: %v", err)
	}
	if _, err := NewClassifier([]string{"a", "b"}, "c"); err == nil || !strings.Contains(err.Error(), `"c"`) {
		t.Errorf("no such class: %v", err)
	}
}

func TestManyUnknownLabelsAreBounded(t *testing.T) {
	c, err := NewClassifier([]string{"a", "b"}, "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		c.AddUnknown(fmt.Sprintf("id %03d", i), i%2, []float32{0.5, 0.5})
	}
	c.AddUnknown("id 050", 0, []float32{0.5, 0.5})
	u := c.Result().Unknown
	if u.Rows != 101 || u.Distinct != 100 || len(u.Labels) != shownUnknown {
		t.Errorf("rows %d, distinct %d, %d listed", u.Rows, u.Distinct, len(u.Labels))
	}
	if u.Labels[0] != (UnknownLabel{"id 050", 2}) || u.Labels[1].Label != "id 000" {
		t.Errorf("the most frequent come first, then by name: %v", u.Labels[:2])
	}
}

func TestNoRows(t *testing.T) {
	c, err := NewClassifier([]string{"a", "b"}, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Result{c.Result(), new(Regressor).Result()} {
		for name, v := range r.Metrics {
			if v != 0 {
				t.Errorf("%s: %s is %v", r.Task, name, v)
			}
		}
		if _, err := r.Encode(); err != nil {
			t.Error(err)
		}
	}
}

// Scores that are not numbers must not hang the ranking; who predicts reports
// them before they come here.
func TestRankEndsOnNaN(t *testing.T) {
	nan := float32(math.NaN())
	if _, ok := rank([]int32{0, 1, 0}, 1, []float32{nan, 0.5, nan}, true); !ok {
		t.Error("one row of three is of the class")
	}
}

func TestNamesOfNoTaskAreAll(t *testing.T) {
	all := strings.Join(Names(""), " ")
	for _, name := range append(Names(Classification), Names(Regression)...) {
		if !strings.Contains(all, name) {
			t.Errorf("%s is missing in %s", name, all)
		}
	}
}

// The areas under the curves are the metrics.
func TestCurves(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	c, err := NewClassifier([]string{"no", "yes"}, "")
	if err != nil {
		t.Fatal(err)
	}
	for range 5000 {
		truth := rng.IntN(2)
		p := min(1, max(0, float32(0.5+0.2*(2*float64(truth)-1)+0.3*rng.NormFloat64())))
		best := 0
		if p > 0.5 {
			best = 1
		}
		c.Add(truth, best, []float32{1 - p, p})
	}
	r := c.Result()
	area, step, last := 0.0, 0.0, Point{}
	for _, p := range r.ROC {
		area += (p[0] - last[0]) * (p[1] + last[1]) / 2
		last = p
	}
	last = Point{}
	for _, p := range r.PrecisionRecall {
		step += (p[0] - last[0]) * p[1]
		last = p
	}
	if math.Abs(area-float64(r.Metrics["roc_auc"])) > 1e-3 || math.Abs(step-float64(r.Metrics["average_precision"])) > 1e-2 {
		t.Errorf("areas %v and %v, metrics %v", area, step, r.Metrics)
	}
	if n := len(r.ROC); n < 100 || n > 2*curvePoints || r.ROC[n-1] != (Point{1, 1}) {
		t.Errorf("%d points, the last is %v", n, r.ROC[n-1])
	}
}

func TestCalibration(t *testing.T) {
	c, err := NewClassifier([]string{"no", "yes"}, "")
	if err != nil {
		t.Fatal(err)
	}
	c.Add(0, 0, []float32{0.875, 0.125})
	c.Add(1, 0, []float32{0.875, 0.125})
	c.Add(1, 1, []float32{0, 1})
	c.Add(0, 1, []float32{0.4375, 0.5625})
	r := c.Result()
	want := []Bin{{1, 0.5625, 0}, {2, 0.875, 0.5}, {1, 1, 1}}
	if fmt.Sprint(r.Calibration) != fmt.Sprint(want) {
		t.Errorf("bins %v, want %v", r.Calibration, want)
	}
	if e := r.Metrics["calibration_error"]; e != (0.5625+0.75+0)/4 {
		t.Errorf("calibration error %v", e)
	}
}

func TestTopFiveLooksAtFiveAnswers(t *testing.T) {
	c, err := NewClassifier([]string{"a", "b", "c", "d", "e", "f"}, "")
	if err != nil {
		t.Fatal(err)
	}
	p := []float32{0.3, 0.2, 0.2, 0.1, 0.1, 0.1}
	for truth := range 6 { // of equally probable ones the first counts first, so f is sixth
		c.Add(truth, 0, p)
	}
	c.AddUnknown("g", 0, p)
	if got := float64(c.Result().Metrics["top_5_accuracy"]); got != 5.0/7 {
		t.Errorf("top_5_accuracy is %v, want 5/7", got)
	}
	if c, _ := NewClassifier([]string{"a", "b", "c", "d", "e"}, ""); c.Result().Metrics["top_5_accuracy"] != 0 {
		t.Error("five answers of five classes are measured")
	}
}
