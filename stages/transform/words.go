package transform

import (
	"sync"
	"unicode/utf8"
)

// splitter cuts a text into words or characters.
type splitter struct {
	steps  normalizer
	lower  bool
	chars  bool
	ascii  [utf8.RuneSelf]bool // the separators below 0x80
	others map[rune]bool       // the other separators, nil where there are none
	buf    *sync.Pool          // of *[]byte: the changed text

	separators string // all of them
}

// splitter gives what cuts a text as the configuration says.
func (c *Text) splitter() (splitter, error) {
	s, err := newSplitter(c.Normalize, c.Lower, c.Filters)
	s.chars = c.Level == "char"
	return s, err
}

// newSplitter cuts into words at filters, or where they are nil at those of
// Keras, after the steps.
func newSplitter(normalize Steps, lower bool, separators *string) (splitter, error) {
	steps, err := normalize.compile()
	if err != nil {
		return splitter{}, err
	}
	s := splitter{steps: steps, lower: lower, buf: &sync.Pool{New: func() any { return new([]byte) }}}
	filters := KerasFilters
	if separators != nil {
		filters = *separators
	}
	s.separators = " " + filters
	for _, r := range s.separators {
		if r < utf8.RuneSelf {
			s.ascii[r] = true
			continue
		}
		if s.others == nil {
			s.others = map[rune]bool{}
		}
		s.others[r] = true
	}
	return s, nil
}

// tokens calls yield for each word, or character, until it returns false. The
// bytes are valid during the call only.
func (s *splitter) tokens(text string, yield func(token []byte) bool) {
	buf := s.buf.Get().(*[]byte)
	defer s.buf.Put(buf)
	if s.steps != nil {
		text = s.steps.apply(text)
	}
	*buf = append((*buf)[:0], text...)
	if s.lower {
		*buf = appendLower((*buf)[:0], text)
	}
	if s.chars {
		eachRune(*buf, yield)
		return
	}
	s.eachWord(*buf, yield)
	if cap(*buf) > 1<<20 {
		*buf = nil // one gigantic text must not stay in memory
	}
}

func eachRune(text []byte, yield func([]byte) bool) {
	for len(text) > 0 {
		_, n := utf8.DecodeRune(text)
		if !yield(text[:n]) {
			return
		}
		text = text[n:]
	}
}

func (s *splitter) eachWord(text []byte, yield func([]byte) bool) {
	start := -1
	for i := 0; i < len(text); {
		separates, n := s.separator(text[i:])
		switch {
		case separates && start >= 0:
			if !yield(text[start:i]) {
				return
			}
			start = -1
		case !separates && start < 0:
			start = i
		}
		i += n
	}
	if start >= 0 {
		yield(text[start:])
	}
}

// separator tells whether the text begins with a separator, and how long its
// first character is.
func (s *splitter) separator(text []byte) (bool, int) {
	if c := text[0]; c < utf8.RuneSelf {
		return s.ascii[c], 1
	}
	if s.others == nil {
		return false, 1 // each byte of a longer character is part of a word
	}
	r, n := utf8.DecodeRune(text)
	return s.others[r], n
}
