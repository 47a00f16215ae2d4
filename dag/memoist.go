package dag

import (
	"encoding/json"
	"maps"
	"slices"

	"pipe/artifacts"
)

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

// Memo gives the memo of the run that has ended, or nil where the store, which
// the run used, has not the results of all stages.
func (m *Memoist) Memo(store *artifacts.Store) *Memo {
	order := m.pipeline.Order
	memo := &Memo{Stages: make([]MemoStage, len(order))}
	known := refTable{of: make(map[artifacts.Ref]int, len(order))}
	for i, s := range order {
		e := m.ended[s.Name]
		if e == nil {
			return nil
		}
		metrics, err := json.Marshal(e.Metrics)
		if err != nil {
			return nil
		}
		sight, log := store.Sight(e.Key)
		st := MemoStage{Name: s.Name, Kind: s.Info.Name, Key: e.Key, sight: sight, in: known.ports(e.Inputs), out: known.ports(e.Outputs), files: e.Externals}
		if len(e.Metrics) > 0 {
			st.metrics = string(metrics)
		}
		if log != nil {
			st.log = []int{known.index(*log)}
		}
		memo.Stages[i] = st
		if x, ok := s.Kind.(Surrounded); ok {
			memo.Variables = append(memo.Variables, x.Environment()...)
		}
	}
	slices.Sort(memo.Variables)
	memo.Variables = slices.Compact(memo.Variables)
	memo.values = valuesOf(memo.Variables)
	memo.refs = known.list
	return memo
}

// refTable numbers artifacts.
type refTable struct {
	list []artifacts.Ref
	of   map[artifacts.Ref]int
}

func (t *refTable) index(r artifacts.Ref) int {
	i, ok := t.of[r]
	if !ok {
		i = len(t.list)
		t.of[r] = i
		t.list = append(t.list, r)
	}
	return i
}

func (t *refTable) ports(refs map[string]artifacts.Ref) []memoPort {
	list := make([]memoPort, 0, len(refs))
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		list = append(list, memoPort{name, t.index(refs[name])})
	}
	return list
}
