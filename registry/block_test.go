package registry

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// However points come (alone, some, many of one series or some of many; twice,
// late, from two processes), a history has each of them once, in order, and so
// have its pages and its samples.
func TestHistoryIsWhatWasLogged(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "registry.db")
	both := []*Registry{openAt(t, path), openAt(t, path)}
	run := must(both[0].CreateRun(ctx, NewRun{}))(t)
	rng := rand.New(rand.NewPCG(7, 7))
	want := make(map[string][]point)
	value := func() float64 {
		return []float64{rng.Float64(), 0, math.NaN(), math.Inf(1), -1}[min(rng.IntN(40), 4)]
	}
	var clock int64
	for range 200 {
		var list []Metric
		n := []int{1, 1, 3, 40, 200, 3000}[min(rng.IntN(60), 5)]
		keys := []int{1, 5, 100}[rng.IntN(3)]
		for range n {
			clock++
			at := clock
			if rng.IntN(20) == 0 {
				at = rng.Int64N(clock) // late
			}
			list = append(list, dot(fmt.Sprint("m", rng.IntN(keys)), value(), time.UnixMilli(at/3).UTC(), at))
		}
		for range 1 + rng.IntN(10)/9 { // some calls are made again
			ok(t, both[rng.IntN(2)].LogMetrics(ctx, run.ID, list))
		}
		for _, m := range list {
			want[m.Key] = append(want[m.Key], newPoint(m))
		}
	}
	for range 3 * gatherFrom { // enough to be gathered
		clock++
		m := dot("m0", 1, time.UnixMilli(clock/3).UTC(), clock)
		ok(t, both[0].LogMetrics(ctx, run.ID, []Metric{m}))
		want["m0"] = append(want["m0"], newPoint(m))
	}
	r := both[1]
	latest := must(r.Run(ctx, run.ID))(t).Metrics
	if len(latest) != len(want) {
		t.Fatalf("%d metrics, want %d", len(latest), len(want))
	}
	for key, list := range want {
		list = ordered(list)
		got := asPoints(must(first2(r.History(ctx, run.ID, key, 0, 0)))(t))
		if !slices.Equal(got, list) {
			t.Fatalf("%s: history has %d points, %d were logged, or they differ", key, len(got), len(list))
		}
		from, n := rng.IntN(len(list)), 1+rng.IntN(50)
		page := asPoints(must(first2(r.History(ctx, run.ID, key, from, n)))(t))
		if want := list[from:min(from+n, len(list))]; !slices.Equal(page, want) {
			t.Fatalf("%s: points %d to %d are %v, want %v", key, from, from+n, page, want)
		}
		top := slices.MaxFunc(list, func(p, q point) int {
			if p.later(q) {
				return 1
			}
			return -1
		})
		i := slices.IndexFunc(latest, func(m Metric) bool { return m.Key == key })
		if newPoint(latest[i]) != top {
			t.Errorf("%s: latest is %v, want %v", key, latest[i], top)
		}
		some := must(r.HistoryInterval(ctx, run.ID, key, 10, clock/2, math.MaxInt))(t)
		count := 0
		for _, p := range list {
			if 10 <= p.step && p.step <= clock/2 {
				count++
			}
		}
		if len(some) != count || !slices.IsSortedFunc(some, func(a, b Metric) int { return int(a.Step - b.Step) }) {
			t.Errorf("%s: %d points of an interval, want %d by step", key, len(some), count)
		}
	}
	if faults := must(r.Check(ctx))(t); len(faults) > 0 {
		t.Error(faults)
	}
	for table, most := range map[string]int{"points": 100 * gatherFrom, "batches": batchesOfRun} {
		var n int
		ok(t, r.view(ctx, func(t *tx) error { return t.row("SELECT count(*) FROM " + table).Scan(&n) }))
		if n >= most {
			t.Errorf("%d rows of %s are not gathered", n, table)
		}
	}
}

func asPoints(list []Metric) []point {
	out := make([]point, len(list))
	for i, m := range list {
		out[i] = newPoint(m)
	}
	return out
}
