package score

import (
	"bytes"
	"fmt"
	"math"
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
	if _, _, ok := rank([]int32{0, 1, 0}, 1, []float32{nan, 0.5, nan}); !ok {
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
