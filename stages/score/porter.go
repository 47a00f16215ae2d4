package score

import "strings"

// porterStem reduces an English word, in lower case, to its stem: the algorithm of
// Porter (1980) with the departures of NLTK, whose stemmer is the one that scores of
// summaries are published with.
func porterStem(word string) string {
	if stem, ok := porterIrregular[word]; ok {
		return stem
	}
	if len(word) <= 2 {
		return word
	}
	word = porterPlural(word)
	word = porterPast(word)
	word = porterY(word)
	word = porterDouble(word)
	word, _ = porterReplace(word, porterStep3, func(stem string) bool { return porterMeasure(stem) > 0 })
	word = porterSuffix(word)
	return porterEnd(word)
}

var porterIrregular = map[string]string{
	"sky": "sky", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "news": "news",
	"innings": "inning", "inning": "inning", "outings": "outing", "outing": "outing", "cannings": "canning", "canning": "canning",
	"howe": "howe", "proceed": "proceed", "exceed": "exceed", "succeed": "succeed",
}

// porterRule puts one end of a word in place of another.
type porterRule struct{ end, put string }

var (
	porterStep2 = []porterRule{
		{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"}, {"anci", "ance"}, {"izer", "ize"}, {"bli", "ble"}, {"alli", "al"},
		{"entli", "ent"}, {"eli", "e"}, {"ousli", "ous"}, {"ization", "ize"}, {"ation", "ate"}, {"ator", "ate"}, {"alism", "al"},
		{"iveness", "ive"}, {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"}, {"iviti", "ive"}, {"biliti", "ble"}, {"fulli", "ful"},
	}
	porterStep3 = []porterRule{{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"}, {"ical", "ic"}, {"ful", ""}, {"ness", ""}}
	porterStep4 = []string{"al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti", "ous", "ive", "ize"}
)

// porterReplace applies the first rule whose end the word has, where the stem before
// it is as wanted; found tells whether there was one.
func porterReplace(word string, rules []porterRule, wanted func(stem string) bool) (_ string, found bool) {
	for _, r := range rules {
		if stem, ok := strings.CutSuffix(word, r.end); ok {
			if wanted(stem) {
				return stem + r.put, true
			}
			return word, true
		}
	}
	return word, false
}

// porterConsonant tells whether letter i is one: y is where no consonant stands before it.
func porterConsonant(word string, i int) bool {
	switch word[i] {
	case 'a', 'e', 'i', 'o', 'u':
		return false
	case 'y':
		return i == 0 || !porterConsonant(word, i-1)
	}
	return true
}

// porterMeasure counts how often consonants follow vowels.
func porterMeasure(stem string) int {
	n, vowel := 0, false
	for i := range len(stem) {
		c := porterConsonant(stem, i)
		if c && vowel {
			n++
		}
		vowel = !c
	}
	return n
}

func porterHasVowel(stem string) bool {
	for i := range len(stem) {
		if !porterConsonant(stem, i) {
			return true
		}
	}
	return false
}

// porterShort tells whether a word ends as "hop" does, or is as "at".
func porterShort(word string) bool {
	n := len(word)
	switch {
	case n >= 3:
		return porterConsonant(word, n-3) && !porterConsonant(word, n-2) && porterConsonant(word, n-1) && !strings.ContainsRune("wxy", rune(word[n-1]))
	case n == 2:
		return !porterConsonant(word, 0) && porterConsonant(word, 1)
	}
	return false
}

// porterPlural is step 1a.
func porterPlural(word string) string {
	if len(word) == 4 && strings.HasSuffix(word, "ies") {
		return word[:len(word)-1] // dies → die
	}
	word, _ = porterReplace(word, []porterRule{{"sses", "ss"}, {"ies", "i"}, {"ss", "ss"}, {"s", ""}}, func(string) bool { return true })
	return word
}

// porterPast is step 1b.
func porterPast(word string) string {
	if stem, ok := strings.CutSuffix(word, "ied"); ok {
		if len(word) == 4 {
			return stem + "ie"
		}
		return stem + "i"
	}
	if stem, ok := strings.CutSuffix(word, "eed"); ok {
		if porterMeasure(stem) > 0 {
			return stem + "ee"
		}
		return word
	}
	stem, ok := strings.CutSuffix(word, "ed")
	if !ok || !porterHasVowel(stem) {
		if stem, ok = strings.CutSuffix(word, "ing"); !ok || !porterHasVowel(stem) {
			return word
		}
	}
	n := len(stem)
	switch {
	case strings.HasSuffix(stem, "at"), strings.HasSuffix(stem, "bl"), strings.HasSuffix(stem, "iz"):
		return stem + "e"
	case n >= 2 && stem[n-1] == stem[n-2] && porterConsonant(stem, n-1):
		if strings.ContainsRune("lsz", rune(stem[n-1])) {
			return stem
		}
		return stem[:n-1]
	case porterMeasure(stem) == 1 && porterShort(stem):
		return stem + "e"
	}
	return stem
}

// porterY is step 1c, as NLTK has it: y becomes i behind a consonant that is not the
// first letter.
func porterY(word string) string {
	if n := len(word); n > 2 && word[n-1] == 'y' && porterConsonant(word, n-2) {
		return word[:n-1] + "i"
	}
	return word
}

// porterDouble is step 2.
func porterDouble(word string) string {
	positive := func(stem string) bool { return porterMeasure(stem) > 0 }
	if stem, ok := strings.CutSuffix(word, "alli"); ok && positive(stem) {
		return porterDouble(stem + "al")
	}
	out, found := porterReplace(word, porterStep2, positive)
	if !found && strings.HasSuffix(word, "logi") && positive(word[:len(word)-3]) {
		return word[:len(word)-1]
	}
	return out
}

// porterSuffix is step 4.
func porterSuffix(word string) string {
	for _, end := range porterStep4 {
		stem, ok := strings.CutSuffix(word, end)
		switch {
		case !ok:
			continue
		case porterMeasure(stem) < 2, end == "ion" && !strings.ContainsRune("st", rune(stem[len(stem)-1])):
			return word
		}
		return stem
	}
	return word
}

// porterEnd is step 5.
func porterEnd(word string) string {
	if stem, ok := strings.CutSuffix(word, "e"); ok {
		if m := porterMeasure(stem); m > 1 || m == 1 && !porterShort(stem) {
			word = stem
		}
	}
	if strings.HasSuffix(word, "ll") && porterMeasure(word[:len(word)-1]) > 1 {
		return word[:len(word)-1]
	}
	return word
}
