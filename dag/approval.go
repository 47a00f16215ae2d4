package dag

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"pipe/artifacts"
	"pipe/dag/text"
)

// Approval makes a stage wait for a person: it starts only after somebody has
// approved it, for this run and for what it would work on. A stage whose result
// the store has does nothing, and asks nobody.
type Approval struct {
	Message string `yaml:"message" doc:"what the person is asked" example:"Release it?"`
}

// DecodeNode implements text.NodeDecoder: true, or the message alone.
func (a *Approval) DecodeNode(d *text.Decoder, n *text.Node) {
	type plain Approval
	switch v := n.Value.(type) {
	case bool:
		if !v {
			d.Errorf(n, "value", "approval: true, a message, or {message}; a stage that waits for nobody leaves the key out")
		}
	case string:
		a.Message = v
	default:
		d.Known(n, (*plain)(a), "approval")
	}
}

// JSONSchema implements Schemed.
func (Approval) JSONSchema(b *SchemaBuilder) JSON {
	type plain Approval
	return JSON{"anyOf": []any{JSON{"const": true}, JSON{"type": "string"}, b.Struct(reflect.TypeFor[plain]())}}
}

// Decision is what a person has decided about a stage.
type Decision struct {
	Stage    string        `json:"stage"`
	Key      artifacts.Key `json:"key"` // what the stage would have worked on
	Approved bool          `json:"approved"`
	Who      string        `json:"who"`
	Why      string        `json:"why"`
	Time     time.Time     `json:"time"`
}

func (d Decision) String() string {
	s := map[bool]string{true: "approved", false: "rejected"}[d.Approved] + " by " + d.Who
	if d.Why != "" {
		s += ": " + d.Why
	}
	return s
}

// decisionsFile holds a run's decisions, a line of JSON each; the last one
// about a stage counts.
const decisionsFile = "decisions.jsonl"

// AddDecision writes a decision into a run's folder, so that it outlives the
// process and the machine's restart.
func AddDecision(dir string, d Decision) error {
	line, err := json.Marshal(d)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, decisionsFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	if err != nil {
		return fmt.Errorf("keep a decision: %w", err)
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// Decisions reads what was decided in a run.
func Decisions(dir string) (map[string]Decision, error) {
	b, err := os.ReadFile(filepath.Join(dir, decisionsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the decisions of a run: %w", err)
	}
	all := map[string]Decision{}
	for i, line := range strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") {
		var d Decision
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			return nil, fmt.Errorf("%s:%d: this line is not what was written: %w", filepath.Join(dir, decisionsFile), i+1, ErrJournalDamaged)
		}
		all[d.Stage] = d
	}
	return all, nil
}

// Waiting tells, from a run's journal, which stages wait for a decision that is
// not made yet, with their keys and what is asked.
func Waiting(dir string) (waiting []Event, err error) {
	made, err := Decisions(dir)
	if err != nil {
		return nil, err
	}
	err = ReadJournal(dir, func(e *Event) error {
		if d, done := made[e.Stage]; e.Type == StageWaiting && (!done || d.Key != e.Key) {
			waiting = append(waiting, *e)
		}
		return nil
	})
	return waiting, err
}

// mayStart holds a stage that waits for a person back. It is asked once the
// store is known not to have its result.
func (r *runner) mayStart(ctx context.Context, w *work) bool {
	s := w.stage
	if s.Approval == nil {
		return true
	}
	if w.about == nil {
		about, err := r.worker(s).key(ctx, w)
		if err != nil {
			return true // the worker meets the same error and reports it
		}
		w.about = about
	}
	d, decided := r.options.Decisions[s.Name]
	switch {
	case !decided, d.Key != w.about.key:
		text := s.Approval.Message
		if decided {
			text = strings.TrimSpace(text + " (what was " + d.String() + " has changed since)")
		}
		r.wait(s, w.about.key, text)
		return false
	case d.Approved:
		r.emit(Event{Time: r.options.Now(), Type: StageLog, Stage: s.Name, Text: d.String()})
		return true
	}
	r.running[s] = w
	w.outcome = outcome{event: StageFailed, key: w.about.key, err: errors.New(d.String())}
	r.end(w)
	return false
}

// wait notes that a stage waits for a person; the rest of the run goes on.
func (r *runner) wait(s *Stage, key artifacts.Key, text string) {
	r.ended[s] = true
	r.result.Waiting = append(r.result.Waiting, s.Name)
	r.emit(Event{Time: r.options.Now(), Type: StageWaiting, Stage: s.Name, Kind: s.Info.Name, Key: key, Text: text})
	r.skipUsers(s, fmt.Sprintf("stage %q waits for an approval", s.Name))
}
