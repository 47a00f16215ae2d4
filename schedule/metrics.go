package schedule

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"pipe/registry"
)

// latenessBounds are the upper bounds of the histogram of lateness, in seconds.
var latenessBounds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 60}

// Metrics counts what the engine does, for Prometheus. The zero value is ready.
type Metrics struct {
	mu         sync.Mutex
	runs       map[runCount]int64
	seconds    map[string]float64 // of runs that ended, by schedule
	lateRuns   map[string]int64
	active     map[string]int64
	taken      int64
	bounds     [12]int64
	lateSum    float64
	lateCount  int64
	worst      time.Duration
	latenesses []time.Duration // the last thousand, for percentiles
}

type runCount struct {
	schedule string
	state    registry.FireState
}

func (m *Metrics) lateness(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := d.Seconds()
	i, _ := slices.BinarySearch(latenessBounds, s)
	m.bounds[i]++
	m.lateSum, m.lateCount, m.worst = m.lateSum+s, m.lateCount+1, max(m.worst, d)
	if len(m.latenesses) == 10_000 {
		m.latenesses = m.latenesses[1:]
	}
	m.latenesses = append(m.latenesses, d)
}

// Lateness gives a percentile, from 0 to 1, of how late the last 10,000 fire
// times were seen to.
func (m *Metrics) Lateness(share float64) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.latenesses) == 0 {
		return 0
	}
	s := slices.Clone(m.latenesses)
	slices.Sort(s)
	return s[min(int(share*float64(len(s))), len(s)-1)]
}

func (m *Metrics) started(schedule string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.active == nil {
		m.active = map[string]int64{}
	}
	m.active[schedule]++
}

func (m *Metrics) skipped(schedule string) { m.count(schedule, registry.FireSkipped, 0) }

func (m *Metrics) ended(schedule string, state registry.FireState, took time.Duration) {
	m.mu.Lock()
	if m.active[schedule] > 0 {
		m.active[schedule]--
	}
	m.mu.Unlock()
	m.count(schedule, state, took)
}

func (m *Metrics) count(schedule string, state registry.FireState, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.runs == nil {
		m.runs, m.seconds = map[runCount]int64{}, map[string]float64{}
	}
	m.runs[runCount{schedule, state}]++
	m.seconds[schedule] += took.Seconds()
}

func (m *Metrics) late(schedule string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lateRuns == nil {
		m.lateRuns = map[string]int64{}
	}
	m.lateRuns[schedule]++
}

func (m *Metrics) adopted() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.taken++
}

// Write gives the metrics in Prometheus' text format. Counters are of this
// process and begin at 0 when it starts.
func (m *Metrics) Write(w io.Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	head := func(name, kind, help string) { fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind) }
	head("pipe_schedule_runs_total", "counter", "Scheduled runs that ended, by state.")
	keys := slices.SortedFunc(maps.Keys(m.runs), func(a, b runCount) int {
		return cmp.Or(cmp.Compare(a.schedule, b.schedule), cmp.Compare(a.state, b.state))
	})
	for _, k := range keys {
		fmt.Fprintf(w, "pipe_schedule_runs_total{schedule=%q,state=%q} %d\n", k.schedule, k.state, m.runs[k])
	}
	head("pipe_schedule_run_seconds_total", "counter", "How long scheduled runs took.")
	for _, s := range slices.Sorted(maps.Keys(m.seconds)) {
		fmt.Fprintf(w, "pipe_schedule_run_seconds_total{schedule=%q} %g\n", s, m.seconds[s])
	}
	head("pipe_schedule_active_runs", "gauge", "Scheduled runs under way.")
	for _, s := range slices.Sorted(maps.Keys(m.active)) {
		fmt.Fprintf(w, "pipe_schedule_active_runs{schedule=%q} %d\n", s, m.active[s])
	}
	head("pipe_schedule_late_runs_total", "counter", "Scheduled runs that passed their deadline.")
	for _, s := range slices.Sorted(maps.Keys(m.lateRuns)) {
		fmt.Fprintf(w, "pipe_schedule_late_runs_total{schedule=%q} %d\n", s, m.lateRuns[s])
	}
	head("pipe_schedule_adopted_runs_total", "counter", "Runs of earlier processes that were taken over.")
	fmt.Fprintf(w, "pipe_schedule_adopted_runs_total %d\n", m.taken)
	head("pipe_schedule_lateness_seconds", "histogram", "How long after its time a fire was seen to.")
	sum := int64(0)
	for i, b := range latenessBounds {
		sum += m.bounds[i]
		fmt.Fprintf(w, "pipe_schedule_lateness_seconds_bucket{le=\"%g\"} %d\n", b, sum)
	}
	fmt.Fprintf(w, "pipe_schedule_lateness_seconds_bucket{le=\"+Inf\"} %d\n", m.lateCount)
	fmt.Fprintf(w, "pipe_schedule_lateness_seconds_sum %g\npipe_schedule_lateness_seconds_count %d\n", m.lateSum, m.lateCount)
}
