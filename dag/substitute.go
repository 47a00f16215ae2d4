package dag

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"pipe/dag/expr"
	"pipe/dag/text"
)

// substitute carries out every ${…} below n, in place. A scalar that is one
// expression takes its value and type; inside other text the value is written
// out. $${ stands for ${.
func (l *loader) substitute(sc *scope, n *text.Node) {
	if n == nil {
		return
	}
	for _, it := range n.Items {
		l.substitute(sc, it)
	}
	s, ok := n.Value.(string)
	if n.Kind != text.Scalar || !ok || !strings.Contains(s, "${") {
		return
	}
	if sc.broken { // what is wrong with the params has been reported; their users are not
		n.Value = nil
		return
	}
	parts, err := splitTemplate(s)
	if err != nil {
		l.errorf(n, "expression", "%v", err)
		n.Value = nil
		return
	}
	if len(parts) == 1 && parts[0].expr {
		if v, ok := l.eval(sc, n, parts[0]); ok {
			setValue(n, v)
		} else {
			n.Value = nil
		}
		return
	}
	var b strings.Builder
	for _, p := range parts {
		if !p.expr {
			b.WriteString(p.text)
			continue
		}
		v, ok := l.eval(sc, n, p)
		if !ok {
			n.Value = nil
			return
		}
		b.WriteString(text.FormatScalar(v))
	}
	n.Value, n.Quoted = b.String(), true
}

// hasTemplate tells whether an expression stands somewhere below n.
func hasTemplate(n *text.Node) bool {
	if n == nil {
		return false
	}
	if s, ok := n.Value.(string); ok && strings.Contains(s, "${") {
		return true
	}
	return slices.ContainsFunc(n.Items, hasTemplate)
}

// misspelt tells whether a key of a map looks like a name that is not there.
func misspelt(n *text.Node, name string) bool {
	return slices.ContainsFunc(n.Keys, func(k *text.Node) bool { return text.Closest(k.Raw, []string{name}) == name })
}

// setValue makes a node what an expression gave.
func setValue(n *text.Node, v any) {
	switch x := v.(type) {
	case []any:
		n.Kind, n.Value = text.Sequence, nil
		for _, e := range x {
			child := &text.Node{Pos: n.Pos}
			setValue(child, e)
			n.Items = append(n.Items, child)
		}
	case map[string]any:
		n.Kind, n.Value = text.Mapping, nil
		for _, k := range sortedKeys(x) {
			child := &text.Node{Pos: n.Pos}
			setValue(child, x[k])
			n.Keys = append(n.Keys, &text.Node{Pos: n.Pos, Raw: k, Value: k})
			n.Items = append(n.Items, child)
		}
	default:
		n.Value = v
	}
}

func (l *loader) eval(sc *scope, n *text.Node, p templatePart) (any, bool) {
	if v, ok := sc.results[p.text]; ok {
		return v, true
	}
	if strings.Contains(p.text, "secret") {
		if mark, known := l.secret(n, p); known {
			return mark, mark != ""
		}
	}
	prog, err := l.cache.Compile(sc.vars, p.text)
	if err != nil {
		pos := n.Pos
		var e *expr.Error
		hint := ""
		msg := err.Error()
		if errors.As(err, &e) {
			msg, hint = e.Text, e.Hint
			if shellVariable().MatchString(p.text) {
				hint = strings.TrimPrefix(fmt.Sprintf("%s; in a line for the shell, write $${%s} for a variable of it", hint, p.text), "; ")
			}
			pos = within(n, p.at, e)
		}
		l.problems.Add(&text.Problem{Code: "cel", Pos: pos, Text: "${" + strings.TrimSpace(p.text) + "}: " + msg, Hint: hint})
		return nil, false
	}
	v, err := prog.Eval(sc.values)
	if err != nil {
		l.errorf(n, "cel", "%v", err)
		return nil, false
	}
	if t, ok := v.(time.Time); ok {
		v = t.UTC().Format(time.RFC3339Nano)
	}
	if sc.results == nil {
		sc.results = map[string]any{}
	}
	sc.results[p.text] = v
	return v, true
}

// shellVariable is what stands between braces where a shell is meant: HOME,
// X:-y, name%.csv, #list. A name with a dot is none.
var shellVariable = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[#!]?([A-Za-z_][A-Za-z0-9_]*|[0-9@*?])(\[[^\]]*\])?([-:=+?#%/^,@].*)?$`)
})

// within gives the place of an expression's mistake inside a scalar that
// stands on one line; at is where the expression begins, in bytes.
func within(n *text.Node, at int, e *expr.Error) text.Pos {
	pos := n.Pos
	if e.Line != 1 || strings.Contains(n.Raw, "\n") || at > len(n.Raw) {
		return pos
	}
	pos.Col += utf8.RuneCountInString(n.Raw[:at]) + e.Col - 1
	if n.Quoted {
		pos.Col++
	}
	pos.Width = 1
	return pos
}

type templatePart struct {
	text string
	expr bool
	at   int // where text begins in the scalar, in bytes
}

var errTemplate = errors.New("${ has no closing }")

// splitTemplate cuts "a ${b} c" into text and expressions. Braces and quotes
// inside an expression are those of CEL.
func splitTemplate(s string) ([]templatePart, error) {
	var parts []templatePart
	var plain strings.Builder
	for i := 0; i < len(s); {
		if strings.HasPrefix(s[i:], "$${") {
			plain.WriteString("${")
			i += 3
			continue
		}
		if !strings.HasPrefix(s[i:], "${") {
			plain.WriteByte(s[i])
			i++
			continue
		}
		end := closing(s, i+2)
		if end < 0 {
			return nil, errTemplate
		}
		if plain.Len() > 0 {
			parts = append(parts, templatePart{text: plain.String()})
			plain.Reset()
		}
		parts = append(parts, templatePart{text: s[i+2 : end], expr: true, at: i + 2})
		i = end + 1
	}
	if plain.Len() > 0 || len(parts) == 0 {
		parts = append(parts, templatePart{text: plain.String()})
	}
	return parts, nil
}

// closing finds the } that ends an expression beginning at i, or -1.
func closing(s string, i int) int {
	depth := 0
	for ; i < len(s); i++ {
		switch c := s[i]; c {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i
			}
			depth--
		case '"', '\'':
			for i++; i < len(s) && s[i] != c; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		}
	}
	return -1
}
