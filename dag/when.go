package dag

import (
	"errors"
	"fmt"
	"maps"
	"strconv"

	"pipe/artifacts"
	"pipe/dag/expr"
	"pipe/dag/text"
)

// condition is a stage's `when:`. Its value decides whether the stage runs and
// never what it gives, so it is no part of a key.
type condition struct {
	source  string
	always  *bool          // of one that is written as true or false
	program *expr.Program  // of the others
	params  map[string]any // and what a matrix gives
}

// checkWhen compiles a stage's condition against the params and what the
// schemas tell of its inputs.
func (l *loader) checkWhen(s *Stage) {
	n := s.whenNode
	if n == nil || n.Kind == text.Scalar && n.Value == nil {
		return
	}
	if b, ok := n.Value.(bool); ok {
		s.when = &condition{source: strconv.FormatBool(b), always: &b}
		return
	}
	source, ok := n.Value.(string)
	if !ok {
		l.errorf(n, "type", "stage %q: when: expected an expression, found %s", s.label, n.What())
		return
	}
	p, err := l.cache.Compile(l.whenVars(s), source, expr.Bool)
	if err == nil {
		s.when = &condition{source: source, program: p, params: s.scope.values}
		return
	}
	pr := &text.Problem{Code: "cel", Pos: n.Pos, Text: fmt.Sprintf("stage %q: when: %v", s.label, err)}
	var e *expr.Error
	if errors.As(err, &e) {
		pr.Text, pr.Hint = fmt.Sprintf("stage %q: when: %s", s.label, e.Text), e.Hint
		if n.Value == n.Raw {
			pr.Pos = within(n, 0, e)
		}
	}
	l.problems.Add(pr)
}

// whenVars declares what a condition may name: params, inputs.PORT.rows of
// tables, inputs.PORT.NAME of metrics, and the short forms rows and metrics.NAME
// where one input is a table or metrics (a port may be called in, which is a
// word of CEL: inputs.`in`.rows).
func (l *loader) whenVars(s *Stage) expr.Vars {
	vars := maps.Clone(s.scope.vars)
	inputs := expr.Vars{}
	tables, measured := 0, 0
	for _, e := range s.In {
		switch schema := e.From.Schemas[e.FromPort]; schema.Type {
		case artifacts.Table:
			inputs[e.Port], vars["rows"] = expr.Object("input "+e.Port, expr.Vars{"rows": expr.Int}), expr.Int
			tables++
		case artifacts.Metrics:
			t := expr.Map(expr.Double)
			if schema.Metrics != nil {
				fields := expr.Vars{}
				for _, name := range schema.Metrics {
					fields[name] = expr.Double
				}
				t = expr.Object("input "+e.Port, fields)
			}
			inputs[e.Port], vars["metrics"] = t, t
			measured++
		}
	}
	if measured != 1 { // whose they are would not be clear
		delete(vars, "metrics")
	}
	if tables != 1 {
		delete(vars, "rows")
	}
	vars["inputs"] = expr.Object("inputs", inputs)
	return vars
}

// holds computes the condition of a stage from its inputs and from what the
// stages that made them reported.
func (c *condition) holds(s *Stage, in map[string][]artifacts.Ref, reported map[*Stage][]Metric) (bool, error) {
	if c.always != nil {
		return *c.always, nil
	}
	inputs := map[string]any{}
	vars := maps.Clone(c.params)
	vars["inputs"] = inputs
	for _, e := range s.In {
		switch e.From.Schemas[e.FromPort].Type {
		case artifacts.Table:
			rows := int64(0)
			for _, r := range in[e.Port] {
				rows += r.Rows
			}
			inputs[e.Port], vars["rows"] = map[string]any{"rows": rows}, rows
		case artifacts.Metrics:
			values := map[string]any{}
			for _, m := range reported[e.From] {
				values[m.Name] = float64(m.Value) // the last point of a series counts
			}
			inputs[e.Port], vars["metrics"] = values, values
		}
	}
	ok, err := c.program.Test(vars)
	if err != nil {
		return false, fmt.Errorf("when: %w", err)
	}
	return ok, nil
}

// why is the reason for a stage that the condition leaves out.
func (c *condition) why() string { return "when: " + c.source + " is false" }
