package score

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// RougeNames are the scores that Rouge gives, in its order.
var RougeNames = [3]string{"rouge1", "rouge2", "rougeL"}

// RougeText is a text as ROUGE compares it.
type RougeText struct {
	words []string
	pairs map[[2]string]int
	ones  map[string]int
}

// RougeWords say what a word is.
type RougeWords struct {
	Stem    bool // ASCII words of more than three letters are reduced to their stem
	Unicode bool // letters and digits of every script are words, not of ASCII only
}

// NewRougeText cuts a text into words: of its lower case the runs of letters and
// digits, those of ASCII only, as Google's rouge-score 0.1.2 does, or of every script.
func NewRougeText(text string, w RougeWords) RougeText {
	// Of the letters that become two in lower case only this one gives one of ASCII.
	text = strings.ToLower(strings.ReplaceAll(text, "İ", "i "))
	var words []string
	if w.Unicode {
		words = unicodeWords(text)
	} else {
		words = strings.FieldsFunc(text, func(r rune) bool { return !isASCIIWord(r) })
	}
	t := RougeText{words: words, ones: map[string]int{}, pairs: map[[2]string]int{}}
	for i, word := range words {
		if w.Stem && len(word) > 3 && isASCII(word) {
			words[i] = porterStem(word)
		}
	}
	for i, w := range words {
		t.ones[w]++
		if i > 0 {
			t.pairs[[2]string{words[i-1], w}]++
		}
	}
	return t
}

func isASCIIWord(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' }

func isASCII(word string) bool {
	return !strings.ContainsFunc(word, func(r rune) bool { return r >= utf8.RuneSelf })
}

// spaceless are scripts that put no space between words.
var spaceless = []*unicode.RangeTable{unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar}

// unicodeWords are the runs of letters, their marks and digits; of spaceless scripts
// each character is a word.
func unicodeWords(text string) (words []string) {
	start := -1    // of the word that is not at its end
	after := false // it is a character that is a word
	end := func(at int) {
		if start >= 0 {
			words = append(words, text[start:at])
		}
		start, after = -1, false
	}
	for i, r := range text {
		switch {
		case unicode.IsMark(r) && start >= 0: // stays with its letter
		case unicode.IsLetter(r) || unicode.IsNumber(r):
			alone := unicode.In(r, spaceless...)
			if alone || after {
				end(i)
			}
			if start < 0 {
				start = i
			}
			after = alone
		default:
			end(i)
		}
	}
	end(len(text))
	return words
}

// Empty tells whether the text has no word.
func (t RougeText) Empty() bool { return len(t.words) == 0 }

// Rouge gives the F1 scores of ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004), from 0 to 1:
// of runs of one and two words, and of the longest common subsequence. Of several
// references the best counts, for each score alone.
func (t RougeText) Rouge(references ...RougeText) (best [3]float64) {
	for _, r := range references {
		best[0], best[1] = max(best[0], t.ofWords(r)), max(best[1], t.ofPairs(r))
		best[2] = max(best[2], rougeF1(longestCommon(t.words, r.words), len(t.words), len(r.words)))
	}
	return best
}

func (t RougeText) ofWords(r RougeText) float64 {
	return rougeF1(overlap(t.ones, r.ones), len(t.words), len(r.words))
}

func (t RougeText) ofPairs(r RougeText) float64 {
	return rougeF1(overlap(t.pairs, r.pairs), len(t.words)-1, len(r.words)-1)
}

// Gain is how good a text is as a summary: the mean of ROUGE-1 and ROUGE-2.
func (t RougeText) Gain(references ...RougeText) float64 {
	ones, pairs := 0.0, 0.0
	for _, r := range references {
		ones, pairs = max(ones, t.ofWords(r)), max(pairs, t.ofPairs(r))
	}
	return (ones + pairs) / 2
}

func rougeF1(common, have, want int) float64 {
	if common == 0 {
		return 0
	}
	precision, recall := float64(common)/float64(have), float64(common)/float64(want)
	return 2 * precision * recall / (precision + recall)
}

func overlap[K comparable](a, b map[K]int) int {
	n := 0
	for run, have := range a {
		n += min(have, b[run])
	}
	return n
}

// longestCommon is the length of the longest common subsequence.
func longestCommon(a, b []string) int {
	row := make([]int, len(b)+1)
	for _, x := range a {
		above := 0 // the row before, one column to the left
		for j, y := range b {
			next := row[j+1]
			switch {
			case x == y:
				row[j+1] = above + 1
			case row[j] > next:
				row[j+1] = row[j]
			}
			above = next
		}
	}
	return row[len(b)]
}

// RougeOracle picks up to n of the sentences so that together, in their order, they
// are as near the references as can be, each time taking the one that raises the gain
// most (Nallapati et al. 2017), and none when no one does. It is
// what a choice of sentences can reach at most, nearly.
func RougeOracle(sentences []string, references []RougeText, n int, w RougeWords) []int {
	var picked []int
	reached := -1.0
	for len(picked) < n {
		best, at := reached, -1
		for i := range sentences {
			if slices.Contains(picked, i) {
				continue
			}
			if got := NewRougeText(Joined(sentences, append(slices.Clone(picked), i)), w).Gain(references...); got > best {
				best, at = got, i
			}
		}
		if at < 0 {
			break
		}
		picked, reached = append(picked, at), best
	}
	slices.Sort(picked)
	return picked
}

// Joined are some of the sentences as one text, in their order.
func Joined(sentences []string, picked []int) string {
	picked = slices.Clone(picked)
	slices.Sort(picked)
	parts := make([]string, len(picked))
	for i, p := range picked {
		parts[i] = sentences[p]
	}
	return strings.Join(parts, " ")
}
