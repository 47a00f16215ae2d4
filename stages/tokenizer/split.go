package tokenizer

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Published pre-tokenizers are regular expressions of Oniguruma. Go's are without
// looking ahead; the one use of it that tokenizers make, \s+(?!\S), is done by
// hand, and any other is refused.

// readSplit reads a Split component.
func readSplit(c *component) (preTokenizer, error) {
	var p pattern
	behavior, invert := "", false
	if err := c.read("pattern", &p, "behavior", &behavior, "invert", &invert); err != nil {
		return nil, err
	}
	source := ""
	switch {
	case p.Regex != nil:
		source = *p.Regex
	case p.String != nil:
		source = regexp.QuoteMeta(*p.String)
	default:
		return nil, errors.New("a Split has no pattern")
	}
	switch {
	case behavior == "Isolated":
		return newSplit(source, "isolate")
	case behavior == "Removed" && !invert:
		return newSplit(source, "remove")
	case behavior == "Removed":
		return newSplit(source, "keep")
	}
	return nil, fmt.Errorf("a Split with behavior %q is not known to this pipe", behavior)
}

// newSplit cuts a text by an expression: isolate makes words of what matches and
// of what does not, remove only of what does not, keep only of what does.
func newSplit(source, what string) (preTokenizer, error) {
	alternatives, err := compile(source)
	if err != nil {
		return nil, err
	}
	match := func(text string) int {
		for _, a := range alternatives {
			if n := a(text); n > 0 {
				return n
			}
		}
		return 0
	}
	return preTokenizer{func(piece string, _ bool, yield func(string)) {
		from, at := 0, 0
		between := func(end int) {
			if end > from && what != "keep" {
				yield(piece[from:end])
			}
		}
		for at < len(piece) {
			n := match(piece[at:])
			if n == 0 {
				_, size := utf8.DecodeRuneInString(piece[at:])
				at += size
				continue
			}
			between(at)
			if what != "remove" {
				yield(piece[at : at+n])
			}
			at += n
			from = at
		}
		between(at)
	}}, nil
}

const spacesBeforeEnd = `\s+(?!\S)`

// compile gives the alternatives of an expression as functions of the length of
// what they match at the beginning of a text, 0 for nothing.
func compile(source string) ([]func(string) int, error) {
	var out []func(string) int
	var group []string
	flush := func() error {
		if len(group) == 0 {
			return nil
		}
		re, err := regexp.Compile(`\A(?:` + unicodeClasses(strings.Join(group, "|")) + `)`)
		if err != nil {
			return fmt.Errorf("the expression %q cannot be used: %w", source, err)
		}
		group = nil
		out = append(out, func(text string) int {
			if at := re.FindStringIndex(text); at != nil {
				return at[1]
			}
			return 0
		})
		return nil
	}
	for _, a := range splitAlternatives(source) {
		if a != spacesBeforeEnd {
			group = append(group, a)
			continue
		}
		if err := flush(); err != nil {
			return nil, err
		}
		out = append(out, func(text string) int {
			n := spaces(text)
			if r, size := utf8.DecodeRuneInString(text); n == size && n < len(text) && classOf(r) == space {
				if next, _ := utf8.DecodeRuneInString(text[n:]); classOf(next) != space {
					return 0 // a single one before a word
				}
			}
			return n
		})
	}
	return out, flush()
}

// splitAlternatives cuts an expression at the | that are in no group and no class.
func splitAlternatives(source string) []string {
	var out []string
	depth, class, from := 0, false, 0
	for i := 0; i < len(source); i++ {
		switch c := source[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '|' && depth == 0:
			out = append(out, source[from:i])
			from = i + 1
		}
	}
	return append(out, source[from:])
}

// unicodeClasses makes \s, \S, \d and \w what they are in Oniguruma: classes of
// Unicode and not of ASCII.
func unicodeClasses(source string) string {
	const white, word = `\t-\r\x{85}\p{Z}`, `\p{L}\p{M}\p{Nd}\p{Pc}`
	inside := map[byte]string{'s': white, 'd': `\p{Nd}`, 'w': word}
	var b strings.Builder
	class := false
	for i := 0; i < len(source); i++ {
		c := source[i]
		if c != '\\' || i+1 == len(source) {
			if c == '[' {
				class = true
			} else if c == ']' {
				class = false
			}
			b.WriteByte(c)
			continue
		}
		i++
		next := source[i]
		lower := next | 0x20
		set, known := inside[lower]
		switch {
		case !known || class && next != lower:
			b.WriteByte('\\')
			b.WriteByte(next)
		case class:
			b.WriteString(set)
		case next == lower:
			b.WriteString("[" + set + "]")
		default:
			b.WriteString("[^" + set + "]")
		}
	}
	return b.String()
}
