package expr

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// compareNulls lets any value be compared with null, and has(row.x) tell whether
// it is one. CEL's checker refuses `text == null` because no string is null there;
// but each value of a column may be. Of two sides of which one is null, the other
// becomes dyn(…), which is the same value. Of a record, has() would tell whether
// there is such a key, which is known: it becomes row.x != null.
func (s *Scope) compareNulls(parsed *cel.Ast) {
	native := parsed.NativeRep()
	fac, next := ast.NewExprFactory(), int64(0)
	id := func(at int64) int64 {
		if next == 0 {
			next = ast.MaxID(native)
		}
		next++
		if where, ok := native.SourceInfo().GetOffsetRange(at); ok {
			native.SourceInfo().SetOffsetRange(next, where)
		}
		return next
	}
	ast.PostOrderVisit(native.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.SelectKind:
			sel := e.AsSelect()
			if sel.IsTestOnly() && sel.Operand().Kind() == ast.IdentKind && s.vars[sel.Operand().AsIdent()].closed {
				field := fac.NewSelect(id(e.ID()), sel.Operand(), sel.FieldName())
				e.SetKindCase(fac.NewCall(e.ID(), "_!=_", fac.NewCall(id(e.ID()), "dyn", field), fac.NewLiteral(id(e.ID()), types.NullValue)))
				native.SourceInfo().ClearMacroCall(e.ID())
			}
		case ast.CallKind:
			call := e.AsCall()
			args := call.Args()
			if name := call.FunctionName(); name != "_==_" && name != "_!=_" || len(args) != 2 || isNull(args[0]) == isNull(args[1]) {
				return
			}
			for i, a := range args {
				if !isNull(a) {
					args[i] = fac.NewCall(id(a.ID()), "dyn", a)
				}
			}
			e.SetKindCase(fac.NewCall(e.ID(), call.FunctionName(), args...))
		}
	}))
}

func isNull(e ast.Expr) bool {
	return e.Kind() == ast.LiteralKind && e.AsLiteral() == types.NullValue
}
