package filter

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Op is a comparison.
type Op string

// The comparisons.
const (
	Eq        Op = "="
	Ne        Op = "!="
	Lt        Op = "<"
	Le        Op = "<="
	Gt        Op = ">"
	Ge        Op = ">="
	Like      Op = "LIKE"
	ILike     Op = "ILIKE"
	In        Op = "IN"
	NotIn     Op = "NOT IN"
	IsNull    Op = "IS NULL"
	IsNotNull Op = "IS NOT NULL"
)

// Expr is a filter: *Compare, And, Or or Not.
type Expr interface{ isExpr() }

// And is true when all are; an empty And is the empty filter.
type And []Expr

// Or is true when one is.
type Or []Expr

// Not is true when X is false.
type Not struct{ X Expr }

// Compare compares a field with a value. A metric, parameter or tag that an
// entity does not have makes every comparison false except IS NULL.
type Compare struct {
	Field Field
	Op    Op
	// Number is the value for fields where Numeric is true, Text for others,
	// List for IN.
	Numeric bool
	Number  float64
	Text    string
	List    []string
	Pos     int
}

func (And) isExpr()      {}
func (Or) isExpr()       {}
func (Not) isExpr()      {}
func (*Compare) isExpr() {}

// maxDepth bounds nesting, so that a hostile filter cannot exhaust the stack
// or SQLite's depth of expressions.
const maxDepth = 50

// MaxLength bounds a filter's bytes.
const MaxLength = 64 << 10

// Parse reads a filter. The empty text is an empty And.
func (g *Grammar) Parse(text string) (Expr, error) {
	p, err := g.parser(text)
	if err != nil {
		return nil, err
	}
	if p.at().kind == end {
		return And{}, nil
	}
	e, err := p.or(0)
	if err != nil {
		return nil, err
	}
	return e, p.atEnd()
}

// Order is a sort key.
type Order struct {
	Field Field
	Desc  bool
}

// ParseOrder reads a sort key: a field, and ASC (the default) or DESC.
func (g *Grammar) ParseOrder(text string) (Order, error) {
	p, err := g.parser(text)
	if err != nil {
		return Order{}, err
	}
	f, err := p.field()
	if err != nil {
		return Order{}, err
	}
	desc := p.keyword("desc")
	if !desc {
		p.keyword("asc")
	}
	return Order{f, desc}, p.atEnd()
}

type parser struct {
	g      *Grammar
	text   string
	tokens []token
}

func (g *Grammar) parser(text string) (*parser, error) {
	if len(text) > MaxLength {
		return nil, &Error{text, MaxLength, fmt.Sprintf("longer than %d bytes", MaxLength)}
	}
	tokens, err := lex(text)
	return &parser{g, text, tokens}, err
}

func (p *parser) at() token { return p.tokens[0] }

func (p *parser) take() token {
	t := p.tokens[0]
	if t.kind != end {
		p.tokens = p.tokens[1:]
	}
	return t
}

// keyword takes the word if it is next.
func (p *parser) keyword(w string) bool {
	if p.at().keyword(w) {
		p.take()
		return true
	}
	return false
}

func (p *parser) fail(t token, format string, args ...any) error {
	return &Error{p.text, t.pos, fmt.Sprintf(format, args...)}
}

func (p *parser) atEnd() error {
	if t := p.at(); t.kind != end {
		return p.fail(t, "expected AND, OR or the end, found %s", t.describe())
	}
	return nil
}

func (p *parser) or(depth int) (Expr, error) {
	list, err := p.list("or", depth, p.and)
	if err != nil || len(list) == 1 {
		return first(list), err
	}
	return Or(list), nil
}

func (p *parser) and(depth int) (Expr, error) {
	list, err := p.list("and", depth, p.term)
	if err != nil || len(list) == 1 {
		return first(list), err
	}
	return And(list), nil
}

func first(list []Expr) Expr {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// list reads one or more operands between keywords.
func (p *parser) list(between string, depth int, operand func(int) (Expr, error)) ([]Expr, error) {
	var list []Expr
	for {
		e, err := operand(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
		if !p.keyword(between) {
			return list, nil
		}
	}
}

func (p *parser) term(depth int) (Expr, error) {
	t := p.at()
	if depth == maxDepth {
		return nil, p.fail(t, "nested deeper than %d", maxDepth)
	}
	if p.keyword("not") {
		e, err := p.term(depth + 1)
		return Not{e}, err
	}
	if !t.is("(") {
		return p.compare()
	}
	p.take()
	e, err := p.or(depth + 1)
	if err != nil {
		return nil, err
	}
	if t := p.take(); !t.is(")") {
		return nil, p.fail(t, "expected ), found %s", t.describe())
	}
	return e, nil
}

// field reads "name", "prefix.name" and "prefix.`a name`"; a bare name after a
// prefix may itself contain dots.
func (p *parser) field() (Field, error) {
	start := p.take()
	if start.kind != word && start.kind != ticked && start.kind != quoted {
		return Field{}, p.fail(start, "expected a name such as metrics.accuracy, found %s", start.describe())
	}
	prefix, key := "", start.text
	if start.kind == word && p.at().is(".") {
		p.take()
		prefix = start.text
		var err error
		if key, err = p.key(); err != nil {
			return Field{}, err
		}
	}
	f, err := p.g.field(prefix, key)
	if err != nil {
		return Field{}, p.fail(start, "%v", err)
	}
	return f, nil
}

func (p *parser) key() (string, error) {
	t := p.take()
	if t.kind == ticked || t.kind == quoted {
		return t.text, nil
	}
	var b strings.Builder
	for stop := t.pos; ; {
		switch {
		case t.kind != word && t.kind != number && !t.is("."):
			return "", p.fail(t, "expected a name, found %s", t.describe())
		case t.is("."):
			stop++
		default:
			stop += len(t.text)
		}
		b.WriteString(t.text)
		n := p.at()
		if n.pos != stop || n.kind != word && n.kind != number && !n.is(".") {
			return b.String(), nil
		}
		t = p.take()
	}
}

func (p *parser) compare() (Expr, error) {
	c := &Compare{Pos: p.at().pos}
	var err error
	if c.Field, err = p.field(); err != nil {
		return nil, err
	}
	at := p.at()
	if c.Op, err = p.op(); err != nil {
		return nil, err
	}
	numeric := p.g.numeric(c.Field)
	c.Numeric = numeric
	switch c.Op {
	case IsNull, IsNotNull:
		return c, nil
	case In, NotIn:
		c.List, err = p.strings()
	case Like, ILike:
		c.Text, err = p.string(c.Field)
	case Lt, Le, Gt, Ge:
		if !numeric {
			return nil, p.fail(at, "%s cannot be compared by %s, which is for numbers", c.Field, c.Op)
		}
		c.Number, err = p.number(c.Field)
	default:
		if numeric {
			c.Number, err = p.number(c.Field)
		} else {
			c.Text, err = p.string(c.Field)
		}
	}
	if err == nil && numeric && (c.Op == In || c.Op == NotIn || c.Op == Like || c.Op == ILike) {
		err = p.fail(at, "%s is a number and cannot be compared by %s", c.Field, c.Op)
	}
	return c, err
}

func (p *parser) op() (Op, error) {
	t := p.take()
	if t.kind == symbol {
		switch op := Op(t.text); op {
		case Eq, Ne, Lt, Le, Gt, Ge:
			return op, nil
		}
	}
	switch {
	case t.keyword("like"):
		return Like, nil
	case t.keyword("ilike"):
		return ILike, nil
	case t.keyword("in"):
		return In, nil
	case t.keyword("not"):
		if p.keyword("in") {
			return NotIn, nil
		}
		return "", p.fail(p.at(), "expected IN after NOT, found %s", p.at().describe())
	case t.keyword("is"):
		op := IsNull
		if p.keyword("not") {
			op = IsNotNull
		}
		if p.keyword("null") {
			return op, nil
		}
		return "", p.fail(p.at(), "expected NULL, found %s", p.at().describe())
	}
	return "", p.fail(t, "expected a comparison (= != < <= > >= LIKE ILIKE IN IS), found %s", t.describe())
}

func (p *parser) number(f Field) (float64, error) {
	t := p.take()
	if t.kind != number {
		return 0, p.fail(t, "expected a number for %s, found %s", f, t.describe())
	}
	x, err := strconv.ParseFloat(t.text, 64)
	if err != nil && !math.IsInf(x, 0) {
		return 0, p.fail(t, "%q is not a number", t.text)
	}
	return x, nil
}

func (p *parser) string(f Field) (string, error) {
	t := p.take()
	if t.kind != quoted {
		return "", p.fail(t, "expected a quoted string for %s, found %s", f, t.describe())
	}
	return t.text, nil
}

// strings reads ('a', 'b').
func (p *parser) strings() ([]string, error) {
	if t := p.take(); !t.is("(") {
		return nil, p.fail(t, "expected ( after IN, found %s", t.describe())
	}
	var list []string
	for {
		t := p.take()
		if t.kind != quoted {
			return nil, p.fail(t, "expected a quoted string in the list, found %s", t.describe())
		}
		list = append(list, t.text)
		switch t := p.take(); {
		case t.is(")"):
			return list, nil
		case t.is(",") && p.at().is(")"): // Python's tuple of one: ('a',)
			p.take()
			return list, nil
		case !t.is(","):
			return nil, p.fail(t, "expected , or ) in the list, found %s", t.describe())
		}
	}
}
