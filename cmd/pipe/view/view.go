// Package view shows a run to the person who started it: live on a terminal,
// line by line elsewhere, as JSON for programs.
package view

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"pipe/artifacts"
	"pipe/dag"
)

// Row is what a view shows of a stage before anything has happened to it.
type Row struct {
	Name, Kind string
	Effect     bool
}

// Rows are the stages of a pipeline, each after its inputs.
func Rows(p *dag.Pipeline) []Row {
	rows := make([]Row, len(p.Order))
	for i, s := range p.Order {
		rows[i] = Row{Name: s.Name, Kind: s.Info.Name, Effect: s.Info.Effect}
	}
	return rows
}

// Memorized are the same of a memo.
func Memorized(stages []dag.MemoStage) []Row {
	rows := make([]Row, len(stages))
	for i, s := range stages {
		rows[i] = Row{Name: s.Name, Kind: s.Kind}
	}
	return rows
}

// stage is what a view knows of one stage.
type stage struct {
	name, kind string
	state      dag.EventType
	began      time.Time
	seconds    float64
	done       int64
	total      int64
	unit       string
	rates      rate
	points     []dag.Metric // the newest of each series
	metrics    string
	log        string
	outputs    map[string]artifacts.Ref
	text       string
	effect     bool
}

// rate tells how fast a stage goes, from its progress.
type rate struct {
	began time.Time
	first int64
	speed float64 // units a second
}

func (r *rate) observe(now time.Time, done int64) {
	if r.began.IsZero() || done < r.first {
		r.began, r.first = now, done
		return
	}
	if s := now.Sub(r.began).Seconds(); s > 0.2 {
		r.speed = float64(done-r.first) / s
	}
}

// take folds an event of the stage into it.
func (s *stage) take(e *dag.Event) {
	switch e.Type {
	case dag.StageQueued:
		s.state, s.began, s.text = e.Type, e.Time, e.Text
	case dag.StageStarted:
		s.state, s.began = e.Type, e.Time
	case dag.StageProgress:
		s.done, s.total, s.unit = e.Done, e.Total, e.Unit
		s.rates.observe(e.Time, e.Done)
	case dag.StageMetric:
		s.points = latest(s.points, e.Metrics)
		s.metrics = metricsText(s.points)
	case dag.StageLog:
		s.log = e.Text
	case dag.StageCached, dag.StageFinished, dag.StageFailed, dag.StageSkipped, dag.StageWaiting:
		s.state, s.seconds, s.outputs, s.text = e.Type, e.Seconds, e.Outputs, e.Text
		if e.Type == dag.StageCached {
			s.metrics = metricsText(e.Metrics)
		}
	}
}

// latest keeps the newest point of each series, in the order of their first.
func latest(kept, more []dag.Metric) []dag.Metric {
	for _, m := range more {
		i := slices.IndexFunc(kept, func(k dag.Metric) bool { return k.Name == m.Name })
		if i < 0 {
			kept = append(kept, m)
		} else {
			kept[i] = m
		}
	}
	return kept
}

// metricsText shows the newest value of each series: "step 3  loss 0.51".
func metricsText(ms []dag.Metric) string {
	const most = 6
	var b strings.Builder
	var step int64
	for i, m := range latest(nil, ms) {
		if step = max(step, m.Step); i < most {
			fmt.Fprintf(&b, "  %s %s", m.Name, number(float64(m.Value)))
		}
	}
	text := strings.TrimSpace(b.String())
	if step > 0 {
		text = fmt.Sprintf("step %d  %s", step, text)
	}
	return text
}

// number shows a value with four significant digits, and whole numbers whole.
func number(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return count(int64(x))
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}

// count writes a whole number with separators of thousands.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func duration(seconds float64) string {
	switch {
	case seconds < 0.0095:
		return fmt.Sprintf("%.1fms", seconds*1000)
	case seconds < 1:
		return fmt.Sprintf("%.0fms", seconds*1000)
	case seconds < 60:
		return fmt.Sprintf("%.1fs", seconds)
	}
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	return d.String()
}

// result says what a stage came to: rows of tables, sizes of the rest.
func (s *stage) result() string {
	switch s.state {
	case dag.StageFailed, dag.StageSkipped, dag.StageWaiting:
		return s.text
	}
	if s.metrics != "" && !onlyTables(s.outputs) {
		return s.metrics
	}
	if s.log != "" && !hasTable(s.outputs) {
		return s.said()
	}
	var parts []string
	for _, port := range sortedPorts(s.outputs) {
		ref := s.outputs[port]
		what := Bytes(ref.Size)
		switch {
		case ref.Type == artifacts.Table:
			what = count(ref.Rows) + " rows"
		case ref.Format == artifacts.FolderFormat:
			what = string(ref.Type)
		}
		if port != dag.Out {
			what = port + " " + what
		}
		parts = append(parts, what)
	}
	if len(parts) == 0 {
		return s.said()
	}
	return strings.Join(parts, ", ")
}

// said is the last line of the stage's log, of which the beginning is enough: the view
// has shown it before, and the log has all of it.
func (s *stage) said() string { return Cut(oneLine(s.log), 200) }

func hasTable(refs map[string]artifacts.Ref) bool {
	for _, r := range refs {
		if r.Type == artifacts.Table {
			return true
		}
	}
	return false
}

func onlyTables(refs map[string]artifacts.Ref) bool {
	for _, r := range refs {
		if r.Type != artifacts.Table {
			return false
		}
	}
	return len(refs) > 0
}

// Bytes writes a size for people.
func Bytes(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	x, names := float64(n)/unit, []string{"KiB", "MiB", "GiB", "TiB"}
	i := 0
	for x >= unit && i < len(names)-1 {
		x /= unit
		i++
	}
	return fmt.Sprintf("%.1f %s", x, names[i])
}

// Summary is the last line about a run.
func Summary(r *dag.Result) string {
	var parts []string
	add := func(n int, one string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, one))
		}
	}
	add(r.Verified, "verified (ran once more, the same bytes)")
	add(r.Ran-r.Verified, "ran")
	add(r.Cached, "cached")
	add(len(r.Failures), "failed")
	if len(parts) == 0 {
		return fmt.Sprintf("%s in %s", r.Status, duration(r.Seconds))
	}
	return fmt.Sprintf("%s in %s: %s", r.Status, duration(r.Seconds), strings.Join(parts, ", "))
}

// Artifact says in a few words what an artifact is.
func Artifact(ref artifacts.Ref, size int64) string {
	s := string(ref.Type)
	if ref.Format != "" {
		s += " (" + ref.Format + ")"
	}
	if ref.Type == artifacts.Table {
		s += ", " + count(ref.Rows) + " rows"
	}
	return s + ", " + Bytes(size)
}
