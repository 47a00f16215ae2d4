package stages

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pipe/artifacts"
	"pipe/dag/dagtest"
)

func TestSample(t *testing.T) {
	s := dagtest.Store(t)
	labels := manyLabels(rand.New(rand.NewPCG(1, 2)), 203)
	in := labelled(t, s, labels)
	run := func(with string) []int {
		return numbers(t, s, dagtest.Run(t, s, dagtest.New(t, &Sample{}, with), map[string]artifacts.Ref{"in": in}))["out"]
	}
	for _, c := range []struct {
		with string
		want int
	}{
		{"rows: 50", 50}, {"rows: 1", 1}, {"rows: 203", 203}, {"rows: 5000", 203}, {"share: 0.1", 20}, {"share: 1", 203}, {"{rows: 7, order: table}", 7},
	} {
		got := run(c.with)
		if len(got) != c.want || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("%s: %d rows, want %d in their order, each once: %v", c.with, len(got), c.want, got)
		}
	}
	if got := run("{rows: 3, order: table}"); !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("the first rows: %v", got)
	}
	if slices.Equal(run("{rows: 50, seed: 1}"), run("{rows: 50, seed: 2}")) {
		t.Error("two seeds draw the same rows")
	}
	total, here := map[string]int{}, map[string]int{}
	for _, l := range labels {
		total[l]++
	}
	for _, n := range run("{share: 0.3, stratify: label}") {
		here[labels[n]]++
	}
	for l, n := range total {
		if off := float64(here[l]) - 0.3*float64(n); off <= -1 || off >= 1 || here[l] == 0 {
			t.Errorf("%d of %d rows of %s were drawn", here[l], n, l)
		}
	}
}

func TestSampleProblems(t *testing.T) {
	problemsOf(t, sampleKind.New, peopleIn, map[string]string{
		"{}":                                     ": with.share or with.rows must say how many rows are wanted",
		"{share: 0.1, rows: 5}":                  "rows: cannot be used together with share",
		"{rows: 5, stratify: nam}":               `stratify: people has no column "nam" (did you mean "name"?)`,
		"{rows: 5, stratify: since}":             `stratify: a column of classes must be text, whole numbers or true and false; "since" is date`,
		"{rows: 5, stratify: age, order: table}": `stratify: cannot be used with "order: table", which lets the place of a row decide`,
	})
	s := dagtest.Store(t)
	_, err := dagtest.TryRun(t, s, dagtest.New(t, &Sample{}, "rows: 1"), map[string]artifacts.Ref{"in": dagtest.Table(t, s, splitSchema, "[]")})
	if want := "the table has no rows to draw from"; fmt.Sprint(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
}
