package inference

import (
	"sync"
	"sync/atomic"
	"time"

	"pipe/registry"
)

// statistics are an endpoint's, by version; they outlive swaps.
type statistics struct {
	mu       sync.Mutex
	versions map[int]*versionStats
}

// of returns the statistics of a version.
func (s *statistics) of(v registry.ModelVersion) *versionStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.versions == nil {
		s.versions = map[int]*versionStats{}
	}
	st := s.versions[v.Version]
	if st == nil {
		st = &versionStats{model: v.Model, version: v.Version}
		s.versions[v.Version] = st
	}
	return st
}

// list returns the statistics of all versions that have answered.
func (s *statistics) list() []*versionStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*versionStats, 0, len(s.versions))
	for _, st := range s.versions {
		list = append(list, st)
	}
	return list
}

// versionStats counts what a version has answered.
type versionStats struct {
	model   string
	version int

	requests, rejected, failed, rows, batches atomic.Int64
	// disagreed counts the shadow's answers that were others than those returned.
	shadowed, disagreed, shadowFailed atomic.Int64

	latency histogram
	recent  window
	watch   watch
}

// batch counts a batch of rows.
func (v *versionStats) batch(rows int) {
	v.batches.Add(1)
	v.rows.Add(int64(rows))
}

// observe counts an answered request. A client that is wrong or gone is no
// failure of the version.
func (v *versionStats) observe(now time.Time, took time.Duration, status int) {
	v.requests.Add(1)
	failed := status >= 500
	switch {
	case failed:
		v.failed.Add(1)
	case status >= 400:
		v.rejected.Add(1)
	}
	v.latency.add(took)
	v.recent.add(now, took, failed)
}

// latencyBounds are the upper ends of the classes of latencies: each a quarter
// longer than the one before, from 50 µs to about a minute.
var latencyBounds = func() (b [64]time.Duration) {
	x := 50e3
	for i := range b {
		b[i] = time.Duration(x)
		x *= 1.25
	}
	return b
}()

// histogram counts latencies in the classes of latencyBounds; the last class is
// open.
type histogram struct {
	counts [len(latencyBounds) + 1]atomic.Int64
	sum    atomic.Int64
}

func classOf(d time.Duration) int {
	lo, hi := 0, len(latencyBounds)
	for lo < hi {
		if m := (lo + hi) / 2; latencyBounds[m] < d {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo
}

func (h *histogram) add(d time.Duration) {
	h.counts[classOf(d)].Add(1)
	h.sum.Add(int64(d))
}

// quantile returns the upper end of the class in which a share q of the latencies
// ends; 0 where there are none.
func quantile(counts []int64, q float64) time.Duration {
	total := int64(0)
	for _, c := range counts {
		total += c
	}
	if total == 0 {
		return 0
	}
	seen := int64(0)
	for i, c := range counts {
		seen += c
		if float64(seen) >= q*float64(total) {
			return latencyBounds[min(i, len(latencyBounds)-1)]
		}
	}
	return latencyBounds[len(latencyBounds)-1]
}

func (h *histogram) read() []int64 {
	counts := make([]int64, len(h.counts))
	for i := range h.counts {
		counts[i] = h.counts[i].Load()
	}
	return counts
}

// window keeps the last minutes in slices of a second, for limits on live
// traffic.
type window struct {
	mu     sync.Mutex
	slices [windowSeconds]slice
}

// windowSeconds is the longest time that a limit can look back.
const windowSeconds = 600

type slice struct {
	second           int64
	requests, failed int32
	counts           [len(latencyBounds) + 1]int32
}

func (w *window) add(now time.Time, took time.Duration, failed bool) {
	second := now.Unix()
	w.mu.Lock()
	s := &w.slices[second%windowSeconds]
	if s.second != second {
		*s = slice{second: second}
	}
	s.requests++
	if failed {
		s.failed++
	}
	s.counts[classOf(took)]++
	w.mu.Unlock()
}

// traffic is what happened in a span of time.
type traffic struct {
	requests, failed int64
	counts           []int64 // by class of latency
}

// since sums up the seconds of the last span.
func (w *window) since(now time.Time, span time.Duration) (t traffic) {
	t.counts = make([]int64, len(latencyBounds)+1)
	first := now.Add(-min(span, windowSeconds*time.Second)).Unix()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.slices {
		s := &w.slices[i]
		if s.second <= first || s.requests == 0 {
			continue
		}
		t.requests += int64(s.requests)
		t.failed += int64(s.failed)
		for k, c := range s.counts {
			t.counts[k] += int64(c)
		}
	}
	return t
}

// reset forgets the past, when a version begins anew.
func (w *window) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.slices[:])
}

// prune forgets versions that are on no route and answered longest ago.
func (s *statistics) prune(routed map[int]bool) {
	const spare = 8
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.versions) > spare+len(routed) {
		oldest := -1
		for number := range s.versions {
			if !routed[number] && (oldest < 0 || number < oldest) {
				oldest = number
			}
		}
		if oldest < 0 {
			return
		}
		delete(s.versions, oldest)
	}
}
