package ctc

// Words is a grammar of known words: labels spell one after the other, with a
// separator between them, or each label is a word itself. A bigram model of the words
// tells which are likelier after which.
type Words struct {
	separator int32 // 0: each label is a word
	bigrams   *Bigrams
	weight    float64 // of the logarithm of the bigrams' probability
	bonus     float64 // for each word
	trie      []letter
	known     map[spelling]int32 // states by where they are
	states    []spelling
}

// letter is a place in the tree of spellings.
type letter struct {
	next map[int32]int32
	word int // that is spelt here, -1 for none
}

// spelling is a state: the word before, and how far the word is that is being spelt.
type spelling struct {
	before int
	at     int32
}

// NewWords makes a grammar of the spellings of words, each with one label or more. It
// is for one search at a time.
func NewWords(spellings [][]int32, separator int32, bigrams *Bigrams, weight, bonus float64) *Words {
	w := &Words{separator: separator, bigrams: bigrams, weight: weight, bonus: bonus, trie: []letter{{word: -1}}, known: map[spelling]int32{}}
	for i, labels := range spellings {
		if len(labels) == 0 {
			continue // it cannot be spelt
		}
		at := int32(0)
		for _, label := range labels {
			next, ok := w.trie[at].next[label]
			if !ok {
				next = int32(len(w.trie))
				w.trie = append(w.trie, letter{word: -1})
				if w.trie[at].next == nil {
					w.trie[at].next = map[int32]int32{}
				}
				w.trie[at].next[label] = next
			}
			at = next
		}
		w.trie[at].word = i
	}
	w.state(spelling{before: None})
	return w
}

func (w *Words) state(s spelling) int32 {
	id, ok := w.known[s]
	if !ok {
		id = int32(len(w.states))
		w.known[s], w.states = id, append(w.states, s)
	}
	return id
}

// ends gives the state after the word that is spelt at a state, and what it adds.
func (w *Words) ends(s spelling) (int32, float64, bool) {
	word := w.trie[s.at].word
	if word < 0 {
		return 0, 0, false
	}
	return w.state(spelling{before: word}), w.weight*w.bigrams.Log(s.before, word) + w.bonus, true
}

// Next implements Grammar.
func (w *Words) Next(state, label int32) (int32, float64, bool) {
	s := w.states[state]
	if label == w.separator {
		return w.ends(s)
	}
	at, ok := w.trie[s.at].next[label]
	if !ok {
		return 0, 0, false
	}
	s.at = at
	if w.separator == Blank {
		return w.ends(s)
	}
	return w.state(s), 0, true
}

// End implements Grammar: a text may be empty, and ends with a word.
func (w *Words) End(state int32) (float64, bool) {
	s := w.states[state]
	switch {
	case s.at == 0 && w.separator != Blank && s.before != None:
		return 0, false // a separator is the last
	case s.at == 0:
		return w.weight * w.bigrams.Log(s.before, None), true
	}
	next, added, ok := w.ends(s)
	if !ok {
		return 0, false
	}
	return added + w.weight*w.bigrams.Log(w.states[next].before, None), true
}
