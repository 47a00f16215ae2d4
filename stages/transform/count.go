package transform

// Counter is a transform of text that can tell how much of a text it knows.
type Counter interface {
	// CountTokens gives how many words, characters or pieces a text has, whatever
	// the length of a row, and how many of them are not in the vocabulary.
	CountTokens(text string) (tokens, unknown int)
}

// CountTokens implements Counter.
func (v *Vectorizer) CountTokens(text string) (tokens, unknown int) {
	v.split.tokens(text, func(token []byte) bool {
		tokens++
		if _, known := v.index[string(token)]; !known {
			unknown++
		}
		return true
	})
	return tokens, unknown
}

// CountTokens implements Counter. It counts words where single words have
// weights, and else the runs of characters.
func (v *TFIDF) CountTokens(text string) (tokens, unknown int) {
	count := func(index map[string]int32) func([]byte) {
		return func(gram []byte) {
			tokens++
			if _, known := index[string(gram)]; !known {
				unknown++
			}
		}
	}
	if v.ngrams.words.max == 0 {
		v.ngrams.each(text, nil, count(v.chars))
		return tokens, unknown
	}
	words := v.ngrams
	words.words.max, words.chars = words.words.min, span{}
	words.each(text, count(v.words), nil)
	return tokens, unknown
}

// CountTokens implements Counter. A tokenizer without an unknown token cuts
// whatever it does not know into smaller pieces, and so knows everything.
func (s *Subwords) CountTokens(text string) (tokens, unknown int) {
	ids := s.tokenizer.Encode(nil, text)
	if none, ok := s.tokenizer.Unknown(); ok {
		for _, id := range ids {
			if id == none {
				unknown++
			}
		}
	}
	return len(ids), unknown
}

// CountTokens implements Counter, where the transform before the network does.
func (e *Embedded) CountTokens(text string) (tokens, unknown int) {
	if c, ok := e.tokens.(Counter); ok {
		return c.CountTokens(text)
	}
	return 0, 0
}
