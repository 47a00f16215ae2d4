package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// preTokenizer cuts a text into words. Each step cuts what the one before gave.
type preTokenizer []cutter

// cutter calls yield with the words of a piece; first tells whether the piece
// begins the text.
type cutter func(piece string, first bool, yield func(word string))

func (p preTokenizer) words(text string, first bool, yield func(word string)) {
	if len(p) == 0 {
		yield(text)
		return
	}
	begins := first
	p[0](text, first, func(word string) {
		if word != "" {
			p[1:].words(word, begins, yield)
			begins = false
		}
	})
}

func newPreTokenizer(c *component) (preTokenizer, error) {
	if c == nil {
		return nil, nil
	}
	switch c.Type {
	case "Sequence":
		parts, err := c.list("pretokenizers")
		var all preTokenizer
		for _, p := range parts {
			one, err := newPreTokenizer(p)
			if err != nil {
				return nil, err
			}
			all = append(all, one...)
		}
		return all, err
	case "ByteLevel":
		return newByteLevel(c)
	case "BertPreTokenizer":
		return preTokenizer{bertWords}, nil
	case "Whitespace":
		return preTokenizer{wordsAndMarks}, nil
	case "WhitespaceSplit":
		return preTokenizer{spaced}, nil
	case "Digits":
		alone := false
		err := c.field("individual_digits", &alone)
		return preTokenizer{runs(unicode.IsNumber, alone)}, err
	case "Punctuation":
		return preTokenizer{runs(punctuation, true)}, nil
	case "Metaspace":
		return newMetaspace(c)
	case "Split":
		return readSplit(c)
	}
	return nil, unknown("pre_tokenizer", c)
}

// spaced cuts at white space, which is dropped.
func spaced(piece string, _ bool, yield func(string)) {
	for word := range strings.FieldsSeq(piece) {
		yield(word)
	}
}

// wordsAndMarks is the expression \w+|[^\w\s]+ of Rust: runs of word characters,
// and runs of what is neither that nor white space.
func wordsAndMarks(piece string, _ bool, yield func(string)) {
	marks := runs(wordRune, false)
	for word := range strings.FieldsSeq(piece) {
		marks(word, false, yield)
	}
}

// wordRune is \w of UTS #18.
func wordRune(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
}

// bertWords cuts at white space and makes each punctuation mark a word.
func bertWords(piece string, _ bool, yield func(string)) {
	marks := runs(punctuation, true)
	for word := range strings.FieldsSeq(piece) {
		marks(word, false, yield)
	}
}

// punctuation is what BERT takes for it: all of ASCII that is neither letter nor
// digit, and Unicode's.
func punctuation(r rune) bool {
	if r < 0x80 {
		return '!' <= r && r <= '/' || ':' <= r && r <= '@' || '[' <= r && r <= '`' || '{' <= r && r <= '~'
	}
	return punctuation8(r)
}

// runs cuts where characters that are so meet others; alone makes each of those
// that are so a word.
func runs(so func(rune) bool, alone bool) cutter {
	return func(piece string, _ bool, yield func(string)) {
		from, before := 0, false
		for i, r := range piece {
			is := so(r)
			if i > from && (is != before || is && alone) {
				yield(piece[from:i])
				from = i
			}
			before = is
		}
		if from < len(piece) {
			yield(piece[from:])
		}
	}
}

// newMetaspace makes spaces visible characters that begin words (Kudo and
// Richardson 2018).
func newMetaspace(c *component) (preTokenizer, error) {
	mark, scheme, split := "▁", "", true
	var prefix *bool
	if err := c.read("replacement", &mark, "prepend_scheme", &scheme, "split", &split, "add_prefix_space", &prefix); err != nil {
		return nil, err
	}
	if scheme == "" {
		if scheme = "always"; prefix != nil && !*prefix {
			scheme = "never"
		}
	}
	return preTokenizer{func(piece string, first bool, yield func(string)) {
		text := strings.ReplaceAll(piece, " ", mark)
		if (scheme == "always" || scheme == "first" && first) && !strings.HasPrefix(text, mark) {
			text = mark + text
		}
		if !split {
			yield(text)
			return
		}
		for text != "" {
			_, size := utf8.DecodeRuneInString(text)
			next := strings.Index(text[size:], mark)
			if next < 0 {
				yield(text)
				return
			}
			yield(text[:size+next])
			text = text[size+next:]
		}
	}}, nil
}
