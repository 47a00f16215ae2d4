package model

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"pipe/stages/ctc"
)

// What the labels of a recogniser stand for.
const (
	CharacterUnits = "characters"
	WordUnits      = "words"
)

// Spelling says how texts are spelt with the labels of a recogniser, and which words
// it learnt: speech.json.
type Spelling struct {
	Version int    `json:"version"`
	Units   string `json:"units"`
	// Plain says that texts are in lower case and without punctuation.
	Plain bool `json:"plain"`
	// Labels are what the network's outputs stand for; the first is the blank, "".
	Labels []string `json:"labels"`
	// Words were in the texts that it was trained with, sorted; Pairs counts which came
	// after which.
	Words []string   `json:"words"`
	Pairs []ctc.Pair `json:"pairs"`
	// Search is how texts are looked for unless somebody says otherwise.
	Search Search `json:"search"`

	index   map[string]int32 // of the labels
	bigrams *ctc.Bigrams
}

// Search says how the text of a recording is looked for.
type Search struct {
	Beams  int     `yaml:"beams" json:"beams" doc:"how many beginnings of the text are followed; 1 takes the likeliest answer at every step" default:"16" min:"1" max:"4096"`
	Words  string  `yaml:"words" json:"words" doc:"any: whatever is heard; known: only words that were in the training texts" default:"any" enum:"any,known"`
	Weight float64 `yaml:"weight" json:"weight" doc:"of known words: how much counts which word came how often after which in the training texts, by the logarithm of the probability" default:"0" min:"0" max:"100"`
	Bonus  float64 `yaml:"bonus" json:"bonus" doc:"of known words: what each adds to the logarithm of the probability, against the weight, which makes few words likelier" default:"0" min:"-100" max:"100"`
}

// Check tells what makes a search impossible that does not come from a pipeline, where
// its settings are checked.
func (s Search) Check() error {
	switch {
	case s.Beams < 1 || s.Beams > mostBeams:
		return fmt.Errorf("a search follows 1 to %d beginnings, not %d", mostBeams, s.Beams)
	case s.Words != AnyWords && s.Words != KnownWords:
		return fmt.Errorf("words are %s or %s, not %q", AnyWords, KnownWords, s.Words)
	case !(s.Weight >= 0) || s.Bonus-s.Bonus != 0 || math.IsInf(s.Weight, 0):
		return fmt.Errorf("the weight %v and the bonus %v must be numbers, the weight at least 0", s.Weight, s.Bonus)
	}
	return nil
}

const mostBeams = 4096

// KnownWords and AnyWords are what Search.Words may be.
const (
	KnownWords = "known"
	AnyWords   = "any"
)

// PlainText makes a text what a recogniser writes that leaves out what is not heard:
// letters in lower case, digits and apostrophes, with one space between words.
func PlainText(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '’' || r == '\'':
			return '\''
		case unicode.In(r, unicode.L, unicode.M, unicode.N):
			return unicode.ToLower(r)
		}
		return ' '
	}, norm.NFC.String(text))
	return strings.Join(strings.Fields(text), " ")
}

// Text makes a text one of this spelling.
func (s *Spelling) Text(text string) string {
	if s.Plain {
		return PlainText(text)
	}
	return strings.Join(strings.Fields(norm.NFC.String(text)), " ")
}

// NewSpelling learns labels and words from texts.
func NewSpelling(units string, plain bool, search Search, texts []string) (*Spelling, error) {
	s := &Spelling{Version: Version, Units: units, Plain: plain, Search: search}
	labels, words := map[string]bool{}, map[string]int{}
	lists := make([][]string, len(texts))
	for i, text := range texts {
		text = s.Text(text)
		lists[i] = strings.Fields(text)
		for _, word := range lists[i] {
			words[word] = 0
		}
		for _, u := range s.units(text) {
			labels[u] = true
		}
	}
	sorted := func(has func(func(string))) (out []string) {
		has(func(v string) { out = append(out, v) })
		slices.Sort(out)
		return out
	}
	s.Labels = append([]string{""}, sorted(func(add func(string)) {
		for label := range labels {
			add(label)
		}
	})...)
	s.Words = sorted(func(add func(string)) {
		for word := range words {
			add(word)
		}
	})
	for i, word := range s.Words {
		words[word] = i
	}
	counts := map[[2]int]int{}
	for _, list := range lists {
		before := ctc.None
		for _, word := range list {
			counts[[2]int{before, words[word]}]++
			before = words[word]
		}
		counts[[2]int{before, ctc.None}]++
	}
	for pair, n := range counts {
		s.Pairs = append(s.Pairs, ctc.Pair{pair[0], pair[1], n})
	}
	slices.SortFunc(s.Pairs, func(a, b ctc.Pair) int { return slices.Compare(a[:], b[:]) })
	return s, s.prepare()
}

// prepare checks what was read or learnt and makes the indices.
func (s *Spelling) prepare() (err error) {
	switch {
	case s.Version != Version:
		return fmt.Errorf("its version is %d and this pipe reads %d", s.Version, Version)
	case s.Units != CharacterUnits && s.Units != WordUnits:
		return fmt.Errorf("its units are %q, and %s and %s are known", s.Units, CharacterUnits, WordUnits)
	case len(s.Labels) < 2:
		return fmt.Errorf("it has %d labels, and needs the blank and another", len(s.Labels))
	case s.Labels[0] != "":
		return fmt.Errorf("its first label is %q and not the blank", s.Labels[0])
	}
	if err := s.Search.Check(); err != nil {
		return err
	}
	s.index = map[string]int32{}
	for i, label := range s.Labels[1:] {
		if _, twice := s.index[label]; twice || label == "" {
			return fmt.Errorf("it has the label %q twice", label)
		}
		s.index[label] = int32(i + 1)
	}
	s.bigrams, err = ctc.NewBigrams(len(s.Words), s.Pairs)
	return err
}

// units cuts a text that Text has given.
func (s *Spelling) units(text string) []string {
	if s.Units == WordUnits {
		return strings.Fields(text)
	}
	return strings.Split(text, "")
}

// Encode gives the labels of a text, and the first of its characters or words that
// there is no label for, "" where there is one for all.
func (s *Spelling) Encode(text string) (labels []int32, unknown string) {
	for _, u := range s.units(s.Text(text)) {
		label, ok := s.index[u]
		if !ok {
			return nil, u
		}
		labels = append(labels, label)
	}
	return labels, ""
}

// word is a word and where its labels are.
type word struct {
	text        string
	first, last int
}

// decode joins labels to words.
func (s *Spelling) decode(labels []int32) (words []word) {
	begins := true
	for i, label := range labels {
		text := s.Labels[label]
		switch {
		case text == " ":
			begins = true
		case begins || s.Units == WordUnits:
			words = append(words, word{text, i, i})
			begins = false
		default:
			w := &words[len(words)-1]
			w.text, w.last = w.text+text, i
		}
	}
	return words
}

// grammar is that of a search, nil for none.
func (s *Spelling) grammar(how Search) ctc.Grammar {
	if how.Words != KnownWords {
		return nil
	}
	var spellings [][]int32
	for _, w := range s.Words {
		if labels, unknown := s.Encode(w); unknown == "" {
			spellings = append(spellings, labels)
		} else {
			spellings = append(spellings, nil)
		}
	}
	return ctc.NewWords(spellings, s.index[" "], s.bigrams, how.Weight, how.Bonus)
}
