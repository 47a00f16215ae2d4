package tokenizer

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Byte-level tokenizers (Radford et al. 2019) write each byte as a character that
// can be seen: printable bytes of Latin-1 as themselves, the others as the
// characters from U+0100 on.

var byteChars = sync.OnceValue(func() (chars [256]rune) {
	next := rune(256)
	for b := range chars {
		if '!' <= b && b <= '~' || 0xA1 <= b && b <= 0xAC || 0xAE <= b && b <= 0xFF {
			chars[b] = rune(b)
		} else {
			chars[b] = next
			next++
		}
	}
	return chars
})

var charBytes = sync.OnceValue(func() map[rune]byte {
	m := make(map[rune]byte, 256)
	for b, r := range byteChars() {
		m[r] = byte(b)
	}
	return m
})

// visible spells the bytes of a text.
func visible(text string) string {
	chars := byteChars()
	var b strings.Builder
	b.Grow(len(text) + len(text)/4)
	for i := range len(text) {
		b.WriteRune(chars[text[i]])
	}
	return b.String()
}

// hidden gives the bytes that a visible text stands for; a character that stands
// for none is kept.
func hidden(text string) string {
	m := charBytes()
	b := make([]byte, 0, len(text))
	for _, r := range text {
		if c, ok := m[r]; ok {
			b = append(b, c)
		} else {
			b = utf8.AppendRune(b, r)
		}
	}
	return string(b)
}

func newByteLevel(c *component) (preTokenizer, error) {
	prefix, regex := true, true
	if err := c.read("add_prefix_space", &prefix, "use_regex", &regex); err != nil {
		return nil, err
	}
	return preTokenizer{func(piece string, _ bool, yield func(string)) {
		if prefix && !strings.HasPrefix(piece, " ") {
			piece = " " + piece
		}
		if !regex {
			yield(visible(piece))
			return
		}
		gptWords(piece, func(word string) { yield(visible(word)) })
	}}, nil
}

// gptWords cuts a text as GPT-2 does, which is the expression
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// written out, because it is needed for every word of every text.
func gptWords(text string, yield func(string)) {
	for len(text) > 0 {
		n := gptWord(text)
		yield(text[:n])
		text = text[n:]
	}
}

func gptWord(text string) int {
	if text[0] == '\'' {
		for _, end := range []string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"} {
			if strings.HasPrefix(text, end) {
				return len(end)
			}
		}
	}
	from := 0
	if text[0] == ' ' && len(text) > 1 {
		from = 1
	}
	r, size := utf8.DecodeRuneInString(text[from:])
	class := classOf(r)
	if class != space {
		at := from + size
		for at < len(text) {
			r, size := utf8.DecodeRuneInString(text[at:])
			if classOf(r) != class {
				break
			}
			at += size
		}
		return at
	}
	return spaces(text)
}

// spaces is the length of the white space that text begins with, without its last
// character where a word follows: that one belongs to the word.
func spaces(text string) int {
	at, last := 0, 0
	for at < len(text) {
		r, size := utf8.DecodeRuneInString(text[at:])
		if !unicode.IsSpace(r) {
			if last > 0 {
				return last
			}
			return at
		}
		last = at
		at += size
	}
	return at
}

type charClass int

const (
	space charClass = iota
	letter
	number
	other
)

func classOf(r rune) charClass {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z':
		return letter
	case unicode.IsSpace(r):
		return space
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number
	}
	return other
}
