package dag

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"slices"
	"time"

	"pipe/artifacts"
)

// Memo is what a run after which every stage's result is in the store leaves for
// the next one: the stages with their keys and what the store has of them. As
// long as all that the keys were made of is the same, a run is a look at the
// store's files and nothing else: no text is parsed, nothing is checked, no key
// is composed and no record is read.
//
// That text, params and logical time are the same is for its keeper to know;
// variables, files and results it looks at itself.
type Memo struct {
	Stages    []MemoStage // each after those whose outputs it reads
	Variables []string    // of the environment, that stages pass on
	Renewed   bool        // the store's files looked different than before and are still right: worth keeping again

	values [sha256.Size]byte // of Variables
	refs   []artifacts.Ref   // what stages name
}

// MemoStage is a stage whose result is in the store. Artifacts are indices of
// Memo.refs.
type MemoStage struct {
	Name, Kind string
	Key        artifacts.Key

	sight   artifacts.Sight
	log     []int      // one or none
	in, out []memoPort // sorted
	metrics string     // as JSON; "" for none
	files   []artifacts.Fingerprint
}

type memoPort struct {
	name string
	ref  int
}

// valuesOf is a digest of variables of the environment.
func valuesOf(names []string) [sha256.Size]byte {
	var b []byte
	for _, name := range names {
		value, set := os.LookupEnv(name)
		b = fmt.Appendf(b, "%t %q\n", set, value)
	}
	return sha256.Sum256(b)
}

// Recall looks whether the store still has all and the files are what they
// were. It tells so of everything that a look-up would see.
func (m *Memo) Recall(store *artifacts.Store) bool {
	if m.values != valuesOf(m.Variables) {
		return false
	}
	records, named, prints := m.seen()
	if !store.Still(records, named) {
		if !store.LookupEach(records, func(i int, r *artifacts.Record) bool { return m.is(&m.Stages[i], r) }) {
			return false
		}
		m.Renewed = true
		for i := range m.Stages {
			s := &m.Stages[i]
			s.sight, _ = store.Sight(s.Key)
		}
	}
	return store.SameFiles(prints)
}

// seen lists what Recall asks the store for.
func (m *Memo) seen() (records []artifacts.Seen, named []artifacts.Since, prints []artifacts.Fingerprint) {
	records, named = make([]artifacts.Seen, len(m.Stages)), make([]artifacts.Since, len(m.refs))
	for i := range m.Stages {
		s := &m.Stages[i]
		records[i] = artifacts.Seen{Key: s.Key, Sight: s.sight}
		prints = append(prints, s.files...)
		recorded := s.sight.Recorded()
		oldest := func(ref int) {
			if n := &named[ref]; n.Digest == "" || recorded < n.Recorded {
				*n = artifacts.Since{Ref: m.refs[ref], Recorded: recorded}
			}
		}
		for _, p := range s.out {
			oldest(p.ref)
		}
		for _, ref := range s.log {
			oldest(ref)
		}
	}
	// What no stage here has made was an input only, of one that this is not.
	named = slices.DeleteFunc(named, func(n artifacts.Since) bool { return n.Digest == "" })
	return records, named, prints
}

// is tells whether a record says of a stage what the memo says.
func (m *Memo) is(s *MemoStage, r *artifacts.Record) bool {
	if len(r.Outputs) != len(s.out) || string(r.Metrics) != s.metrics || (r.Log != nil) != (len(s.log) > 0) {
		return false
	}
	for _, p := range s.out {
		if ref, ok := r.Outputs[p.name]; !ok || ref != m.refs[p.ref] {
			return false
		}
	}
	return r.Log == nil || *r.Log == m.refs[s.log[0]]
}

// Events gives an event for each stage, without its time.
func (m *Memo) Events() iter.Seq[*Event] {
	return func(yield func(*Event) bool) {
		for i := range m.Stages {
			s := &m.Stages[i]
			e := &Event{Type: StageCached, Stage: s.Name, Kind: s.Kind, Key: s.Key, Replayed: true, Metrics: s.points(),
				Inputs: m.ports(s.in), Outputs: m.ports(s.out), Externals: s.files}
			if !yield(e) {
				return
			}
		}
	}
}

func (m *Memo) ports(list []memoPort) map[string]artifacts.Ref {
	ports := make(map[string]artifacts.Ref, len(list))
	for _, p := range list {
		ports[p.name] = m.refs[p.ref]
	}
	return ports
}

func (s *MemoStage) points() (points []Metric) {
	if s.metrics != "" && json.Unmarshal([]byte(s.metrics), &points) != nil {
		panic("dag: a memo has metrics that Memoist has not written")
	}
	return points
}

// Metrics gives what stages have measured, of those that have measured.
func (m *Memo) Metrics() iter.Seq2[string, []Metric] {
	return func(yield func(string, []Metric) bool) {
		for i := range m.Stages {
			if s := &m.Stages[i]; s.metrics != "" && !yield(s.Name, s.points()) {
				return
			}
		}
	}
}

// Replay is Run for what Recall has confirmed. All events go to the journal and
// to all; ends hears only that the run begins and ends. The result has no
// outputs.
func (m *Memo) Replay(ctx context.Context, run, pipeline string, journal *Journal, ends, all Sinks) (*Result, error) {
	if ctx.Err() != nil {
		return nil, Interruption(ctx)
	}
	started := time.Now()
	emit := func(e *Event, sinks ...Sinks) {
		e.Time, e.Run = time.Now(), run
		for _, s := range sinks {
			s.Event(e)
		}
	}
	emit(&Event{Type: RunStarted, Pipeline: pipeline, Stages: len(m.Stages)}, Sinks{journal}, ends, all)
	m.write(journal, run, time.Now())
	if len(all) > 0 {
		for e := range m.Events() {
			emit(e, all)
		}
	}
	res := &Result{Status: StatusFinished, Cached: len(m.Stages), Seconds: time.Since(started).Seconds()}
	emit(&Event{Type: RunFinished, Status: StatusFinished, Seconds: res.Seconds}, Sinks{journal}, ends, all)
	return res, nil
}
