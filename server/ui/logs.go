package ui

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

	"pipe/dag"
	"pipe/registry"
)

// logLine is a line of a run's log.
type logLine struct {
	Time  string `json:"time"` // of day, UTC
	Stage string `json:"stage"`
	Text  string `json:"text"`
	Bad   bool   `json:"bad,omitempty"`
}

// logLines are how many of the last lines a page shows; the whole log is a text.
const logLines = 2000

// logOf turns an event into a line; ok is false for those that have none.
func logOf(e *dag.Event) (l logLine, ok bool) {
	l = logLine{Time: e.Time.UTC().Format("15:04:05.000"), Stage: e.Stage, Text: e.Text}
	switch e.Type {
	case dag.StageLog:
	case dag.RunQueued:
		l.Text = "the run " + e.Text
	case dag.StageQueued:
		l.Text = "waits: " + e.Text
	case dag.StageFailed:
		l.Text, l.Bad = "failed: "+e.Text, true
	case dag.StageSkipped:
		l.Text = "skipped: " + e.Text
	case dag.StageCached:
		l.Text = "found in the store"
	case dag.StageStarted:
		l.Text = "started"
	case dag.StageFinished:
		l.Text = "done in " + duration(time.Duration(e.Seconds*float64(time.Second)))
	case dag.RunFinished:
		l.Text = strings.TrimSpace("run " + e.Status + " " + e.Text)
		l.Bad = e.Status == "failed"
	default:
		return l, false
	}
	return l, true
}

// journalLog calls do for each line of a run's log, of one stage or all, and
// tells how many events there are. A run without a journal has none.
func (s *Server) journalLog(id, stage string, do func(logLine)) (events int, err error) {
	err = dag.ReadJournal(s.w.RunDir(id), func(e *dag.Event) error {
		events++
		if stage != "" && e.Stage != stage {
			return nil
		}
		if e.Type == dag.StageCached && stage != "" {
			s.storedLog(e, do)
		}
		if l, ok := logOf(e); ok {
			do(l)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return events, err
}

// storedLog gives the log of the work that a hit stands for.
func (s *Server) storedLog(e *dag.Event, do func(logLine)) {
	rec, ok := s.w.Store.Lookup(e.Key)
	if !ok || rec.Log == nil {
		return
	}
	b, err := s.w.Store.ReadAll(*rec.Log)
	if err != nil {
		return // the artifact's own page tells what is wrong with it
	}
	at := rec.Started.UTC().Format("2006-01-02")
	for line := range strings.Lines(string(b)) {
		do(logLine{Time: at, Stage: e.Stage, Text: strings.TrimSuffix(line, "\n")})
	}
}

// tail is the end of a log.
type tail struct {
	Lines  []logLine
	Left   int // lines before those
	Events int // of the journal, that it was made from
}

// lastLines keeps the end of a log.
func (s *Server) lastLines(id, stage string) (t tail, err error) {
	var lines []logLine
	t.Events, err = s.journalLog(id, stage, func(l logLine) {
		if len(lines) == 2*logLines {
			t.Left += logLines
			lines = append(lines[:0], lines[logLines:]...)
		}
		lines = append(lines, l)
	})
	if extra := len(lines) - logLines; extra > 0 {
		lines, t.Left = lines[extra:], t.Left+extra
	}
	t.Lines = lines
	return t, err
}

func (s *Server) runLogs(w http.ResponseWriter, r *http.Request) error {
	d, err := s.runOf(r, "logs")
	if err != nil {
		return err
	}
	stage := r.URL.Query().Get("stage")
	log, err := s.lastLines(d.ID, stage)
	problem := ""
	if err != nil {
		problem = sentence(err) // of a damaged journal, the lines before the damage
	}
	f := s.frameOf(d)
	f.after(log.Events)
	s.render(w, r, http.StatusOK, "runlogs", f, struct {
		*runData
		tail
		Stage   string
		Problem string
	}{d, log, stage, problem})
	return nil
}

// after makes a page that shows a log follow it from where it ends.
func (f *frame) after(events int) {
	if f.Live != "" {
		f.Live += "?after=" + strconv.Itoa(events)
	}
}

func (s *Server) runLogText(w http.ResponseWriter, r *http.Request) error {
	run, err := s.w.Registry.RunByID(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if _, err := s.journalLog(run.ID, r.URL.Query().Get("stage"), func(l logLine) { fmt.Fprintln(&b, l.Time, l.Stage, l.Text) }); err != nil {
		fmt.Fprintln(&b, err)
	}
	s.send(w, r, http.StatusOK, "text/plain; charset=utf-8", b.Bytes())
	return nil
}

// runEvents tells how a run goes on: states of stages, lines of log, that there
// are new points, and its end.
func (s *Server) runEvents(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	run, err := s.w.Registry.RunByID(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	journal, err := dag.FollowJournal(s.w.RunDir(run.ID))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if journal != nil {
		defer journal.Close()
	}
	stream, err := s.newStream(w, r)
	if err != nil {
		return err
	}
	f := &follower{s: s, stream: stream, journal: journal, last: run.Status, after: -1}
	if n, err := strconv.Atoi(r.URL.Query().Get("after")); err == nil {
		f.after = n
	}
	f.stamp = stampOf([]registry.Run{run})
	return stream.every(300*time.Millisecond, func() error { return f.look(r) })
}

// follower sends what is new of a run.
type follower struct {
	s       *Server
	stream  *stream
	journal *dag.JournalReader // nil for a run that another tool reports on
	last    registry.Status
	stamp   string
	seen    int // events
	after   int // how many the page has shown the lines of; -1: it shows none
}

type stageEvent struct {
	Stage string `json:"stage"`
	State string `json:"state"`
	Note  string `json:"note"`
}

var stageStates = map[dag.EventType]string{
	dag.StageStarted: "running", dag.StageCached: "cached", dag.StageFinished: "done", dag.StageFailed: "failed", dag.StageSkipped: "skipped",
}

// tell sends what an event says. The states of stages are repeated from the
// beginning, for they may have changed since the page was written and cost little;
// the lines of the log that the page has are not.
func (f *follower) tell(e *dag.Event) error {
	f.seen++
	if state, ok := stageStates[e.Type]; ok {
		note := e.Kind
		if e.Type == dag.StageFinished {
			note += " · " + duration(time.Duration(e.Seconds*float64(time.Second)))
		}
		if err := f.stream.send("stage", stageEvent{e.Stage, state, note}); err != nil {
			return err
		}
	}
	if f.seen <= f.after {
		return nil
	}
	if e.Type == dag.StageMetric {
		return f.stream.send("points", e.Stage)
	}
	if l, ok := logOf(e); ok && f.after >= 0 {
		return f.stream.send("line", l)
	}
	return nil
}

func (f *follower) look(r *http.Request) error {
	for f.journal != nil {
		e, err := f.journal.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := f.tell(e); err != nil {
			return errEnd
		}
	}
	run, err := f.s.w.Registry.RunByID(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if now := stampOf([]registry.Run{run}); now != f.stamp && f.journal == nil {
		f.stamp = now
		if err := f.stream.send("points", ""); err != nil {
			return errEnd
		}
	}
	if goesOn := run.Status == registry.Running || run.Queued; run.Status != f.last || !goesOn {
		f.last = run.Status
		if !goesOn {
			_ = f.stream.send("end", stateName(run.Status)) // the reader may be gone
			return errEnd
		}
	}
	return nil
}
