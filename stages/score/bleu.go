package score

import (
	"math"
	"regexp"
	"strings"
	"sync"
)

// bleuOrder is the longest run of words that BLEU compares.
const bleuOrder = 4

// BLEU compares translations with references as sacrebleu does with its defaults
// (Papineni et al. 2002; Post 2018): words of the tokenizer 13a, case matters, runs
// of one to four words, the precision of an order without a hit smoothed
// exponentially. It is from 0 to 100. Each translation has at least one reference.
func BLEU(translations []string, references [][]string) float64 {
	var correct, total [bleuOrder]int
	length, wanted := 0, 0
	for i, text := range translations {
		words := bleuWords(text)
		most := map[string]int{}
		nearest := -1
		for _, reference := range references[i] {
			r := bleuWords(reference)
			if off, best := abs(len(r)-len(words)), abs(nearest-len(words)); nearest < 0 || off < best || off == best && len(r) < nearest {
				nearest = len(r)
			}
			for run, n := range runsOf(r) {
				most[run] = max(most[run], n)
			}
		}
		length, wanted = length+len(words), wanted+max(nearest, 0)
		for run, n := range runsOf(words) {
			correct[strings.Count(run, " ")] += min(n, most[run])
		}
		for order := range bleuOrder {
			total[order] += max(len(words)-order, 0)
		}
	}
	if correct[0] == 0 {
		return 0 // no order has a hit
	}
	sum, smooth := 0.0, 1.0
	for order := range bleuOrder {
		precision := float64(correct[order])
		switch {
		case total[order] == 0:
			return 0 // all translations are shorter
		case precision == 0:
			smooth *= 2
			precision = 1 / smooth
		}
		sum += math.Log(100 * precision / float64(total[order]))
	}
	brevity := 1.0
	if length < wanted {
		brevity = math.Exp(1 - float64(wanted)/float64(length))
	}
	return brevity * math.Exp(sum/bleuOrder)
}

// runsOf counts the runs of one to four words.
func runsOf(words []string) map[string]int {
	runs := map[string]int{}
	for from := range words {
		for to := from + 1; to <= min(from+bleuOrder, len(words)); to++ {
			runs[strings.Join(words[from:to], " ")]++
		}
	}
	return runs
}

// bleuRules are those of mteval-v13a: punctuation stands alone, but for what is
// inside a number.
var bleuRules = sync.OnceValue(func() []struct {
	find *regexp.Regexp
	put  string
} {
	return []struct {
		find *regexp.Regexp
		put  string
	}{
		{regexp.MustCompile("([{-~\\[-` -&(-+:-@/])"), " $1 "},
		{regexp.MustCompile(`([^0-9])([.,])`), "$1 $2 "},
		{regexp.MustCompile(`([.,])([^0-9])`), " $1 $2"},
		{regexp.MustCompile(`([0-9])(-)`), "$1 $2 "},
	}
})

var bleuEntities = strings.NewReplacer("<skipped>", "", "-\n", "", "\n", " ", "&quot;", `"`, "&amp;", "&", "&lt;", "<", "&gt;", ">")

func bleuWords(text string) []string {
	text = " " + bleuEntities.Replace(strings.TrimRight(text, " \t\r\n")) + " "
	for _, rule := range bleuRules() {
		text = rule.find.ReplaceAllString(text, rule.put)
	}
	return strings.Fields(text)
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
