package dag

import (
	"fmt"
	"slices"
	"strings"

	"pipe/dag/text"
)

// space holds the names that `in:` may use at a place: those of a file, or of
// one variant of a group, and then those around it. A pipeline that is a part
// of another one is a space without surroundings.
type space struct {
	parent  *space
	prefix  string // of the full names of what is inside
	entries map[string]*entry
	order   []string
	// inputs are, in a part, where the data of each declared input comes from.
	inputs map[string]*feed
}

// entry is what a name stands for: one member, or one for each variant.
type entry struct {
	members []*member
	failed  bool // its variants are not known, and why has been reported
}

// member is a stage, or a group of them.
type member struct {
	labels  []Label
	stage   *Stage
	inside  *space
	outputs *text.Node // of a part: the map from its outputs to what they stand for
}

// feed is a declared input of a part: the connection as the outer file writes
// it, and what the names in it mean.
type feed struct {
	node *text.Node // nil where it is not connected
	from *space
}

// Label is a value that tells the variants of a matrix or foreach apart.
type Label struct {
	Name  string `json:"name"`
	Value any    `json:"value"` // string, int64, float64 or bool
}

func newSpace(parent *space, prefix string) *space {
	return &space{parent: parent, prefix: prefix, entries: map[string]*entry{}}
}

func (sp *space) add(name string) *entry {
	e := &entry{}
	if _, there := sp.entries[name]; !there {
		sp.order = append(sp.order, name)
	}
	sp.entries[name] = e
	return e
}

// lookup finds a name here or around.
func (sp *space) lookup(name string) *entry {
	for ; sp != nil; sp = sp.parent {
		if e := sp.entries[name]; e != nil {
			return e
		}
	}
	return nil
}

// names lists what lookup finds, the nearest first.
func (sp *space) names() []string {
	var out []string
	for ; sp != nil; sp = sp.parent {
		for _, n := range sp.order {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
		for _, n := range sortedKeys(sp.inputs) {
			out = append(out, inputsName+"."+n)
		}
	}
	return out
}

// inputsName begins a reference to a declared input of the file.
const inputsName = "inputs"

// target is an output that a reference leads to; port is "" where it does not
// say which.
type target struct {
	stage  *Stage
	port   string
	labels []Label
}

// badReference is a reference that leads nowhere.
type badReference struct{ code, text, hint string }

// maxReference bounds how many files a reference is followed through.
const maxReference = 100

// find follows a reference such as "split.train", "tune.train.model" or
// "inputs.rows" to the outputs that it stands for: several where it crosses a
// matrix.
func (l *loader) find(sp *space, ref string, depth int) ([]target, *badReference) {
	if depth > maxReference {
		return nil, &badReference{"cycle", fmt.Sprintf("%q leads back to itself", ref), ""}
	}
	if strings.Contains(ref, "/") {
		return l.findVariant(sp, ref)
	}
	name, rest, _ := strings.Cut(ref, ".")
	if name == inputsName && sp.lookup(name) == nil {
		if top := sp.top(); top.inputs != nil {
			return l.findInput(top, rest, depth)
		}
	}
	e := sp.lookup(name)
	if e == nil {
		hint := text.DidYouMean(name, sp.names())
		if hint == "" {
			hint = "the stages: " + text.List(sp.names())
		}
		return nil, &badReference{"unknown-stage", fmt.Sprintf("there is no stage %q", name), hint}
	}
	return l.findIn(e, name, rest, depth)
}

// top is the space of the whole file.
func (sp *space) top() *space {
	for sp.parent != nil {
		sp = sp.parent
	}
	return sp
}

func (l *loader) findIn(e *entry, name, rest string, depth int) (out []target, bad *badReference) {
	for _, m := range e.members {
		found, bad := l.findMember(m, name, rest, depth)
		if bad != nil {
			return nil, bad
		}
		for _, t := range found {
			t.labels = append(slices.Clone(m.labels), t.labels...)
			out = append(out, t)
		}
	}
	return out, nil
}

func (l *loader) findMember(m *member, name, rest string, depth int) ([]target, *badReference) {
	switch {
	case m.stage != nil:
		return []target{{stage: m.stage, port: rest}}, nil
	case m.outputs != nil:
		return l.findOutput(m, name, rest, depth)
	case m.inside == nil:
		return nil, nil // it is broken, and that has been reported
	}
	inner, rest, _ := strings.Cut(rest, ".")
	if inner == "" && len(m.inside.order) == 1 {
		inner = m.inside.order[0]
	}
	e := m.inside.entries[inner]
	if e == nil {
		known := make([]string, len(m.inside.order))
		for i, n := range m.inside.order {
			known[i] = name + "." + n
		}
		if inner == "" {
			return nil, &badReference{"unknown-stage", fmt.Sprintf("%q is a group of several stages", name), "say which: " + text.List(known)}
		}
		hint := text.DidYouMean(name+"."+inner, known)
		if hint == "" {
			hint = "its stages: " + text.List(known)
		}
		return nil, &badReference{"unknown-stage", fmt.Sprintf("the group %q has no stage %q", name, inner), hint}
	}
	return l.findIn(e, name+"."+inner, rest, depth)
}

// findOutput follows a declared output of a part.
func (l *loader) findOutput(m *member, name, rest string, depth int) ([]target, *badReference) {
	output := rest
	if output == "" && len(m.outputs.Keys) == 1 {
		output = m.outputs.Keys[0].Raw
	}
	if output == "" && m.outputs.Get(Out) != nil {
		output = Out
	}
	n := m.outputs.Get(output)
	if n == nil {
		known := make([]string, len(m.outputs.Keys))
		for i, k := range m.outputs.Keys {
			known[i] = name + "." + k.Raw
		}
		if output == "" && len(known) > 0 {
			return nil, &badReference{"unknown-port", fmt.Sprintf("the pipeline that %q uses has several outputs", name), "say which: " + text.List(known)}
		}
		hint := text.DidYouMean(name+"."+output, known)
		if hint == "" {
			hint = "its outputs: " + text.List(known)
		}
		return nil, &badReference{"unknown-port", fmt.Sprintf("the pipeline that %q uses has no output %q", name, output), hint}
	}
	if n.Kind != text.Scalar || n.Value == nil {
		return nil, nil // reported at the output
	}
	found, bad := l.find(m.inside, n.Text(), depth+1)
	if bad != nil {
		return nil, nil // reported at the output
	}
	return found, nil
}

// findInput follows a declared input of a part to what the outer file connects.
func (l *loader) findInput(top *space, name string, depth int) ([]target, *badReference) {
	in, declared := top.inputs[name]
	if !declared {
		known := sortedKeys(top.inputs)
		hint := text.DidYouMean(name, known)
		if hint == "" {
			hint = "its inputs: " + text.List(known)
		}
		return nil, &badReference{"unknown-port", fmt.Sprintf("this pipeline declares no input %q", name), hint}
	}
	if in.node == nil {
		return nil, nil // reported where it is not connected
	}
	refs := []*text.Node{in.node}
	if in.node.Kind == text.Sequence {
		refs = in.node.Items
	}
	var out []target
	for _, r := range refs {
		if r.Kind != text.Scalar || r.Value == nil {
			return nil, nil // reported at the outer file
		}
		found, bad := l.find(in.from, r.Text(), depth+1)
		if bad != nil {
			return nil, nil // as above
		}
		out = append(out, found...)
	}
	return out, nil
}

// findVariant finds one variant by the name that a run shows: "train/0_1".
func (l *loader) findVariant(sp *space, ref string) ([]target, *badReference) {
	name, port := ref, ""
	if i := strings.LastIndexByte(ref, '.'); i > strings.LastIndexByte(ref, '/') {
		name, port = ref[:i], ref[i+1:]
	}
	for at := sp; at != nil; at = at.parent {
		if s := l.byName[at.prefix+name]; s != nil {
			return []target{{stage: s, port: port}}, nil
		}
	}
	if of, _, _ := strings.Cut(name, "/"); sp.lookup(of) != nil && sp.lookup(of).failed {
		return nil, nil
	}
	return nil, &badReference{"unknown-stage", fmt.Sprintf("there is no stage %q", name), text.DidYouMean(sp.prefix+name, sortedKeys(l.byName))}
}
