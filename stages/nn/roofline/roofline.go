// Package roofline measures what this machine can compute and carry, and how much of
// it the loops of networks reach (Williams, Waterman and Patterson 2009).
package roofline

import (
	"runtime"
	"time"

	"pipe/stages/nn/kernel"
)

// Peak is what the machine can do at most.
type Peak struct {
	Loops  string  `json:"loops"` // the instruction set in use
	Cores  int     `json:"cores"`
	GFLOPS float64 `json:"gflops"` // fused multiply-adds that touch no memory, two operations each
	GBs    float64 `json:"gb_s"`   // sum of two arrays in memory into a third: two reads and one write
}

// Result is one loop.
type Result struct {
	Name         string  `json:"name"`
	Microseconds float64 `json:"microseconds"` // for a call
	GFLOPS       float64 `json:"gflops,omitempty"`
	GBs          float64 `json:"gb_s,omitempty"`
	// Share is how much is reached of the roof over the loop: the lower of the peak
	// of arithmetic and what memory can bring for it.
	Share float64 `json:"share"`
	Bound string  `json:"bound"` // "arithmetic" or "memory"
}

// MeasurePeak measures the machine for about the given time.
func MeasurePeak(limit time.Duration) Peak {
	p := Peak{Loops: kernel.Features(), Cores: runtime.GOMAXPROCS(0)}
	const rounds = 200_000
	operations := float64(p.Cores) * float64(kernel.Burn(rounds))
	seconds := best(limit/2, func() {
		kernel.Parallel(p.Cores, 1, func(lo, hi int) {
			for range hi - lo {
				kernel.Burn(rounds)
			}
		})
	})
	p.GFLOPS = operations / seconds / 1e9

	const n = 1 << 24 // 64 MiB each, more than caches hold
	a, b, c := make([]float32, n), make([]float32, n), make([]float32, n)
	p.GBs = 3 * 4 * n / best(limit/2, func() { kernel.Add(c, a, b) }) / 1e9
	return p
}

// best is the least time of a call in seconds, after one that does not count.
func best(limit time.Duration, f func()) float64 {
	f()
	least := time.Duration(1<<63 - 1)
	for begin, calls := time.Now(), 0; calls < 3 || time.Since(begin) < limit; calls++ {
		start := time.Now()
		f()
		least = min(least, time.Since(start))
	}
	return max(least, 1).Seconds()
}

// judge holds a loop of so many operations and bytes in memory against the roof.
func (p Peak) judge(name string, operations, bytes, seconds float64) Result {
	r := Result{Name: name, Microseconds: 1e6 * seconds, GFLOPS: operations / seconds / 1e9, GBs: bytes / seconds / 1e9}
	arithmetic, memory := operations/p.GFLOPS/1e9, bytes/p.GBs/1e9
	r.Bound, r.Share = "arithmetic", arithmetic/seconds
	if memory > arithmetic {
		r.Bound, r.Share = "memory", memory/seconds
	}
	return r
}
