package dag

import (
	"maps"

	"pipe/dag/expr"
	"pipe/dag/text"
)

// scope is what ${…} may name at a place of the file: the params of the file,
// and in a variant of a matrix or a foreach its values too. A pipeline that is a
// part of another one has a scope of its own: it sees its params and nothing
// else.
type scope struct {
	vars     expr.Vars
	values   map[string]any
	broken   bool           // something is wrong with the params: what follows from that is not reported
	results  map[string]any // of expressions by their text
	defaults *defaults      // nil for none
}

// absent tells whether nothing stands at a key.
func absent(n *text.Node) bool { return n == nil || n.Kind == text.Scalar && n.Value == nil }

func newScope(ps []Param) *scope {
	return &scope{vars: paramVars(ps), values: paramValues(ps)}
}

// with gives the scope of a variant.
func (sc *scope) with(name string, t expr.Type, value any) *scope {
	in := &scope{vars: maps.Clone(sc.vars), values: maps.Clone(sc.values), broken: sc.broken, defaults: sc.defaults}
	in.vars[name], in.values[name] = t, value
	return in
}
