package dag

import (
	"fmt"
	"slices"
	"strings"

	"pipe/dag/expr"
	"pipe/dag/text"
)

// variant is one of the copies that a matrix or a foreach makes of a stage.
type variant struct {
	name   string // what is put behind the stage's name
	labels []Label
	scope  *scope
}

// maxVariants bounds what one matrix makes.
const maxVariants = 10_000

// variants reads `matrix:` or `foreach:`; many tells that one of them is there.
func (l *loader) variants(n *text.Node, sc *scope, dir string) (out []variant, many bool) {
	matrix, each := n.Get("matrix"), n.Get("foreach")
	switch {
	case matrix != nil && each != nil:
		l.errorf(n.Key("foreach"), "matrix", "a stage has a matrix or a foreach, not both")
		return nil, true
	case matrix != nil:
		l.substitute(sc, matrix)
		return l.matrix(matrix, sc), true
	case each != nil:
		l.substitute(sc, each)
		return l.foreach(each, sc, dir), true
	}
	return nil, false
}

// matrix makes the product of lists, without what exclude names and with what
// include adds.
func (l *loader) matrix(n *text.Node, sc *scope) []variant {
	if n.Kind != text.Mapping {
		if n.Value != nil || !sc.broken {
			l.errorf(n, "type", "matrix: expected a map from names to lists, found %s", n.What())
		}
		return nil
	}
	var names []string
	combinations := [][]*text.Node{nil}
	before := l.problems.Len()
	for i, k := range n.Keys {
		if k.Raw == "include" || k.Raw == "exclude" {
			continue
		}
		values := l.dimension(k, n.Items[i])
		if len(combinations)*len(values) > maxVariants {
			l.errorf(k, "matrix", "matrix: this makes more than %d variants", maxVariants)
			return nil
		}
		names = append(names, k.Raw)
		var next [][]*text.Node
		for _, c := range combinations {
			for _, v := range values {
				next = append(next, append(slices.Clone(c), v))
			}
		}
		combinations = next
	}
	if len(names) == 0 && n.Get("include") == nil {
		l.errorf(n, "matrix", "matrix: no list is named")
	}
	if len(names) == 0 {
		combinations, names = nil, l.includedNames(n.Get("include"))
	}
	combinations = l.exclude(n.Get("exclude"), names, combinations)
	combinations = append(combinations, l.included(n.Get("include"), names)...)
	if l.problems.Len() > before {
		return nil
	}
	if len(combinations) == 0 {
		l.errorf(n, "matrix", "matrix: nothing is left of it")
	}
	return l.bind(n, sc, "matrix", names, combinations)
}

// dimension reads one list of a matrix.
func (l *loader) dimension(k, n *text.Node) []*text.Node {
	if !identifier().MatchString(k.Raw) {
		l.errorf(k, "name", "matrix: %q: a name has letters (a to z, A to Z), digits and _, and begins with a letter", k.Raw)
	}
	items := []*text.Node{n}
	if n.Kind == text.Sequence {
		items = n.Items
	}
	if len(items) == 0 {
		l.errorf(n, "matrix", "matrix.%s: the list is empty", k.Raw)
	}
	for i, it := range items {
		if it.Kind != text.Scalar || it.Value == nil {
			l.errorf(it, "type", "matrix.%s: expected a value, found %s", k.Raw, it.What())
			continue
		}
		if l.beyondInt(it, "matrix."+k.Raw) {
			continue
		}
		for _, other := range items[:i] {
			if other.Value == it.Value {
				l.errorf(it, "matrix", "matrix.%s: %s stands here twice", k.Raw, it.Text())
			}
		}
	}
	return items
}

// exclude takes out the combinations that agree with one of the list's maps.
func (l *loader) exclude(n *text.Node, names []string, combinations [][]*text.Node) [][]*text.Node {
	for _, m := range l.maps(n, "exclude", names) {
		left := combinations[:0:0]
		for _, c := range combinations {
			if !agrees(m, names, c) {
				left = append(left, c)
			}
		}
		if len(left) == len(combinations) {
			l.errorf(m, "matrix", "matrix.exclude: no combination is like this")
		}
		combinations = left
	}
	return combinations
}

func agrees(m *text.Node, names []string, c []*text.Node) bool {
	for i, k := range m.Keys {
		at := slices.Index(names, k.Raw)
		if at < 0 || c[at].Value != m.Items[i].Value {
			return false
		}
	}
	return true
}

// included reads the further combinations, each of which names everything.
func (l *loader) included(n *text.Node, names []string) (out [][]*text.Node) {
	for _, m := range l.maps(n, "include", names) {
		c := make([]*text.Node, len(names))
		for i, name := range names {
			if c[i] = m.Get(name); c[i] == nil {
				l.errorf(m, "matrix", "matrix.include: %s is missing: each entry names %s", name, text.List(names))
			}
		}
		out = append(out, c)
	}
	return out
}

// includedNames are the names of a matrix that has nothing but include.
func (l *loader) includedNames(n *text.Node) (names []string) {
	if n != nil && n.Kind == text.Sequence && len(n.Items) > 0 {
		for _, k := range n.Items[0].Keys {
			names = append(names, k.Raw)
		}
	}
	return names
}

// maps reads a list of maps over the names of a matrix.
func (l *loader) maps(n *text.Node, what string, names []string) (out []*text.Node) {
	if n == nil {
		return nil
	}
	items := []*text.Node{n}
	if n.Kind == text.Sequence {
		items = n.Items
	}
	for _, m := range items {
		if m.Kind != text.Mapping {
			l.errorf(m, "type", "matrix.%s: expected maps from names to values, found %s", what, m.What())
			continue
		}
		whole := true
		for i, k := range m.Keys {
			switch v := m.Items[i]; {
			case !slices.Contains(names, k.Raw):
				whole = false
				hint := text.DidYouMean(k.Raw, names)
				if hint == "" {
					hint = "its lists: " + text.List(names)
				}
				l.problems.Add(&text.Problem{Code: "matrix", Pos: k.Pos, Text: fmt.Sprintf("matrix.%s: the matrix has no list %q", what, k.Raw), Hint: hint})
			case v.Kind != text.Scalar || v.Value == nil:
				whole = false
				l.errorf(v, "type", "matrix.%s.%s: expected a value, found %s", what, k.Raw, v.What())
			}
		}
		if whole {
			out = append(out, m)
		}
	}
	return out
}

// foreach makes a variant for each item of a list, or for each row of a small
// table.
func (l *loader) foreach(n *text.Node, sc *scope, dir string) []variant {
	if n.Kind == text.Mapping {
		if n = l.tableRows(n, dir); n == nil {
			return nil
		}
	}
	if n.Kind != text.Sequence {
		if n.Value != nil || !sc.broken {
			l.errorf(n, "type", "foreach: expected a list, or {table: FILE}, found %s", n.What())
		}
		return nil
	}
	if len(n.Items) == 0 {
		l.errorf(n, "matrix", "foreach: the list is empty")
	}
	if len(n.Items) > maxVariants {
		l.errorf(n, "matrix", "foreach: this makes more than %d variants", maxVariants)
		return nil
	}
	names, before := []string(nil), l.problems.Len()
	rows := make([][]*text.Node, 0, len(n.Items))
	for i, it := range n.Items {
		if i == 0 {
			names = itemNames(it)
		}
		rows = append(rows, l.itemValues(it, names))
	}
	if l.problems.Len() > before {
		return nil
	}
	return l.bind(n, sc, "item", names, rows)
}

// itemNames are the keys of an item that is a map; nil for one value.
func itemNames(it *text.Node) (names []string) {
	for _, k := range it.Keys {
		names = append(names, k.Raw)
	}
	return names
}

// itemValues reads an item, which is like the first: one value, or a map with
// the same keys.
func (l *loader) itemValues(it *text.Node, names []string) []*text.Node {
	if names == nil {
		if it.Kind != text.Scalar || it.Value == nil {
			l.errorf(it, "type", "foreach: expected a value, found %s", it.What())
		}
		l.beyondInt(it, "foreach")
		return []*text.Node{it}
	}
	if it.Kind != text.Mapping {
		l.errorf(it, "type", "foreach: the first item is a map, this one is %s", it.What())
		return nil
	}
	out := make([]*text.Node, len(names))
	for i, name := range names {
		v := it.Get(name)
		switch {
		case v == nil:
			l.errorf(it, "matrix", "foreach: this item has no %q, which the first one has", name)
		case v.Kind != text.Scalar:
			l.errorf(v, "type", "foreach: %s: expected a value, found %s", name, v.What())
		case l.beyondInt(v, "foreach: "+name):
		}
		out[i] = v
	}
	for _, k := range it.Keys {
		if !slices.Contains(names, k.Raw) {
			l.errorf(k, "matrix", "foreach: the first item has no %q", k.Raw)
		}
	}
	return out
}

// bind gives each combination its name and its scope: ${matrix.NAME}, ${item} or
// ${item.NAME}.
func (l *loader) bind(n *text.Node, sc *scope, root string, names []string, combinations [][]*text.Node) []variant {
	type column struct {
		t     expr.Type
		whole bool // int values are taken as float: the column has both
	}
	columns := make([]column, max(len(names), 1))
	for i := range columns {
		t, mixed := columnType(combinations, i)
		columns[i] = column{t, mixed}
	}
	taken := map[string]int{}
	out := make([]variant, 0, len(combinations))
	for _, c := range combinations {
		values := map[string]any{}
		fields := expr.Vars{}
		var labels []Label
		for i, v := range c {
			value := v.Value
			if x, isInt := value.(int64); isInt && columns[i].whole {
				value = float64(x)
			}
			name := "item"
			if names != nil {
				name = names[i]
			}
			values[name], fields[name] = value, columns[i].t
			if value != nil {
				labels = append(labels, Label{name, value})
			}
		}
		var inner *scope
		if names == nil {
			inner = sc.with(root, columns[0].t, values["item"])
		} else {
			inner = sc.with(root, expr.Object(root, fields), values)
		}
		name := variantName(c, names)
		if taken[name]++; taken[name] > 1 {
			name = fmt.Sprintf("%s-%d", name, taken[name])
		}
		out = append(out, variant{name: name, labels: labels, scope: inner})
	}
	return out
}

// columnType is the type that all values of a column share; mixed tells that
// whole numbers stand beside others.
func columnType(rows [][]*text.Node, i int) (t expr.Type, mixed bool) {
	kinds := map[string]bool{}
	for _, r := range rows {
		if i < len(r) && r[i].Value != nil {
			kinds[typeOf(r[i].Value)] = true
		}
	}
	switch {
	case len(kinds) == 1:
		return map[string]expr.Type{"string": expr.String, "int": expr.Int, "float": expr.Double, "bool": expr.Bool}[sortedKeys(kinds)[0]], false
	case len(kinds) == 2 && kinds["int"] && kinds["float"]:
		return expr.Double, true
	}
	return expr.Any, false
}

// variantName joins the values; an item that has a name or an id goes by that.
func variantName(c []*text.Node, names []string) string {
	for i, name := range names {
		if (name == "name" || name == "id") && c[i].Value != nil {
			return plainName(c[i].Text())
		}
	}
	parts := make([]string, len(c))
	for i, v := range c {
		parts[i] = plainName(v.Text())
	}
	return strings.Join(parts, "-")
}

const longestName = 40

// plainName keeps what a name may hold everywhere: on a command line, in a
// metric's name and before the dot of an output.
func plainName(s string) string {
	r := []rune(s)
	if len(r) > longestName {
		r = r[:longestName]
	}
	for i, c := range r {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			r[i] = '_'
		}
	}
	if len(r) == 0 {
		return "_"
	}
	return string(r)
}
