package expr

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
)

// names lists the declared variables that an expression reads.
func names(a *cel.Ast, vars Vars) []string {
	var out []string
	root := ast.NavigateAST(a.NativeRep())
	for _, e := range ast.MatchDescendants(root, ast.KindMatcher(ast.IdentKind)) {
		n := e.AsIdent()
		if _, ok := vars[n]; ok && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// checkKeys finds constant keys that a record does not have: row['txt'] and
// row.txt.
func (s *Scope) checkKeys(a *cel.Ast) error {
	root := ast.NavigateAST(a.NativeRep())
	for _, e := range ast.MatchDescendants(root, ast.AllMatcher()) {
		record, key, at, ok := constantKey(e)
		if !ok {
			continue
		}
		t := s.vars[record]
		if _, known := t.fields[key]; !t.closed || known {
			continue
		}
		place := a.NativeRep().SourceInfo().GetStartLocation(at)
		return &Error{Line: place.Line(), Col: place.Column() + 1, Text: fmt.Sprintf("%s has no %q", record, key), Hint: s.near(key, t.fields.Names())}
	}
	return nil
}

// constantKey recognises a selection or an index with a constant from a
// variable; at is the expression to point at.
func constantKey(e ast.Expr) (variable, key string, at int64, ok bool) {
	switch e.Kind() {
	case ast.SelectKind:
		sel := e.AsSelect()
		if sel.Operand().Kind() == ast.IdentKind && !sel.IsTestOnly() {
			return sel.Operand().AsIdent(), sel.FieldName(), sel.Operand().ID(), true
		}
	case ast.CallKind:
		call := e.AsCall()
		if args := call.Args(); call.FunctionName() == "_[_]" && len(args) == 2 && args[0].Kind() == ast.IdentKind && args[1].Kind() == ast.LiteralKind {
			if k, isText := args[1].AsLiteral().Value().(string); isText {
				return args[0].AsIdent(), k, args[1].ID(), true
			}
		}
	}
	return "", "", 0, false
}
