// Package expr owns the expressions of the pipeline language: CEL (Common
// Expression Language, https://cel.dev), compiled and type-checked against
// declared variables before anything runs.
package expr

import (
	"fmt"
	"regexp"
	"sort"
	"strings"
	"sync"
	"unicode"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"pipe/dag/text"
)

// Type is the type of a variable or of an expression's value.
type Type struct {
	cel    *cel.Type
	fields Vars // of an object or record
	closed bool // of a map: no other keys
	// element is what a list or a map holds.
	element *Type
}

// The simple types.
var (
	String    = Type{cel: cel.StringType}
	Int       = Type{cel: cel.IntType}
	Double    = Type{cel: cel.DoubleType}
	Bool      = Type{cel: cel.BoolType}
	Bytes     = Type{cel: cel.BytesType}
	Timestamp = Type{cel: cel.TimestampType}
	Any       = Type{cel: cel.DynType}
)

// List is a list of t.
func List(t Type) Type { return Type{cel: cel.ListType(t.cel), fields: t.fields, element: &t} }

// Map maps text to t; its keys are not known before it runs.
func Map(t Type) Type {
	return Type{cel: cel.MapType(cel.StringType, t.cel), fields: t.fields, element: &t}
}

// Record maps the given names to values of any type: a map whose keys are
// known, so that a constant key that is not among them is an error.
func Record(fields Vars) Type {
	return Type{cel: cel.MapType(cel.StringType, cel.DynType), fields: fields, closed: true}
}

// Object has named fields; selecting another one is an error at check time. An
// object may be null.
func Object(name string, fields Vars) Type {
	return Type{cel: cel.ObjectType(name), fields: fields}
}

// String names the type as CEL does.
func (t Type) String() string {
	if t.cel == nil {
		return "?"
	}
	return cel.FormatCELType(t.cel)
}

// Is tells whether two types are the same.
func (t Type) Is(o Type) bool { return t.cel.IsExactType(o.cel) }

// Vars declares the variables that an expression may name.
type Vars map[string]Type

// Names lists the variables in alphabetical order.
func (v Vars) Names() []string {
	out := make([]string, 0, len(v))
	for n := range v {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// Error is an expression that does not compile. Col counts from 1 in
// characters, Line from 1, inside the expression.
type Error struct {
	Line, Col int
	Text      string
	Hint      string
}

func (e *Error) Error() string {
	if e.Hint != "" {
		return e.Text + " (" + e.Hint + ")"
	}
	return e.Text
}

// Scope is a set of variables that expressions are compiled against.
type Scope struct {
	vars      Vars
	functions []string // beside those of CEL
	env       *cel.Env
}

var base = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.EnableIdentifierEscapeSyntax(),
		cel.ParserExpressionSizeLimit(100_000),
		ext.Strings(), ext.Math(), ext.Lists(), ext.Sets(),
	)
})

var identifier = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`) })

// NewScope prepares expressions over vars. A variable whose name is no CEL
// identifier (a column "unit price") is left out: it is reached through a map.
func NewScope(vars Vars) (*Scope, error) {
	b, err := base()
	if err != nil {
		return nil, fmt.Errorf("prepare CEL: %w", err)
	}
	objects := provider{Provider: b.CELTypeProvider(), fields: map[string]Vars{}}
	opts := []cel.EnvOption{}
	for _, name := range vars.Names() {
		if identifier().MatchString(name) {
			opts = append(opts, cel.Variable(name, vars[name].cel))
			objects.add(vars[name])
		}
	}
	env, err := b.Extend(append(opts, cel.CustomTypeProvider(objects))...)
	if err != nil {
		return nil, fmt.Errorf("declare the variables of an expression: %w", err)
	}
	return &Scope{vars: vars, env: env}, nil
}

// provider knows the fields of the objects among the variables.
type provider struct {
	types.Provider
	fields map[string]Vars
}

func (p provider) add(t Type) {
	if t.cel.Kind() == types.StructKind {
		p.fields[t.cel.TypeName()] = t.fields
	}
	if t.element != nil {
		p.add(*t.element)
	}
	for _, f := range t.fields {
		p.add(f)
	}
}

func (p provider) FindStructType(name string) (*types.Type, bool) {
	if _, ok := p.fields[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Provider.FindStructType(name)
}

func (p provider) FindStructFieldNames(name string) ([]string, bool) {
	if f, ok := p.fields[name]; ok {
		return f.Names(), true
	}
	return p.Provider.FindStructFieldNames(name)
}

func (p provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	fields, ok := p.fields[name]
	if !ok {
		return p.Provider.FindStructFieldType(name, field)
	}
	t, ok := fields[field]
	if !ok {
		return nil, false
	}
	return &types.FieldType{Type: t.cel}, true
}

// Program is a checked expression. It is safe for concurrent use.
type Program struct {
	Source string
	Type   Type
	Names  []string // the variables that it reads, sorted
	Tree   *Node    // nil where it has parts that a Node cannot hold
	prog   cel.Program
}

// Compile checks source. With want given, its value must have that type; an
// Int is taken where a Double is wanted.
func (s *Scope) Compile(source string, want ...Type) (*Program, error) {
	if strings.TrimSpace(source) == "" {
		return nil, &Error{Line: 1, Col: 1, Text: "the expression is empty"}
	}
	ast, issues := s.env.Parse(source)
	if issues.Err() == nil {
		s.compareNulls(ast)
		ast, issues = s.env.Check(ast)
	}
	if issues.Err() != nil {
		return nil, s.explain(source, issues)
	}
	if err := s.checkKeys(ast); err != nil {
		return nil, err
	}
	got := Type{cel: ast.OutputType()}
	for _, w := range want {
		if !got.cel.IsExactType(w.cel) && !got.cel.IsExactType(cel.DynType) && !(w.cel == cel.DoubleType && got.cel.IsExactType(cel.IntType)) {
			return nil, &Error{Line: 1, Col: 1, Text: fmt.Sprintf("the expression gives %s where %s is wanted", got, w)}
		}
	}
	prog, err := s.env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.InterruptCheckFrequency(1000))
	if err != nil {
		return nil, &Error{Line: 1, Col: 1, Text: err.Error()}
	}
	return &Program{Source: source, Type: got, Names: names(ast, s.vars), Tree: treeOf(ast), prog: prog}, nil
}

var (
	undeclared = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`undeclared reference to '([^']+)'`) })
	noField    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`undefined field '([^']+)'`) })
	suffix     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(` \(in container '[^']*'\)`) })
)

// explain turns CEL's first complaint into ours, with a near name where the
// mistake is one of spelling.
func (s *Scope) explain(source string, issues *cel.Issues) error {
	first := issues.Errors()[0]
	e := &Error{Line: first.Location.Line(), Col: first.Location.Column() + 1, Text: suffix().ReplaceAllString(first.Message, "")}
	if m := undeclared().FindStringSubmatch(first.Message); m != nil {
		name := strings.TrimPrefix(m[1], ".")
		e.Text = fmt.Sprintf("nothing is named %q here", name)
		if called(source, e, name) {
			e.Text = fmt.Sprintf("there is no function %q", name)
			e.Hint = s.nearFunction(name)
		} else {
			e.Hint = s.near(name, s.vars.Names())
		}
	} else if m := noField().FindStringSubmatch(first.Message); m != nil {
		e.Col++ // CEL points at the dot
		e.Text = fmt.Sprintf("there is no field %q", m[1])
		fields, of := s.fieldsOf(source, first.Location.Line(), first.Location.Column())
		if e.Hint = s.near(m[1], fields); len(fields) == 0 && of != "" {
			e.Hint = "nothing is declared under " + of
		}
	}
	return e
}

func (s *Scope) near(name string, known []string) string {
	if hint := text.DidYouMean(name, known); hint != "" {
		return hint
	}
	return "known: " + text.List(known)
}

// fieldsOf lists the fields of the object whose name ends at a place (a line
// from 1, a column from 0), with that name, or, where none does, those of all
// objects.
func (s *Scope) fieldsOf(source string, line, column int) (fields []string, of string) {
	lines := strings.Split(source, "\n")
	if line >= 1 && line <= len(lines) {
		before := []rune(lines[line-1])
		before = before[:min(max(column, 0), len(before))]
		start := len(before)
		for start > 0 && (before[start-1] == '.' || before[start-1] == '_' || unicode.IsLetter(before[start-1]) || unicode.IsDigit(before[start-1])) {
			start--
		}
		at, name := s.vars, string(before[start:])
		for part := range strings.SplitSeq(name, ".") {
			at = at[part].fields
		}
		if at != nil {
			return at.Names(), name
		}
	}
	return s.allFields(), ""
}

func (s *Scope) allFields() []string {
	set := map[string]bool{}
	var walk func(v Vars)
	walk = func(v Vars) {
		for n, t := range v {
			set[n] = true
			walk(t.fields)
		}
	}
	for _, t := range s.vars {
		walk(t.fields)
	}
	out := make([]string, 0, len(set))
	for n := range set {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// Eval computes the value: nil, bool, int64, float64, string, time.Time,
// []any or map[string]any.
func (p *Program) Eval(vars map[string]any) (any, error) {
	v, _, err := p.prog.Eval(vars)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", shorten(p.Source), err)
	}
	return native(v), nil
}

// Test computes a condition.
func (p *Program) Test(vars map[string]any) (bool, error) {
	v, err := p.Eval(vars)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("%s: gave %v where true or false is wanted", shorten(p.Source), v)
	}
	return b, nil
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}

func native(v ref.Val) any {
	switch x := v.Value().(type) {
	case []ref.Val:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = native(e)
		}
		return out
	case map[ref.Val]ref.Val:
		out := make(map[string]any, len(x))
		for k, e := range x {
			out[fmt.Sprint(k.Value())] = native(e)
		}
		return out
	case uint64:
		return int64(x)
	case bool, int64, float64, string, []any, map[string]any:
		return x
	}
	if v.Type() == types.NullType {
		return nil
	}
	return v.Value()
}
