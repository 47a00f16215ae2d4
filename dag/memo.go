package dag

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"pipe/artifacts"
)

// Memo is what a run after which every stage's result is in the store leaves for
// the next one: the stages with their keys. As long as all that the keys were made
// of is the same, a run is a look at the store for each key and nothing else:
// no text is parsed, nothing is checked and no key is composed.
//
// That text, params and logical time are the same is for its keeper to know;
// variables, files and results it looks at itself.
type Memo struct {
	Stages    []MemoStage // each after those whose outputs it reads
	Variables []string    // of the environment, that stages pass on
	sum       [sha256.Size]byte
}

// MemoStage is a stage whose result is in the store.
type MemoStage struct {
	Name, Kind string
	Key        artifacts.Key
	In         []memoEdge
	Files      []string // outside the store, as their paths were given
}

// memoEdge says that an input reads an output of the From-th stage.
type memoEdge struct {
	Port, FromPort string
	From           int
}

// Memoist is a sink that watches whether a run leaves a Memo.
type Memoist struct {
	pipeline *Pipeline
	ended    map[string]*Event // stages whose results are in the store
	metrics  map[string][]Metric
}

// NewMemoist returns nil where a run of the pipeline can leave none: because
// something has to be done in each run (effects, hooks, waiting for a group),
// or because a key is made of more than text, params, variables and whole
// files.
func NewMemoist(p *Pipeline) *Memoist {
	if len(p.Hooks.All()) > 0 || p.Concurrency.Group != "" || slices.ContainsFunc(p.Schedule, func(s Schedule) bool { return s.Timetable != nil }) {
		return nil
	}
	for _, s := range p.Order {
		_, elsewhere := s.Kind.(External)
		_, pinned := s.Kind.(Pinned)
		_, versioned := s.Kind.(Versioned)
		if elsewhere || pinned || versioned || s.Info.Effect || s.NoCache || len(s.Secrets) > 0 {
			return nil
		}
	}
	return &Memoist{p, make(map[string]*Event, len(p.Order)), map[string][]Metric{}}
}

// Event implements Sink.
func (m *Memoist) Event(e *Event) {
	switch e.Type {
	case StageStarted:
		delete(m.metrics, e.Stage)
	case StageMetric:
		m.metrics[e.Stage] = append(m.metrics[e.Stage], e.Metrics...)
	case StageCached, StageFinished:
		own := *e
		if e.Type == StageFinished {
			own.Metrics = m.metrics[e.Stage]
		}
		m.ended[e.Stage] = &own
	}
}

// Memo gives the memo of the run that has ended, or nil where the store has not
// the results of all stages.
func (m *Memoist) Memo() *Memo {
	order := m.pipeline.Order
	at := make(map[*Stage]int, len(order))
	memo := &Memo{Stages: make([]MemoStage, len(order))}
	events := make([]Event, len(order))
	for i, s := range order {
		e := m.ended[s.Name]
		if e == nil {
			return nil
		}
		at[s], events[i] = i, *e
		st := MemoStage{Name: s.Name, Kind: s.Info.Name, Key: e.Key, In: make([]memoEdge, len(s.In))}
		for k, edge := range s.In {
			st.In[k] = memoEdge{edge.Port, edge.FromPort, at[edge.From]}
		}
		for _, x := range e.Externals {
			st.Files = append(st.Files, x.Path)
		}
		memo.Stages[i] = st
		if x, ok := s.Kind.(Surrounded); ok {
			memo.Variables = append(memo.Variables, x.Environment()...)
		}
	}
	slices.Sort(memo.Variables)
	memo.Variables = slices.Compact(memo.Variables)
	memo.sum = memo.sumOf(events)
	return memo
}

// sumOf is a digest of what stages read from outside, wrote and measured: what
// keys and conditions are made of, beside what a pipeline says.
func (m *Memo) sumOf(events []Event) [sha256.Size]byte {
	b := make([]byte, 0, 200*len(events))
	for _, name := range m.Variables {
		value, set := os.LookupEnv(name)
		b = fmt.Appendf(b, "%t %q\n", set, value)
	}
	for i := range events {
		e := &events[i]
		for _, port := range sortedKeys(e.Outputs) {
			b = append(append(append(b, port...), ' '), e.Outputs[port].Digest...)
		}
		for _, x := range e.Externals {
			b = append(append(b, '\t'), x.Digest...)
		}
		for _, p := range e.Metrics {
			b = append(append(b, '\v'), p.Name...)
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(p.Value)))
			b = binary.LittleEndian.AppendUint64(b, uint64(p.Step))
		}
		b = append(b, '\n')
	}
	return sha256.Sum256(b)
}

// Recall looks whether the store still has all and the files are what they
// were. It returns the events of the stages, without their times, or nil.
func (m *Memo) Recall(store *artifacts.Store) []Event {
	events := make([]Event, len(m.Stages))
	var next atomic.Int64
	var lost atomic.Bool
	look := func() {
		const chunk = 32
		for !lost.Load() {
			from := int(next.Add(chunk)) - chunk
			for i := from; i < min(from+chunk, len(m.Stages)); i++ {
				if !m.Stages[i].recall(store, &events[i]) {
					lost.Store(true)
					return
				}
			}
			if from >= len(m.Stages) {
				return
			}
		}
	}
	var others sync.WaitGroup
	for range runtime.GOMAXPROCS(0) - 1 {
		others.Go(look)
	}
	look()
	others.Wait()
	if lost.Load() || m.sumOf(events) != m.sum {
		return nil
	}
	for i := range m.Stages {
		m.Stages[i].connect(events, &events[i])
	}
	return events
}

// recall fills in what the store knows of a stage; false where it does not.
func (s *MemoStage) recall(store *artifacts.Store, e *Event) bool {
	r, ok := store.Lookup(s.Key)
	if !ok || len(r.Metrics) > 0 && json.Unmarshal(r.Metrics, &e.Metrics) != nil {
		return false
	}
	for _, path := range s.Files {
		fp, err := store.Fingerprint(path)
		if err != nil {
			return false
		}
		e.Externals = append(e.Externals, fp)
	}
	e.Type, e.Stage, e.Kind, e.Key, e.Outputs, e.Replayed = StageCached, s.Name, s.Kind, s.Key, r.Outputs, true
	return true
}

// connect fills in a stage's inputs: the outputs of others. One that was not
// written was optional.
func (s *MemoStage) connect(events []Event, e *Event) {
	in := make(map[string][]artifacts.Ref, len(s.In))
	for _, edge := range s.In {
		if ref, ok := events[edge.From].Outputs[edge.FromPort]; ok {
			in[edge.Port] = append(in[edge.Port], ref)
		}
	}
	e.Inputs = flatten(in)
}

// Replay is Run for what Recall gave. o needs an ID and a Sink.
func Replay(ctx context.Context, pipeline string, events []Event, o RunOptions) (*Result, error) {
	if ctx.Err() != nil {
		return nil, ErrInterrupted
	}
	started := time.Now()
	emit := func(e *Event) {
		e.Time, e.Run = time.Now(), o.ID
		o.Sink.Event(e)
	}
	emit(&Event{Type: RunStarted, Pipeline: pipeline, Stages: len(events)})
	res := &Result{Status: StatusFinished, Cached: len(events), Outputs: make(map[string]map[string]artifacts.Ref, len(events))}
	for i := range events {
		e := &events[i]
		emit(e)
		res.Outputs[e.Stage] = e.Outputs
	}
	res.Seconds = time.Since(started).Seconds()
	emit(&Event{Type: RunFinished, Status: StatusFinished, Seconds: res.Seconds})
	return res, nil
}
