package dag

import (
	"fmt"
	"slices"
	"strings"

	"pipe/dag/text"
)

// link connects inputs with outputs.
func (l *loader) link(p *Pipeline) {
	names := make([]string, len(p.Stages))
	for i, s := range p.Stages {
		names[i] = s.Name
	}
	for _, s := range p.Stages {
		in := s.node.Get("in")
		if s.Info.Name == "" {
			continue
		}
		var ports []Port
		if s.Kind != nil {
			ports, _ = s.Kind.Ports()
		} else {
			ports, _ = s.Info.New().Ports()
		}
		l.linkStage(p, s, in, ports, names)
		slices.SortStableFunc(s.In, func(a, b Edge) int { return strings.Compare(a.Port, b.Port) })
	}
}

func (l *loader) linkStage(p *Pipeline, s *Stage, in *text.Node, ports []Port, names []string) {
	connected := map[string]bool{}
	connect := func(port Port, n *text.Node) {
		connected[port.Name] = true
		l.connect(p, s, port, n, names)
	}
	switch {
	case in == nil || in.Kind == text.Scalar && in.Value == nil:
	case in.Kind == text.Mapping:
		for i, k := range in.Keys {
			port, ok := findPort(ports, k.Raw)
			if !ok {
				l.unknownPort(s, k, ports)
				continue
			}
			connect(port, in.Items[i])
		}
	case len(ports) == 0:
		l.errorf(in, "unknown-port", "stage %q: %s takes no input", s.Name, s.Info.Name)
	case ports[0].Name == Wildcard:
		port, _ := findPort(ports, "in")
		connect(port, in)
	default:
		connect(ports[0], in)
	}
	for _, port := range ports {
		if !port.Optional && !connected[port.Name] {
			at := in
			if at == nil {
				at = s.name
			}
			l.problems.Add(&text.Problem{Code: "missing-input", Pos: at.Pos, Text: fmt.Sprintf("stage %q: input %q (a %s) is not connected", s.Name, port.Name, port.Type), Hint: port.Doc})
		}
	}
}

// findPort finds an input by name; a wildcard takes every name.
func findPort(ports []Port, name string) (Port, bool) {
	for _, p := range ports {
		if p.Name == name {
			return p, true
		}
		if p.Name == Wildcard && identifier.MatchString(name) {
			p.Name = name
			return p, true
		}
	}
	return Port{}, false
}

func (l *loader) unknownPort(s *Stage, k *text.Node, ports []Port) {
	known := make([]string, len(ports))
	for i, p := range ports {
		known[i] = p.Name
	}
	hint := text.DidYouMean(k.Raw, known)
	if hint == "" {
		hint = "its inputs: " + text.List(known)
	}
	l.problems.Add(&text.Problem{Code: "unknown-port", Pos: k.Pos, Text: fmt.Sprintf("stage %q: %s has no input %q", s.Name, s.Info.Name, k.Raw), Hint: hint})
}

func (l *loader) connect(p *Pipeline, s *Stage, port Port, n *text.Node, names []string) {
	refs := []*text.Node{n}
	if n.Kind == text.Sequence {
		refs = n.Items
		if !port.Many && len(refs) != 1 {
			l.errorf(n, "type", "stage %q: input %q takes one artifact, not %d", s.Name, port.Name, len(refs))
			return
		}
	}
	for _, r := range refs {
		if r.Kind != text.Scalar || r.Value == nil {
			l.errorf(r, "type", "stage %q: input %q: expected a stage or stage.port, found %s", s.Name, port.Name, r.What())
			continue
		}
		if e, ok := l.resolve(p, s, port, r, names); ok {
			s.In = append(s.In, e)
			e.From.users = append(e.From.users, s)
		}
	}
}

// resolve finds what "stage" or "stage.port" means.
func (l *loader) resolve(p *Pipeline, s *Stage, port Port, n *text.Node, names []string) (Edge, bool) {
	name, out, _ := strings.Cut(n.Text(), ".")
	from := p.Stage(name)
	if from == nil {
		hint := text.DidYouMean(name, names)
		if hint == "" {
			hint = "the stages: " + text.List(names)
		}
		l.problems.Add(&text.Problem{Code: "unknown-stage", Pos: n.Pos, Text: fmt.Sprintf("stage %q: input %q: there is no stage %q", s.Name, port.Name, name), Hint: hint})
		return Edge{}, false
	}
	if from.Info.Name == "" { // its own problem has been reported
		return Edge{}, false
	}
	found, ok := l.output(s, from, out, port, n)
	if !ok {
		return Edge{}, false
	}
	if found.Type != port.Type && port.Type != "" {
		l.errorf(n, "type", "stage %q: input %q takes a %s, but %s.%s is a %s", s.Name, port.Name, port.Type, from.Name, found.Name, found.Type)
		return Edge{}, false
	}
	return Edge{Port: port.Name, From: from, FromPort: found.Name}, true
}

// output finds the output that is meant: the named one, else the one called
// "out", else the only one, else the only one of the wanted type.
func (l *loader) output(s, from *Stage, name string, port Port, n *text.Node) (Port, bool) {
	var known []string
	var fitting []Port
	for _, o := range from.Outputs {
		if o.Name == name || name == "" && (o.Name == Out || len(from.Outputs) == 1) {
			return o, true
		}
		known = append(known, from.Name+"."+o.Name)
		if o.Type == port.Type {
			fitting = append(fitting, o)
		}
	}
	if name == "" && len(fitting) == 1 {
		return fitting[0], true
	}
	pr := &text.Problem{Code: "unknown-port", Pos: n.Pos, Text: fmt.Sprintf("stage %q: input %q: stage %q has no output %q", s.Name, port.Name, from.Name, name)}
	switch {
	case len(known) == 0:
		pr.Text = fmt.Sprintf("stage %q: input %q: stage %q (%s) gives nothing", s.Name, port.Name, from.Name, from.Info.Name)
	case name == "":
		pr.Text = fmt.Sprintf("stage %q: input %q: stage %q has several outputs", s.Name, port.Name, from.Name)
		pr.Hint = "say which: " + text.List(known)
	default:
		if pr.Hint = text.DidYouMean(from.Name+"."+name, known); pr.Hint == "" {
			pr.Hint = "its outputs: " + text.List(known)
		}
	}
	l.problems.Add(pr)
	return Port{}, false
}
