package roofline

import (
	"testing"
	"time"
)

// TestNothingIsAboveTheRoof allows for the noise of a machine that others use: what
// is measured in turn with its roof may seem a little higher.
func TestNothingIsAboveTheRoof(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: it takes a second")
	}
	p := MeasurePeak(100 * time.Millisecond)
	if p.Cores < 1 || p.GFLOPS <= 0 || p.GBs <= 0 {
		t.Fatalf("the peak is %+v", p)
	}
	bounds := map[string]int{}
	Measure(p, time.Millisecond, func(r Result) {
		bounds[r.Bound]++
		if r.Share <= 0 || r.Microseconds <= 0 {
			t.Errorf("%+v", r)
		}
	})
	if bounds["memory"] < 1 || bounds["arithmetic"] < 1 { // how many depends on what else the machine does
		t.Errorf("%v loops are bound by either", bounds)
	}
}

func TestTheLowerRoofCounts(t *testing.T) {
	p := Peak{GFLOPS: 100, GBs: 10}
	if r := p.judge("product", 1e9, 1e6, 0.02); r.Bound != "arithmetic" || r.Share != 0.5 || r.GFLOPS != 50 {
		t.Errorf("%+v", r)
	}
	if r := p.judge("sum", 1e6, 1e9, 0.2); r.Bound != "memory" || r.Share != 0.5 || r.GBs != 5 {
		t.Errorf("%+v", r)
	}
}
