package expr

import (
	"fmt"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/decls"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Duration is the type of duration("24h").
var Duration = Type{cel: cel.DurationType}

// Function is one that expressions of a scope may call beside those of CEL. A
// member is called on its first argument: drift.psi("age").
type Function struct {
	Name   string
	Member bool
	Args   []Type
	Result Type
	// Call computes the value from plain Go values; nil where expressions are
	// only checked.
	Call func(args []any) (any, error)
}

// With adds functions to a scope.
func (s *Scope) With(functions ...Function) (*Scope, error) {
	opts := make([]cel.EnvOption, len(functions))
	for i, f := range functions {
		args := make([]*cel.Type, len(f.Args))
		for k, a := range f.Args {
			args[k] = a.cel
		}
		id := "pipe_" + f.Name
		binding := cel.FunctionBinding(f.call)
		overload := cel.Overload(id, args, f.Result.cel, binding)
		if f.Member {
			overload = cel.MemberOverload(id, args, f.Result.cel, binding)
		}
		// Objects are maps when they are computed, which a guard would refuse.
		opts[i] = cel.Function(f.Name, overload, decls.DisableTypeGuards(true))
	}
	env, err := s.env.Extend(opts...)
	if err != nil {
		return nil, fmt.Errorf("declare the functions of an expression: %w", err)
	}
	names := s.functions
	for _, f := range functions {
		names = append(names, f.Name)
	}
	return &Scope{vars: s.vars, functions: names, env: env}, nil
}

func (f Function) call(args ...ref.Val) ref.Val {
	if f.Call == nil {
		return types.NewErr("%s is not known here", f.Name)
	}
	plain := make([]any, len(args))
	for i, a := range args {
		plain[i] = native(a)
	}
	v, err := f.Call(plain)
	if err != nil {
		return types.WrapErr(err)
	}
	if d, ok := v.(time.Duration); ok {
		return types.Duration{Duration: d}
	}
	return types.DefaultTypeAdapter.NativeToValue(v)
}
