package filter

import (
	"fmt"
	"strings"
)

// Error is a filter that cannot be read.
type Error struct {
	Text   string // the whole filter
	Pos    int    // byte offset of what is wrong
	Reason string
}

// Error says what is wrong and where, counting from 1.
func (e *Error) Error() string {
	return fmt.Sprintf("filter %s: at %d: %s", excerpt(e.Text), e.Pos+1, clip(e.Reason))
}

// excerpt quotes a filter, a long one in part: a message is for reading.
func excerpt(text string) string {
	if len(text) > 300 {
		return fmt.Sprintf("%q…", text[:300])
	}
	return fmt.Sprintf("%q", text)
}

func clip(text string) string {
	if len(text) > 600 {
		return text[:600] + "…"
	}
	return text
}

// tokenKind is the class of a token.
type tokenKind int

const (
	end    tokenKind = iota
	word             // a name or a keyword
	quoted           // '…' or "…"
	ticked           // `…`
	number
	symbol // = != < <= > >= ( ) , .
)

// token is a piece of the text; text is its value, without quotes.
type token struct {
	kind tokenKind
	text string
	pos  int
}

func (t token) describe() string {
	switch t.kind {
	case end:
		return "the end"
	case quoted:
		return fmt.Sprintf("'%s'", t.text)
	}
	return fmt.Sprintf("%q", t.text)
}

// keyword reports whether the token is the word, in any case.
func (t token) keyword(w string) bool { return t.kind == word && strings.EqualFold(t.text, w) }

// is reports whether the token is the symbol.
func (t token) is(s string) bool { return t.kind == symbol && t.text == s }

// lex splits a filter into tokens; the last is end.
func lex(text string) ([]token, error) {
	var list []token
	for pos := 0; ; {
		for pos < len(text) && strings.IndexByte(" \t\r\n", text[pos]) >= 0 {
			pos++
		}
		if pos == len(text) {
			return append(list, token{end, "", pos}), nil
		}
		t, n, err := next(text[pos:])
		if err != nil {
			return nil, &Error{text, pos, err.Error()}
		}
		t.pos = pos
		list = append(list, t)
		pos += n
	}
}

// next reads the token that s begins with, and its length in bytes.
func next(s string) (token, int, error) {
	c := s[0]
	switch {
	case c == '\'' || c == '"' || c == '`':
		return quote(s)
	case letter(c):
		n := span(s, func(c byte) bool { return letter(c) || digit(c) || strings.IndexByte("-/:", c) >= 0 })
		return token{kind: word, text: s[:n]}, n, nil
	case digit(c) || len(s) > 1 && (strings.IndexByte("+-", c) >= 0 && (digit(s[1]) || s[1] == '.') || c == '.' && digit(s[1])):
		n := numeral(s)
		return token{kind: number, text: s[:n]}, n, nil
	}
	for _, sym := range []string{"!=", "<>", "<=", ">=", "==", "=", "<", ">", "(", ")", ",", "."} {
		if strings.HasPrefix(s, sym) {
			text := sym
			switch sym {
			case "<>":
				text = "!="
			case "==":
				text = "="
			}
			return token{kind: symbol, text: text}, len(sym), nil
		}
	}
	r := []rune(s[:min(len(s), 4)])[0]
	return token{}, 0, fmt.Errorf("unexpected character %q", r)
}

// quote reads a quoted string; the quote itself is written twice inside it.
func quote(s string) (token, int, error) {
	q := s[:1]
	kind := quoted
	if q == "`" {
		kind = ticked
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != q[0] {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == q[0] {
			b.WriteByte(q[0])
			i++
			continue
		}
		return token{kind: kind, text: b.String()}, i + 1, nil
	}
	return token{}, 0, fmt.Errorf("the string that begins with %s has no end", q)
}

// numeral is the length of the number that s begins with: sign, digits,
// fraction, exponent.
func numeral(s string) int {
	n := 0
	if s[0] == '+' || s[0] == '-' {
		n++
	}
	n += span(s[n:], digit)
	if n < len(s) && s[n] == '.' {
		n += 1 + span(s[n+1:], digit)
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		e := n + 1
		if e < len(s) && (s[e] == '+' || s[e] == '-') {
			e++
		}
		if d := span(s[e:], digit); d > 0 {
			n = e + d
		}
	}
	return n
}

func span(s string, in func(byte) bool) int {
	for i := range len(s) {
		if !in(s[i]) {
			return i
		}
	}
	return len(s)
}

func letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
