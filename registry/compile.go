package registry

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"pipe/registry/filter"
)

// entity says how the fields of a filter are found in SQL.
type entity struct {
	grammar *filter.Grammar
	id      string            // the row's id, "r.seq"
	columns map[string]string // attribute -> expression
	keyed   map[filter.Kind]keyed
}

// keyed is a table of key and value: which column points to the entity.
type keyed struct {
	table, owner string
	nan          bool // values may be NaN, marked by the column nan
	// optional is a key whose absence is a value, too: != holds without it.
	optional string
}

// statement is SQL that is being put together; its values are always bound.
type statement struct {
	strings.Builder
	args []any
}

// add appends text and the values of its question marks.
func (s *statement) add(text string, args ...any) {
	s.WriteString(text)
	s.args = append(s.args, args...)
}

// where appends a filter as a condition.
func (e *entity) where(s *statement, x filter.Expr) {
	switch x := x.(type) {
	case filter.And:
		e.join(s, x, " AND ", "1")
	case filter.Or:
		e.join(s, x, " OR ", "0")
	case filter.Not:
		s.add("NOT ")
		e.where(s, x.X)
	case *filter.Compare:
		e.compare(s, x)
	}
}

func (e *entity) join(s *statement, list []filter.Expr, by, empty string) {
	s.add("(")
	for i, x := range list {
		if i > 0 {
			s.add(by)
		}
		e.where(s, x)
	}
	if len(list) == 0 {
		s.add(empty)
	}
	s.add(")")
}

// compare appends one comparison; its value is never NULL, so that NOT is
// right for what is missing.
func (e *entity) compare(s *statement, c *filter.Compare) {
	switch c.Field.Kind {
	case filter.Attribute:
		column := e.columns[c.Field.Name]
		if c.Op == filter.IsNull || c.Op == filter.IsNotNull {
			s.add("(" + column + " " + string(c.Op) + ")")
			return
		}
		s.add("(" + column + " IS NOT NULL AND ")
		operate(s, column, c)
		s.add(")")
	case filter.Dataset:
		s.add("EXISTS (SELECT 1 FROM inputs i JOIN datasets d ON d.id = i.dataset WHERE i.run = " + e.id + " AND ")
		if c.Field.Name == "context" {
			s.add("EXISTS (SELECT 1 FROM input_tags g WHERE g.run = i.run AND g.dataset = i.dataset AND g.key = 'mlflow.data.context' AND ")
			operate(s, "g.value", c)
			s.add(")")
		} else {
			operate(s, "d."+c.Field.Name, c)
		}
		s.add(")")
	default:
		k := e.keyed[c.Field.Kind]
		if c.Op == filter.Ne && c.Field.Name == k.optional {
			s.add("NOT EXISTS (SELECT 1 FROM "+k.table+" x WHERE x."+k.owner+" = "+e.id+" AND x.key = ? AND x.value = ?)", k.optional, c.Text)
			return
		}
		if c.Op == filter.IsNull {
			s.add("NOT ")
		}
		s.add("EXISTS (SELECT 1 FROM "+k.table+" x WHERE x."+k.owner+" = "+e.id+" AND x.key = ?", c.Field.Name)
		if c.Op != filter.IsNull && c.Op != filter.IsNotNull {
			s.add(" AND ")
			k.operate(s, "x", c)
		}
		s.add(")")
	}
}

// operate appends the comparison of a keyed value. NaN compares as IEEE 754
// says: it differs from everything and nothing else holds.
func (k keyed) operate(s *statement, alias string, c *filter.Compare) {
	switch {
	case !k.nan:
		operate(s, alias+".value", c)
	case c.Op == filter.Ne:
		s.add("("+alias+".nan = 1 OR "+alias+".value <> ?)", c.Number)
	default:
		s.add(alias+".nan = 0 AND "+alias+".value "+string(c.Op)+" ?", c.Number)
	}
}

// operate appends a comparison of an expression with the bound value.
func operate(s *statement, expr string, c *filter.Compare) {
	switch c.Op {
	case filter.IsNull, filter.IsNotNull:
		s.add(expr + " " + string(c.Op))
	case filter.In, filter.NotIn:
		list, err := json.Marshal(c.List)
		if err != nil {
			panic(err) // strings always marshal
		}
		s.add(expr+" "+string(c.Op)+" (SELECT value FROM json_each(?))", string(list))
	case filter.Like:
		s.add(expr+" GLOB ?", glob(c.Text))
	case filter.ILike:
		s.add(expr+" LIKE ?", c.Text)
	default:
		if c.Numeric {
			s.add(expr+" "+string(c.Op)+" ?", bindNumber(c.Number))
		} else {
			s.add(expr+" "+string(c.Op)+" ?", c.Text)
		}
	}
}

// bindNumber binds whole numbers as integers, which compare exactly with
// stored milliseconds.
func bindNumber(x float64) any {
	if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
		return int64(x)
	}
	return x
}

// glob turns a LIKE pattern into GLOB's, which is SQLite's case-sensitive one.
func glob(like string) string {
	var b strings.Builder
	for _, c := range like {
		switch c {
		case '%':
			b.WriteByte('*')
		case '_':
			b.WriteByte('?')
		case '*', '?', '[':
			b.WriteString("[" + string(c) + "]")
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// conjuncts are the parts of a filter of which each must hold.
func conjuncts(x filter.Expr) []filter.Expr {
	and, ok := x.(filter.And)
	if !ok {
		return []filter.Expr{x}
	}
	var list []filter.Expr
	for _, part := range and {
		list = append(list, conjuncts(part)...)
	}
	return slices.Clip(list)
}
