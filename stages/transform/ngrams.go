package transform

import "unicode/utf8"

// ngrams cuts a text into runs of neighbouring words, and each word into runs
// of its characters.
type ngrams struct {
	split splitter
	words span
	chars span
}

// span is from the shortest to the longest of something; the zero span is none.
type span struct{ min, max int }

func newSpan(bounds []int) span {
	if len(bounds) != 2 {
		return span{}
	}
	return span{bounds[0], bounds[1]}
}

// each calls word with each run of words, which are joined by a space, and char
// with each run of characters, as often as they occur. The bytes are valid
// during the call only. Memory does not grow with the text but for what the
// splitter needs.
func (g *ngrams) each(text string, word, char func(gram []byte)) {
	window := wordWindow{span: g.words}
	var padded []byte
	g.split.tokens(text, func(token []byte) bool {
		if g.words.max > 0 {
			window.add(token, word)
		}
		if g.chars.max > 0 {
			padded = append(append(append(padded[:0], ' '), token...), ' ')
			g.chars.runs(padded, char)
		}
		return true
	})
}

// wordWindow remembers as many words as the longest run has.
type wordWindow struct {
	span
	line   []byte // the words, joined by a space
	starts []int  // where each word begins
}

// add calls yield with the runs that end with token.
func (w *wordWindow) add(token []byte, yield func([]byte)) {
	if len(w.starts) == w.max {
		w.drop()
	}
	if len(w.line) > 0 {
		w.line = append(w.line, ' ')
	}
	w.starts = append(w.starts, len(w.line))
	w.line = append(w.line, token...)
	for n := w.min; n <= len(w.starts); n++ {
		yield(w.line[w.starts[len(w.starts)-n]:])
	}
}

// drop forgets the first word.
func (w *wordWindow) drop() {
	if len(w.starts) == 1 {
		w.line, w.starts = w.line[:0], w.starts[:0]
		return
	}
	gone := w.starts[1]
	w.line = w.line[:copy(w.line, w.line[gone:])]
	w.starts = w.starts[:copy(w.starts, w.starts[1:])]
	for i := range w.starts {
		w.starts[i] -= gone
	}
}

// runs calls yield with the runs of characters of a word that has a space at
// both ends. Where the word is no longer than a run, the whole word comes, once.
func (s span) runs(word []byte, yield func([]byte)) {
	length := utf8.RuneCount(word)
	for n := s.min; n <= s.max; n++ {
		if length <= n {
			yield(word)
			return
		}
		from, to := 0, 0
		for range n {
			to = after(word, to)
		}
		for {
			yield(word[from:to])
			if to == len(word) {
				break
			}
			from, to = after(word, from), after(word, to)
		}
	}
}

// after gives where the character that begins at i ends.
func after(text []byte, i int) int {
	_, n := utf8.DecodeRune(text[i:])
	return i + n
}
