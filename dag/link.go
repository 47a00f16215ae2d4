package dag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"pipe/dag/text"
)

// link connects inputs with outputs.
func (l *loader) link(p *Pipeline) {
	for _, s := range append(slices.Clone(p.Stages), p.Hooks.All()...) {
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
		before := l.problems.Len()
		l.linkStage(s, in, ports)
		s.blind = s.blind || l.problems.Len() > before
		slices.SortStableFunc(s.In, func(a, b Edge) int { return strings.Compare(a.Port, b.Port) })
	}
}

func (l *loader) linkStage(s *Stage, in *text.Node, ports []Port) {
	connected, empty := map[string]bool{}, map[string]*text.Node{}
	connect := func(port Port, n *text.Node) {
		if port.Many && n.Kind == text.Sequence && len(n.Items) == 0 {
			empty[port.Name] = n // as if it were not written
			return
		}
		connected[port.Name] = true
		l.connect(s, port, n)
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
		l.errorf(in, "unknown-port", "stage %q: %s takes no input", s.label, s.Info.Name)
	case ports[0].Name == Wildcard:
		port, _ := findPort(ports, "in")
		connect(port, in)
	default:
		connect(ports[0], in)
	}
	for _, port := range ports {
		if !port.Optional && !connected[port.Name] {
			at := cmp.Or(empty[port.Name], in, s.name)
			l.problems.Add(&text.Problem{Code: "missing-input", Pos: at.Pos, Text: fmt.Sprintf("stage %q: input %q (a %s) is not connected", s.label, port.Name, port.Type), Hint: port.Doc})
		}
	}
}

// findPort finds an input by name; a wildcard takes every name.
func findPort(ports []Port, name string) (Port, bool) {
	for _, p := range ports {
		if p.Name == name {
			return p, true
		}
		if p.Name == Wildcard && identifier().MatchString(name) {
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
	l.problems.Add(&text.Problem{Code: "unknown-port", Pos: k.Pos, Text: fmt.Sprintf("stage %q: %s has no input %q", s.label, s.Info.Name, k.Raw), Hint: hint})
}

func (l *loader) connect(s *Stage, port Port, n *text.Node) {
	refs := []*text.Node{n}
	if n.Kind == text.Sequence {
		refs = n.Items
		if !port.Many && len(refs) != 1 {
			l.errorf(n, "type", "stage %q: input %q takes one artifact, not %d", s.label, port.Name, len(refs))
			return
		}
	}
	type origin struct {
		stage *Stage
		port  string
	}
	listed := map[origin]bool{}
	for _, r := range refs {
		if r.Kind != text.Scalar || r.Value == nil {
			l.errorf(r, "type", "stage %q: input %q: expected a stage or stage.port, found %s", s.label, port.Name, r.What())
			continue
		}
		edges := l.follow(s.space, r, s.label, port)
		s.blind = s.blind || len(edges) == 0
		if len(edges) > 1 && !port.Many {
			l.problems.Add(&text.Problem{Code: "variants", Pos: r.Pos, Text: fmt.Sprintf("stage %q: input %q takes one artifact, and %q stands for %d variants", s.label, port.Name, r.Text(), len(edges)),
				Hint: fmt.Sprintf("name one of them, such as %q, or bring them together with a kind that takes many, such as gather", edges[0].From.Name)})
			continue
		}
		for _, e := range edges {
			if from := (origin{e.From, e.FromPort}); listed[from] {
				l.errorf(r, "duplicate-key", "stage %q: input %q lists %s.%s twice", s.label, port.Name, e.From.label, e.FromPort)
				continue
			} else if port.Distinct {
				listed[from] = true
			}
			s.In = append(s.In, e)
			if !s.hook {
				e.From.users = append(e.From.users, s)
			}
		}
	}
}

// follow finds the outputs that a reference stands for, in the space where it is
// written, and reports what is wrong with it.
func (l *loader) follow(sp *space, n *text.Node, label string, port Port) (edges []Edge) {
	targets, bad := l.find(sp, n.Text(), 0)
	if bad != nil {
		l.problems.Add(&text.Problem{Code: bad.code, Pos: n.Pos, Text: fmt.Sprintf("stage %q: input %q: %s", label, port.Name, bad.text), Hint: bad.hint})
		return nil
	}
	for _, t := range targets {
		if t.stage.Info.Name == "" { // its own problem has been reported
			continue
		}
		found, ok := l.output(label, t.stage, t.port, port, n)
		if !ok {
			return nil
		}
		if found.Type != port.Type && port.Type != "" {
			l.errorf(n, "type", "stage %q: input %q takes a %s, but %s.%s is a %s", label, port.Name, port.Type, t.stage.label, found.Name, found.Type)
			return nil
		}
		edges = append(edges, Edge{Port: port.Name, From: t.stage, FromPort: found.Name, Labels: t.labels})
	}
	return edges
}

// output finds the output that is meant: the named one, else the one called
// "out", else the only one, else the only one of the wanted type.
func (l *loader) output(label string, from *Stage, name string, port Port, n *text.Node) (Port, bool) {
	var known []string
	var fitting []Port
	for _, o := range from.Outputs {
		if o.Name == name || name == "" && (o.Name == Out || len(from.Outputs) == 1) {
			return o, true
		}
		known = append(known, from.label+"."+o.Name)
		if o.Type == port.Type {
			fitting = append(fitting, o)
		}
	}
	if name == "" && len(fitting) == 1 {
		return fitting[0], true
	}
	pr := &text.Problem{Code: "unknown-port", Pos: n.Pos, Text: fmt.Sprintf("stage %q: input %q: stage %q has no output %q", label, port.Name, from.label, name)}
	switch {
	case len(known) == 0:
		pr.Text = fmt.Sprintf("stage %q: input %q: stage %q (%s) gives nothing", label, port.Name, from.label, from.Info.Name)
	case name == "":
		pr.Text = fmt.Sprintf("stage %q: input %q: stage %q has several outputs", label, port.Name, from.label)
		pr.Hint = "say which: " + text.List(known)
	default:
		if pr.Hint = text.DidYouMean(from.label+"."+name, known); pr.Hint == "" {
			pr.Hint = "its outputs: " + text.List(known)
		}
	}
	l.problems.Add(pr)
	return Port{}, false
}
