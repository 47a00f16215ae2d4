package view

import (
	"encoding/json"
	"fmt"
	"io"
	"sort"

	"pipe/artifacts"
	"pipe/dag"
)

// Plain writes a line for each thing that happened: for logs and pipes.
type Plain struct {
	w      io.Writer
	stages map[string]*stage
	width  int // of the longest stage name
}

// NewPlain makes a line-by-line view of a run; the rows only lend the width of
// their names and may be nil.
func NewPlain(w io.Writer, rows []Row) *Plain {
	v := &Plain{w: w, stages: map[string]*stage{}}
	for _, r := range rows {
		v.width = max(v.width, cells(r.Name))
	}
	return v
}

// Event implements dag.Sink.
func (v *Plain) Event(e *dag.Event) {
	if e.Type == dag.RunQueued {
		fmt.Fprintln(v.w, queued(e))
	}
	if e.Stage == "" {
		return
	}
	s := v.stages[e.Stage]
	if s == nil {
		s = &stage{name: e.Stage}
		v.stages[e.Stage] = s
	}
	s.take(e)
	switch e.Type {
	case dag.StageQueued:
		v.line(s, "waits", e.Text)
	case dag.StageLog:
		v.line(s, "…", e.Text)
	case dag.StageCached:
		v.line(s, "cached", s.result())
	case dag.StageFinished:
		v.line(s, "done", s.result()+"  ("+duration(s.seconds)+")")
	case dag.StageFailed:
		v.line(s, "FAILED", s.text)
	case dag.StageSkipped:
		v.line(s, "skipped", s.text)
	case dag.StageWaiting:
		v.line(s, "WAITS", e.Text)
	}
}

// queued says that a run waits, with the name to cancel it by.
func queued(e *dag.Event) string { return fmt.Sprintf("run %.8s %s", e.Run, e.Text) }

func (v *Plain) line(s *stage, state, text string) {
	fmt.Fprintf(v.w, "%s  %-7s %s\n", pad(s.name, v.width), state, Clean(text))
}

// Close implements View.
func (v *Plain) Close() {}

// JSON writes each event as a line of JSON, progress included.
type JSON struct{ enc *json.Encoder }

// NewJSON makes a view for programs.
func NewJSON(w io.Writer) *JSON { return &JSON{enc: json.NewEncoder(w)} }

// Event implements dag.Sink. A reader that is gone is noticed by the command
// when it writes its own result.
func (v *JSON) Event(e *dag.Event) { _ = v.enc.Encode(e) }

// Close implements View.
func (v *JSON) Close() {}

// View is a sink that has a last word.
type View interface {
	dag.Sink
	Close()
}

func sortedPorts(m map[string]artifacts.Ref) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
