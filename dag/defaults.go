package dag

import (
	"fmt"

	"pipe/dag/text"
)

// sharedForm are the keys of a stage that `defaults:` may set for all stages.
type sharedForm struct {
	Timeout   Duration   `yaml:"timeout" doc:"how long an attempt may take" example:"10m"`
	Retries   *Retries   `yaml:"retries" doc:"how often the stage is tried again after it failed: a number, or {times, delay, backoff, max_delay, jitter, on}" example:"3"`
	GoOn      bool       `yaml:"continue_on_error" doc:"after it failed, the run goes on with what does not depend on it, and ends as failed" default:"false"`
	Cache     *bool      `yaml:"cache" doc:"false runs the stage each time"`
	Resources *Resources `yaml:"resources" doc:"what the stage takes while it runs: {cpu, memory, pools}"`
	Priority  int        `yaml:"priority" doc:"of the stages that could start, those with a higher number do; by default the one with the longest way to the end" default:"0"`
	Tags      []string   `yaml:"tags" doc:"labels of the stage"`
}

// kindDefaults are those for the stages of one kind.
type kindDefaults struct {
	sharedForm `yaml:",inline"`
	With       rawNode `yaml:"with" doc:"keys of the kind's configuration"`
}

// defaultsForm is `defaults:`.
type defaultsForm struct {
	sharedForm `yaml:",inline"`
	Kinds      map[string]kindDefaults `yaml:"kinds" doc:"keys for the stages of one kind, its configuration under with: a map from kinds"`
}

// defaults are a file's `defaults:`, which its stages take what they leave out
// from: first of their kind, then of all.
type defaults struct {
	all   *text.Node
	kinds *text.Node
}

func (l *loader) loadDefaults(n *text.Node) *defaults {
	if absent(n) {
		return nil
	}
	before := l.problems.Len()
	var form defaultsForm
	// What holds an expression is read where it is used, with the params in it.
	l.decoder().Known(withoutTemplates(n), &form, "defaults")
	if kinds := n.Get("kinds"); kinds != nil {
		for _, k := range kinds.Keys {
			if _, ok := l.kinds.Get(k.Raw); !ok {
				l.problems.Add(&text.Problem{Code: "unknown-kind", Pos: k.Pos, Text: fmt.Sprintf("defaults.kinds: there is no kind %q", k.Raw), Hint: text.DidYouMean(k.Raw, l.kinds.Names())})
			}
		}
	}
	if l.problems.Len() > before {
		return nil
	}
	return &defaults{all: n, kinds: n.Get("kinds")}
}

// withoutTemplates leaves out the keys whose values hold expressions.
func withoutTemplates(n *text.Node) *text.Node {
	if n.Kind != text.Mapping {
		return n
	}
	c := &text.Node{Kind: text.Mapping, Pos: n.Pos}
	for i, k := range n.Keys {
		switch it := n.Items[i]; {
		case !hasTemplate(it):
			c.Set(k, it)
		case it.Kind == text.Mapping:
			c.Set(k, withoutTemplates(it))
		}
	}
	return c
}

// apply gives a stage the keys that it leaves out.
func (d *defaults) apply(stage *text.Node, kind string) {
	if d == nil || stage.Kind != text.Mapping {
		return
	}
	if own := d.kinds.Get(kind); own != nil {
		fillIn(stage, own)
		if with := own.Get("with"); with != nil && stage.Get("with") != with {
			fillIn(stage.Get("with"), with)
		}
	}
	fillIn(stage, d.all)
}

// fillIn copies the keys of a map that another one lacks.
func fillIn(n, from *text.Node) {
	if n == nil || n.Kind != text.Mapping || from.Kind != text.Mapping {
		return
	}
	for i, k := range from.Keys {
		if k.Raw != "kinds" && n.Get(k.Raw) == nil {
			n.Set(k, from.Items[i].Clone())
		}
	}
}
