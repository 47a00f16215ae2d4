package drift

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
)

var rule = Rule{Measure: ByPSI, Threshold: 0.2, MissingChange: 0.1, Bins: 10}

func categories(name string, values ...string) *Column {
	c := NewCategories(name)
	for _, v := range values {
		if v == "" {
			c.AddMissing()
		} else {
			c.AddCategory(v)
		}
	}
	return c
}

func TestCompare(t *testing.T) {
	a, b := squares()
	x, y := NewNumbers("x", 7), NewNumbers("x", 7)
	for i := range a {
		x.AddNumber(a[i])
		y.AddNumber(b[i])
	}
	x.AddNumber(math.NaN())
	y.AddNumber(math.Inf(1))
	r := Compare(
		[]*Column{x, categories("<b>plan", "a", "a", "b", "b"), categories("gap", "u", "u", "u", "u")},
		[]*Column{y, categories("<b>plan", "a", "a", "c", "b"), categories("gap", "u", "u", "", "u")}, rule)
	if r.ReferenceRows != 1001 || r.Rows != 1001 || r.Drifted != 3 {
		t.Errorf("%d columns drifted, of %d and %d rows", r.Drifted, r.ReferenceRows, r.Rows)
	}
	n, plan, gap := r.Columns[0], r.Columns[1], r.Columns[2]
	if !near(*n.PSI, 0.3830813706380277) || !near(*n.Wasserstein, 0.1666665) || len(n.Bins) != 10 || n.Sampled || n.Missing != 1.0/1001 {
		t.Errorf("x: %+v", n)
	}
	if !slices.Equal(plan.New, []string{"c"}) || plan.NewShare != 0.25 || !plan.Drifted || plan.Wasserstein != nil {
		t.Errorf("plan: %+v", plan)
	}
	if want := "25 % of the values are missing, in the reference 0 %"; len(gap.Why) != 1 || gap.Why[0] != want || *gap.PSI != 0 || gap.PValue != nil {
		t.Errorf("gap: %+v", gap)
	}
	var page bytes.Buffer
	if err := r.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"3 of 3 columns have drifted", "&lt;b&gt;plan", "Kolmogorov-Smirnov D", "chi²", "0.3831", "New here, 25.0\u202f%"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page.String(), "<b>plan") || strings.Contains(page.String(), "http:") || strings.Contains(page.String(), "https:") {
		t.Error("the page has markup from the data, or a link")
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

// A side without values has no figures, and nothing fails.
func TestCompareNothing(t *testing.T) {
	for _, measure := range []Measure{ByPSI, ByJensenShannon, ByPValue} {
		r := Compare([]*Column{NewNumbers("x", 1), NewCategories("y")}, []*Column{NewNumbers("x", 1), categories("y", "a")},
			Rule{Measure: measure, Threshold: measure.Threshold(), MissingChange: 0.1, Bins: 10})
		if r.Drifted != 0 || r.Columns[0].PSI != nil {
			t.Errorf("%s: %+v", measure, r.Columns[0])
		}
		if _, err := json.Marshal(r); err != nil {
			t.Error(err)
		}
		if err := r.WriteHTML(new(bytes.Buffer)); err != nil {
			t.Error(err)
		}
	}
}

// Memory is bounded, and a table against itself has not moved.
func TestManyValues(t *testing.T) {
	x, c := NewNumbers("x", 7), NewCategories("c")
	for i := range 250_000 {
		x.AddNumber(float64(i % 1000))
		c.AddCategory(strings.Repeat("x", i%11) + string(rune('a'+i%20_000)))
	}
	if len(x.sample) != sampleSize || len(c.counts) != maxCategories {
		t.Fatalf("%d numbers and %d categories are kept", len(x.sample), len(c.counts))
	}
	r := Compare([]*Column{x, c}, []*Column{x, c}, rule)
	if r.Drifted != 0 || !r.Columns[0].Sampled || len(r.Columns[1].Bins) != mostShown || r.Columns[1].New != nil {
		t.Errorf("%+v %+v", r.Columns[0], r.Columns[1])
	}
}
