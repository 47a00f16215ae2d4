package dag

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"pipe/artifacts"
	"pipe/dag/text"
)

// partForm is a stage that uses a pipeline file: its params are under `with:`,
// its inputs under `in:`.
type partForm struct {
	Uses        string  `yaml:"uses" doc:"the pipeline's file, beside the file that names it" required:"true" example:"prepare.yaml"`
	Description string  `yaml:"description" doc:"what it is for"`
	In          rawNode `yaml:"in" doc:"its inputs: a map from the inputs that it declares, or one stage where it declares one"`
	With        rawNode `yaml:"with" doc:"its params"`
	Matrix      rawNode `yaml:"matrix" doc:"makes a variant for each combination"`
	Foreach     rawNode `yaml:"foreach" doc:"makes a variant for each item"`
}

// inputForm declares an input of a pipeline that is a part of others.
type inputForm struct {
	Type     artifacts.Type `yaml:"type" doc:"what it takes" required:"true" enum:"table,transform,model,metrics,report,file"`
	Doc      string         `yaml:"description" doc:"what it is for"`
	Optional bool           `yaml:"optional" doc:"it may be left unconnected" default:"false"`
}

// DecodeNode implements text.NodeDecoder: a word is the type.
func (f *inputForm) DecodeNode(d *text.Decoder, n *text.Node) {
	type plain inputForm
	if n.Kind == text.Scalar && n.Value != nil {
		n = &text.Node{Kind: text.Mapping, Pos: n.Pos, Keys: []*text.Node{{Pos: n.Pos, Raw: "type", Value: "type"}}, Items: []*text.Node{n}}
	}
	d.Known(n, (*plain)(f), "inputs")
}

// isPipeline tells whether `uses:` names a file and not a kind.
func isPipeline(uses *text.Node) bool {
	if uses == nil || uses.Kind != text.Scalar {
		return false
	}
	name, ok := uses.Value.(string)
	return ok && (strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml"))
}

// loadPart loads the pipeline that a stage uses, into the member m.
func (l *loader) loadPart(p *Pipeline, m *member, at place, n *text.Node, sc *scope) {
	var form partForm
	own := l.inStage(at.label)
	own.decoder().Known(n, &form, "")
	own.finish(l)
	uses := n.Get("uses")
	path := filepath.Join(filepath.Dir(at.within[len(at.within)-1]), form.Uses)
	root := l.parsePart(uses, fmt.Sprintf("stage %q: uses", at.label), path, at.within)
	if root == nil {
		return
	}
	within := append(slices.Clone(at.within), filepath.Clean(path))
	l.include(root, within)
	var inner fileForm
	l.decoder().Decode(root, &inner)
	with := form.With.Node
	l.substituteWith(sc, with)
	l.substitute(sc, form.In.Node)
	if with != nil && with.Kind != text.Mapping {
		if !absent(with) {
			l.errorf(with, "type", "stage %q: with: expected a map from the params of %s, found %s", at.label, path, with.What())
		}
		with = nil
	}
	before := l.problems.Len()
	given := l.valuesOf(with)
	given.at = at.key
	given.what = fmt.Sprintf("stage %q: %s has", at.label, path)
	params := l.loadParams(inner.Params.Node, given)
	child := newScope(params)
	child.vars["run"], child.values["run"] = sc.vars["run"], sc.values["run"]
	child.broken = l.problems.Len() > before || sc.broken
	child.defaults = l.loadDefaults(inner.Defaults.Node)
	m.inside = newSpace(nil, at.name+"/")
	l.connectPart(m.inside, at, inner.Inputs.Node, n, form.In.Node)
	l.loadStages(p, m.inside, inner.Stages.Node, child, within)
	l.declareOutputs(m, inner.Outputs.Node, path, uses)
}

// connectPart matches what a part declares as inputs with what the stage that
// uses it connects.
func (l *loader) connectPart(inside *space, at place, declared, stage, in *text.Node) {
	inside.inputs = map[string]*feed{}
	forms := l.inputForms(declared)
	for _, name := range sortedKeys(forms) {
		inside.inputs[name] = &feed{from: at.space}
	}
	switch {
	case absent(in):
	case in.Kind == text.Mapping:
		for i, k := range in.Keys {
			f := inside.inputs[k.Raw]
			if f == nil {
				hint := text.DidYouMean(k.Raw, sortedKeys(inside.inputs))
				if hint == "" {
					hint = "its inputs: " + text.List(sortedKeys(inside.inputs))
				}
				l.problems.Add(&text.Problem{Code: "unknown-port", Pos: k.Pos, Text: fmt.Sprintf("stage %q: the pipeline that it uses declares no input %q", at.label, k.Raw), Hint: hint})
				continue
			}
			f.node = in.Items[i]
		}
	case len(forms) == 1:
		inside.inputs[sortedKeys(forms)[0]].node = in
	default:
		l.errorf(in, "unknown-port", "stage %q: the pipeline that it uses declares %d inputs: name them", at.label, len(forms))
		return
	}
	for _, name := range sortedKeys(forms) {
		f, form := inside.inputs[name], forms[name]
		if f.node == nil {
			if !form.Optional {
				pos := at.key.Pos
				if in != nil {
					pos = in.Pos
				}
				l.problems.Add(&text.Problem{Code: "missing-input", Pos: pos, Text: fmt.Sprintf("stage %q: input %q (a %s) is not connected", at.label, name, form.Type), Hint: form.Doc})
			}
			continue
		}
		l.later = append(l.later, func() { l.checkFeed(at, name, form, f) })
	}
}

func (l *loader) inputForms(n *text.Node) map[string]inputForm {
	forms := map[string]inputForm{}
	if n != nil {
		l.decoder().Known(n, &forms, "inputs")
	}
	return forms
}

// checkFeed reports, once all stages are there, a connection that leads nowhere
// or gives another type than the part declares.
func (l *loader) checkFeed(at place, name string, form inputForm, f *feed) {
	refs := []*text.Node{f.node}
	if f.node.Kind == text.Sequence {
		refs = f.node.Items
	}
	for _, r := range refs {
		if r.Kind != text.Scalar || r.Value == nil {
			l.errorf(r, "type", "stage %q: input %q: expected a stage or stage.port, found %s", at.label, name, r.What())
			continue
		}
		l.follow(f.from, r, at.label, Port{Name: name, Type: form.Type})
	}
}

// declareOutputs keeps what a part gives and checks, later, that it is there.
func (l *loader) declareOutputs(m *member, n *text.Node, path string, uses *text.Node) {
	if absent(n) || n.Kind != text.Mapping {
		if !absent(n) {
			l.errorf(n, "type", "outputs: expected a map from names to stage.port, found %s", n.What())
		}
		n = &text.Node{Kind: text.Mapping, Pos: uses.Pos}
	}
	m.outputs = n
	for i, k := range n.Keys {
		if !identifier().MatchString(k.Raw) {
			l.errorf(k, "name", "output %q: a name has letters (a to z, A to Z), digits and _, and begins with a letter", k.Raw)
		}
		l.checkOutput(m.inside, k, n.Items[i])
	}
}

func (l *loader) checkOutput(inside *space, k, n *text.Node) {
	if n.Kind != text.Scalar || n.Value == nil {
		l.errorf(n, "type", "outputs.%s: expected a stage or stage.port, found %s", k.Raw, n.What())
		return
	}
	l.later = append(l.later, func() {
		found, bad := l.find(inside, n.Text(), 0)
		if bad != nil {
			l.problems.Add(&text.Problem{Code: bad.code, Pos: n.Pos, Text: fmt.Sprintf("outputs.%s: %s", k.Raw, bad.text), Hint: bad.hint})
		}
		for _, t := range found {
			if t.port == "" || t.stage.Info.Name == "" || slices.ContainsFunc(t.stage.Outputs, func(o Port) bool { return o.Name == t.port }) {
				continue
			}
			names := make([]string, len(t.stage.Outputs))
			for i, o := range t.stage.Outputs {
				names[i] = t.stage.label + "." + o.Name
			}
			hint := text.DidYouMean(n.Text(), names)
			if hint == "" {
				hint = "its outputs: " + text.List(names)
			}
			l.problems.Add(&text.Problem{Code: "unknown-port", Pos: n.Pos, Text: fmt.Sprintf("outputs.%s: stage %q has no output %q", k.Raw, t.stage.label, t.port), Hint: hint})
			return
		}
	})
}
