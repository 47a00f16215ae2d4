package expr

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
)

// Node is a checked expression as a tree, for those who compute many rows at
// once: a call, a variable or a constant.
type Node struct {
	// Call is the function's name in CEL ("_+_", "_&&_", "size"), and Args its
	// arguments, the target of a method first.
	Call string
	Args []*Node
	// Name is that of a variable.
	Name string
	// Const is a bool, int64, float64 or string.
	Const any
}

// treeOf gives the tree of an expression, nil for one that has other parts:
// lists, maps, fields, macros.
func treeOf(a *cel.Ast) *Node { return nodeOf(a.NativeRep().Expr()) }

func nodeOf(e ast.Expr) *Node {
	switch e.Kind() {
	case ast.IdentKind:
		return &Node{Name: e.AsIdent()}
	case ast.LiteralKind:
		switch v := e.AsLiteral().Value().(type) {
		case bool, int64, float64, string:
			return &Node{Const: v}
		}
	case ast.CallKind:
		c := e.AsCall()
		n := &Node{Call: c.FunctionName()}
		args := c.Args()
		if c.IsMemberFunction() {
			args = append([]ast.Expr{c.Target()}, args...)
		}
		for _, a := range args {
			arg := nodeOf(a)
			if arg == nil {
				return nil
			}
			n.Args = append(n.Args, arg)
		}
		return n
	}
	return nil
}
