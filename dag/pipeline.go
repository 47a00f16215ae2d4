package dag

import (
	"sort"

	"pipe/dag/text"
)

// Pipeline is a checked pipeline file: everything about it is known but the
// data.
type Pipeline struct {
	Name        string
	Description string
	Experiment  string // "" means the pipeline's name
	File        *text.File
	Seed        uint64
	Tags        map[string]string
	Params      []Param  // in the order of the file, with their values
	Stages      []*Stage // in the order of the file
	Order       []*Stage // so that each stage comes after its inputs
	Schedule    []Schedule
	Moment      Moment // the logical time of a run of it
	Concurrency Concurrency
	Hooks       Hooks
	Pools       map[string]int // how much there is of what stages share

	// Reads are the files beside File that the pipeline was made from: what it
	// includes, the pipelines and the tables that it uses.
	Reads []*text.File

	byName map[string]*Stage
}

// Stage is a named node of the DAG.
type Stage struct {
	Name        string // "train"; of a variant or a part "train/0_1", "prepare/clean"
	Description string
	Info        Info
	Kind        Kind // the decoded configuration
	In          []Edge
	Outputs     []Port
	Schemas     map[string]Schema // of the outputs, as far as they are known
	Tags        []string
	NoCache     bool
	// Timeout bounds each attempt at the stage; 0 for none.
	Timeout Duration
	Retries *Retries // nil for none
	// ContinueOnError lets a run go on with what does not depend on the stage
	// after it failed; the run has failed all the same.
	ContinueOnError bool
	Approval        *Approval  // nil for a stage that asks nobody
	Resources       *Resources // nil for one job
	Priority        int
	// Secrets are the names of those that the configuration holds.
	Secrets []string

	// Summary tells more of what the stage would do; nil where its kind has
	// nothing to tell.
	Summary func() string

	when     *condition
	whenNode *text.Node

	label string // the name in the file, for messages
	scope *scope
	space *space
	blind bool // an input is not known, which has been reported: nothing is checked against it
	hook  bool // it runs after the others, and nothing waits for it

	with  *text.Node // its configuration, with marks where secrets are
	node  *text.Node // the stage's map
	name  *text.Node // its key
	index int        // in Pipeline.Stages
	users []*Stage   // the stages that read its outputs
}

// Edge connects an output to an input.
type Edge struct {
	Port     string // of this stage
	From     *Stage
	FromPort string
	// Labels tell, where From is a variant of a matrix or foreach, which one.
	Labels []Label
}

// Pos is where the stage stands in its file.
func (s *Stage) Pos() text.Pos { return s.name.Pos }

// Users lists the stages that read an output of s.
func (s *Stage) Users() []*Stage { return s.users }

// Stage finds a stage by name, or nil.
func (p *Pipeline) Stage(name string) *Stage { return p.byName[name] }

// Upstream gives the stages that the targets need, targets included, in the
// order of p.Order; no targets means all.
func (p *Pipeline) Upstream(targets ...*Stage) []*Stage {
	if len(targets) == 0 {
		return p.Order
	}
	need := map[*Stage]bool{}
	var mark func(s *Stage)
	mark = func(s *Stage) {
		if need[s] {
			return
		}
		need[s] = true
		for _, e := range s.In {
			mark(e.From)
		}
	}
	for _, t := range targets {
		mark(t)
	}
	var out []*Stage
	for _, s := range p.Order {
		if need[s] {
			out = append(out, s)
		}
	}
	return out
}

// ExperimentName is where the runs of the pipeline are filed.
func (p *Pipeline) ExperimentName() string {
	if p.Experiment != "" {
		return p.Experiment
	}
	return p.Name
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
