package dag

import (
	"fmt"
	"slices"
	"strings"

	"pipe/dag/text"
)

// Selection says which stages of a pipeline take part in a run.
type Selection struct {
	// Targets are the stages that are asked for, with all that they need; none
	// means every stage.
	Targets []string `json:"targets,omitempty"`
	// From begins the run at these stages: what they need must be in the store,
	// and of the rest only what depends on them takes part.
	From []string `json:"from,omitempty"`
	// Force runs these stages though the store has their results; "*" is all.
	Force []string `json:"force,omitempty"`
}

// ForceAll in Selection.Force means every stage.
const ForceAll = "*"

// chosen is a selection carried out.
type chosen struct {
	stages []*Stage // in the order of the pipeline
	part   map[*Stage]bool
	force  map[*Stage]bool
	before map[*Stage]bool // may only come from the store
}

func (p *Pipeline) choose(sel Selection) (*chosen, error) {
	targets, err := p.find(sel.Targets)
	if err != nil {
		return nil, err
	}
	from, err := p.find(sel.From)
	if err != nil {
		return nil, err
	}
	c := &chosen{stages: p.Upstream(targets...), part: map[*Stage]bool{}, force: map[*Stage]bool{}, before: map[*Stage]bool{}}
	if len(from) > 0 {
		if c.stages, err = p.beginAt(from, c.stages, c.before); err != nil {
			return nil, err
		}
	}
	for _, s := range c.stages {
		c.part[s] = true
	}
	if slices.Contains(sel.Force, ForceAll) {
		c.force = c.part
		return c, nil
	}
	forced, err := p.find(sel.Force)
	if err != nil {
		return nil, err
	}
	for _, s := range forced {
		c.force[s] = true
	}
	return c, nil
}

// find looks stages up by name.
func (p *Pipeline) find(names []string) ([]*Stage, error) {
	var out []*Stage
	for _, n := range names {
		s := p.Stage(n)
		if members := p.under(n); s == nil && len(members) > 0 {
			out = append(out, members...)
			continue
		}
		if s == nil {
			hint := text.DidYouMean(n, p.stageNames())
			if hint == "" {
				hint = "its stages: " + text.List(p.stageNames())
			}
			return nil, &UnknownStageError{fmt.Sprintf("pipeline %q has no stage %q (%s)", p.Name, n, hint)}
		}
		out = append(out, s)
	}
	return out, nil
}

// under lists the stages that a name stands for in the file: the variants of a
// matrix, the members of a group or of a pipeline that is used.
func (p *Pipeline) under(name string) (out []*Stage) {
	for _, s := range p.Stages {
		if strings.HasPrefix(s.Name, name+"/") {
			out = append(out, s)
		}
	}
	return out
}

// UnknownStageError is a stage that was asked for and is not in the pipeline.
type UnknownStageError struct{ message string }

func (e *UnknownStageError) Error() string { return e.message }

func (p *Pipeline) stageNames() []string {
	names := make([]string, len(p.Stages))
	for i, s := range p.Stages {
		names[i] = s.Name
	}
	return names
}

// beginAt keeps, of the stages asked for, those that depend on from and what
// these need; the latter are noted in before.
func (p *Pipeline) beginAt(from, asked []*Stage, before map[*Stage]bool) ([]*Stage, error) {
	after := map[*Stage]bool{}
	var mark func(s *Stage)
	mark = func(s *Stage) {
		if !after[s] {
			after[s] = true
			for _, u := range s.users {
				mark(u)
			}
		}
	}
	for _, s := range from {
		if !slices.Contains(asked, s) {
			return nil, &UnknownStageError{fmt.Sprintf("stage %q is not needed for what is asked for", s.Name)}
		}
		mark(s)
	}
	var begin []*Stage
	for _, s := range asked {
		if after[s] {
			begin = append(begin, s)
		}
	}
	needed := p.Upstream(begin...)
	for _, s := range needed {
		if !after[s] {
			before[s] = true
		}
	}
	return needed, nil
}

// CheckSelection reports stages that are asked for and are not there, as an
// *UnknownStageError.
func (p *Pipeline) CheckSelection(sel Selection) error {
	_, err := p.choose(sel)
	return err
}
