package transform

import (
	"bytes"
	"fmt"
	"html"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// Steps names changes of a text, in the order in which they are made:
//
//	nfc             Unicode normalisation form C (UAX #15)
//	nfkc            form KC, which also maps ligatures, full-width letters and the like
//	lowercase       lower case of Unicode, with the final sigma and without regard to the language
//	collapse_space  each run of white space becomes one space; none remains at the ends
//	strip           no white space at the ends
//	strip_html      no tags and comments, and entities replaced by what they stand for
//	strip_control   no control characters but tab, newline and carriage return
//
// White space is what Unicode gives that property.
type Steps []string

// textStep changes a text. On text of ASCII alone ascii does the same in place and
// returns what remains; nil where the step has none.
type textStep struct {
	name  string
	fn    func(string) string
	ascii func([]byte) []byte
}

var stepFuncs = []textStep{
	{"nfc", norm.NFC.String, asItIs},
	{"nfkc", norm.NFKC.String, asItIs},
	{"lowercase", Lower, lowerASCII},
	{"collapse_space", collapseSpace, nil},
	{"strip", strings.TrimSpace, bytes.TrimSpace},
	{"strip_html", stripHTML, nil},
	{"strip_control", stripControl, nil},
}

// normalizer is a list of steps ready to be used, by any number of goroutines.
type normalizer []textStep

func (s Steps) compile() (normalizer, error) {
	var n normalizer
next:
	for _, name := range s {
		for _, f := range stepFuncs {
			if f.name == name {
				n = append(n, f)
				continue next
			}
		}
		return nil, fmt.Errorf("there is no text step %q", name)
	}
	return n, nil
}

// Func gives the steps as one function that appends the changed text to dst and
// may be used by several goroutines, nil where there are none.
func (s Steps) Func() (func(dst []byte, text string) []byte, error) {
	n, err := s.compile()
	if err != nil || n == nil {
		return nil, err
	}
	return n.append, nil
}

func (n normalizer) apply(text string) string {
	for _, s := range n {
		text = s.fn(text)
	}
	return text
}

// append is append(dst, n.apply(text)...), for most texts without another
// allocation.
func (n normalizer) append(dst []byte, text string) []byte {
	if !isASCII(text) || slices.ContainsFunc(n, func(s textStep) bool { return s.ascii == nil }) {
		return append(dst, n.apply(text)...)
	}
	from := len(dst)
	dst = append(dst, text...)
	left := dst[from:]
	for _, s := range n {
		left = s.ascii(left)
	}
	return dst[:from+copy(dst[from:], left)]
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func asItIs(b []byte) []byte { return b }

func lowerASCII(b []byte) []byte {
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}

// Lower gives the lower case of a text as Unicode's default algorithm has it
// (section 3.13 of the standard), with the two rules that look beyond one
// character: the final sigma and the dot of İ.
func Lower(text string) string {
	if strings.Contains(text, "Σ") || strings.Contains(text, "İ") {
		// A Caser keeps state while it works, so it cannot be shared.
		c := cases.Lower(language.Und)
		return c.String(text)
	}
	return strings.ToLower(text)
}

// appendLower is append(dst, Lower(text)...) for an empty dst, without another
// allocation where all is ASCII.
func appendLower(dst []byte, text string) []byte {
	for i := range len(text) {
		c := text[i]
		if c >= utf8.RuneSelf {
			return append(dst[:0], Lower(text)...)
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

func collapseSpace(text string) string {
	if !needsCollapse(text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	gap := false
	for _, r := range text {
		if unicode.IsSpace(r) {
			gap = b.Len() > 0
			continue
		}
		if gap {
			b.WriteByte(' ')
			gap = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// needsCollapse tells whether collapseSpace would change the text.
func needsCollapse(text string) bool {
	before := true
	for i := range len(text) {
		switch c := text[i]; {
		case c >= utf8.RuneSelf:
			return true // rather look closely than decode twice
		case c == ' ':
			if before {
				return true
			}
			before = true
		case '\t' <= c && c <= '\r':
			return true
		default:
			before = false
		}
	}
	return before && text != ""
}

func stripControl(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r' {
			return -1
		}
		return r
	}, text)
}

// stripHTML leaves the text of a fragment of HTML. A tag becomes a space, so
// that the words around it stay apart; a < that begins no tag is text.
func stripHTML(text string) string {
	if !strings.ContainsAny(text, "<&") {
		return text
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(text, '<')
		if i < 0 {
			break
		}
		end := tagEnd(text[i:])
		if end == 0 {
			b.WriteString(text[:i+1])
			text = text[i+1:]
			continue
		}
		b.WriteString(text[:i])
		b.WriteByte(' ')
		text = text[i+end:]
	}
	b.WriteString(text)
	return html.UnescapeString(b.String())
}

// tagEnd gives the length of the tag or comment that text begins with, 0 where
// it begins with none.
func tagEnd(text string) int {
	if strings.HasPrefix(text, "<!--") {
		if end := strings.Index(text, "-->"); end >= 0 {
			return end + len("-->")
		}
		return 0
	}
	name := strings.TrimPrefix(text[1:], "/")
	if name == "" || !(name[0] == '!' || 'a' <= name[0]|0x20 && name[0]|0x20 <= 'z') {
		return 0
	}
	quote := byte(0)
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '>':
			return i + 1
		case c == '=' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\''):
			quote = text[i+1]
			i++
		}
	}
	return 0
}
