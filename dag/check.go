package dag

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"pipe/dag/expr"
	"pipe/dag/text"
)

// checkStages lets schemas flow along the edges.
func (l *loader) checkStages(ctx context.Context, p *Pipeline) {
	shared := map[string]io.Closer{}
	defer func() {
		for _, v := range shared {
			_ = v.Close()
		}
	}()
	for _, s := range append(slices.Clone(p.Order), p.Hooks.All()...) {
		if ctx.Err() != nil {
			return
		}
		for _, o := range s.Outputs {
			s.Schemas[o.Name] = Schema{Type: o.Type, Origin: s.label + "." + o.Name}
		}
		if s.Kind == nil || s.blind {
			continue
		}
		l.checkStage(s, shared)
	}
}

func (l *loader) checkStage(s *Stage, shared map[string]io.Closer) {
	c := &Check{In: make(map[string]Schema, len(s.In)), InMany: map[string][]Schema{}, Labels: map[string][][]Label{}, Out: make(map[string]Schema, len(s.Outputs)), cache: &l.cache, shared: shared}
	ports, _ := s.Kind.Ports()
	for _, e := range s.In {
		schema := e.From.Schemas[e.FromPort]
		if slices.ContainsFunc(ports, func(p Port) bool { return p.Many && p.Name == e.Port }) {
			c.InMany[e.Port] = append(c.InMany[e.Port], schema)
			c.Labels[e.Port] = append(c.Labels[e.Port], e.Labels)
		}
		if _, ok := c.In[e.Port]; !ok {
			c.In[e.Port] = schema
		}
	}
	c.report = func(code, field, message, hint string) {
		l.problems.Add(&text.Problem{Code: code, Pos: s.fieldPos(field), Text: fmt.Sprintf("stage %q: %s%s", s.label, label(field), message), Hint: hint, Trail: s.trail(c.port, c.column)})
	}
	before := l.problems.Len()
	l.checkWhen(s)
	s.Kind.Check(c)
	if l.problems.Len() > before {
		return // what it gives is not known, so that its users are not blamed as well
	}
	s.Summary = c.Summary
	for _, o := range s.Outputs {
		if schema, ok := c.Out[o.Name]; ok {
			schema.Type, schema.Origin = o.Type, s.label+"."+o.Name
			if o.Name == Out {
				schema.Origin = s.label
			}
			s.Schemas[o.Name] = schema
		}
	}
}

// label is how a field is written in a message.
func label(field string) string {
	field, _, _ = strings.Cut(field, "@")
	switch {
	case field == "":
		return ""
	case strings.HasPrefix(field, "in."):
		return "input " + strconv.Quote(strings.TrimPrefix(field, "in.")) + ": "
	}
	return "with." + field + ": "
}

// fieldPos finds where a field of the configuration is written. "field@1:7"
// is a place inside the expression that the field holds.
func (s *Stage) fieldPos(field string) text.Pos {
	field, place, inside := strings.Cut(field, "@")
	if field == "" {
		return s.name.Pos
	}
	if strings.HasPrefix(field, "in.") {
		if n := s.node.At(field); n != s.node {
			return n.Pos
		}
		return s.name.Pos
	}
	with := s.node.Get("with")
	if with == nil {
		return s.name.Pos
	}
	n := with.At(field)
	if inside && n.Value == n.Raw {
		var e expr.Error
		if _, err := fmt.Sscanf(place, "%d:%d", &e.Line, &e.Col); err == nil {
			return within(n, 0, &e)
		}
	}
	return n.Pos
}
