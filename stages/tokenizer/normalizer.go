package tokenizer

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// normalizer changes a text before it is cut.
type normalizer []func(string) string

func (n normalizer) apply(text string) string {
	for _, f := range n {
		text = f(text)
	}
	return text
}

func newNormalizer(c *component) (normalizer, error) {
	if c == nil {
		return nil, nil
	}
	one := func(f func(string) string) (normalizer, error) { return normalizer{f}, nil }
	switch c.Type {
	case "Sequence":
		parts, err := c.list("normalizers")
		var all normalizer
		for _, p := range parts {
			n, err := newNormalizer(p)
			if err != nil {
				return nil, err
			}
			all = append(all, n...)
		}
		return all, err
	case "NFC":
		return one(norm.NFC.String)
	case "NFD":
		return one(norm.NFD.String)
	case "NFKC":
		return one(norm.NFKC.String)
	case "NFKD":
		return one(norm.NFKD.String)
	case "Lowercase":
		return one(lower)
	case "StripAccents":
		return one(func(s string) string { return without(unicode.IsMark, s) })
	case "BertNormalizer":
		return newBertNormalizer(c)
	case "Strip":
		return newStrip(c)
	case "Prepend":
		prefix := ""
		err := c.field("prepend", &prefix)
		return normalizer{func(s string) string {
			if s == "" {
				return s
			}
			return prefix + s
		}}, err
	case "Replace":
		return newReplace(c)
	}
	return nil, unknown("normalizer", c)
}

func newStrip(c *component) (normalizer, error) {
	left, right := true, true
	err := c.read("strip_left", &left, "strip_right", &right)
	return normalizer{func(s string) string {
		if left {
			s = strings.TrimLeftFunc(s, unicode.IsSpace)
		}
		if right {
			s = strings.TrimRightFunc(s, unicode.IsSpace)
		}
		return s
	}}, err
}

// pattern is {"String": …} or {"Regex": …}.
type pattern struct {
	String *string
	Regex  *string
}

// source gives the pattern as a regular expression of Go.
func (p *pattern) source() string {
	switch {
	case p.Regex != nil:
		return unicodeClasses(*p.Regex)
	case p.String != nil:
		return regexp.QuoteMeta(*p.String)
	}
	return ""
}

func newReplace(c *component) (normalizer, error) {
	var p pattern
	content := ""
	if err := c.read("pattern", &p, "content", &content); err != nil {
		return nil, err
	}
	if p.String != nil {
		return normalizer{func(s string) string { return strings.ReplaceAll(s, *p.String, content) }}, nil
	}
	re, err := regexp.Compile(p.source())
	if err != nil {
		return nil, err
	}
	return normalizer{func(s string) string { return re.ReplaceAllLiteralString(s, content) }}, nil
}

func newBertNormalizer(c *component) (normalizer, error) {
	clean, chinese, lowercase := true, true, true
	var accents *bool
	if err := c.read("clean_text", &clean, "handle_chinese_chars", &chinese, "strip_accents", &accents, "lowercase", &lowercase); err != nil {
		return nil, err
	}
	var n normalizer
	if clean {
		n = append(n, cleanText)
	}
	if chinese {
		n = append(n, spaceIdeographs)
	}
	if accents == nil && lowercase || accents != nil && *accents {
		n = append(n, func(s string) string {
			if isASCII(s) {
				return s
			}
			return without(nonspacing8, norm.NFD.String(s))
		})
	}
	if lowercase {
		n = append(n, lower)
	}
	return n, nil
}

// cleanText drops control characters and makes every other white space a space.
func cleanText(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r', unicode.IsSpace(r) && !unicode.IsControl(r):
			return ' '
		case r == unicode.ReplacementChar, unicode.In(r, unicode.Cc, unicode.Co), format8(r):
			return -1
		}
		return r
	}, s)
}

// spaceIdeographs puts a space on both sides of each Chinese character, as BERT
// takes each for a word.
func spaceIdeographs(s string) string {
	if isASCII(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if ideograph(r) {
			b.WriteByte(' ')
			b.WriteRune(r)
			b.WriteByte(' ')
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func ideograph(r rune) bool {
	return 0x4E00 <= r && r <= 0x9FFF || 0x3400 <= r && r <= 0x4DBF || 0x20000 <= r && r <= 0x2A6DF || 0x2A700 <= r && r <= 0x2B73F ||
		0x2B740 <= r && r <= 0x2B81F || 0x2B920 <= r && r <= 0x2CEAF || 0xF900 <= r && r <= 0xFAFF || 0x2F800 <= r && r <= 0x2FA1F
}

// without drops the characters that are so.
func without(so func(rune) bool, s string) string {
	return strings.Map(func(r rune) rune {
		if so(r) {
			return -1
		}
		return r
	}, s)
}

// lower makes each character lower case by itself, without the rules that look
// at its neighbours.
func lower(s string) string {
	if strings.Contains(s, "İ") {
		s = strings.ReplaceAll(s, "İ", "i\u0307")
	}
	return strings.ToLower(s)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
