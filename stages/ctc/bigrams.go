package ctc

import (
	"fmt"
	"math"
)

// None stands for what is before the first word and after the last.
const None = -1

// Bigrams tells how likely a word is after another, by what was counted. Of the
// probability of what follows a word, new followers have as much as it has had
// different ones (I. H. Witten and T. C. Bell, The Zero-Frequency Problem, 1991), by
// how frequent they are as such; there the same is done for words that were never
// counted. A nil *Bigrams finds all equally likely.
type Bigrams struct {
	words     int
	followers map[int]*followers // by the word before
	all       followers          // whatever the word before
}

type followers struct {
	count map[int]int // by word; None is the end
	sum   int
}

func (f *followers) add(word, n int) {
	if f.count == nil {
		f.count = map[int]int{}
	}
	f.count[word] += n
	f.sum += n
}

// Pair is a word, what came after it, and how often.
type Pair [3]int

// NewBigrams is a model of so many words, of what was counted.
func NewBigrams(words int, pairs []Pair) (*Bigrams, error) {
	b := &Bigrams{words: words, followers: map[int]*followers{}}
	for _, p := range pairs {
		before, word, n := p[0], p[1], p[2]
		if min(before, word) < None || max(before, word) >= words || n < 1 || n > math.MaxInt32 {
			return nil, fmt.Errorf("the words %d and %d of %d cannot have come %d times", before, word, words, n)
		}
		f := b.followers[before]
		if f == nil {
			f = new(followers)
			b.followers[before] = f
		}
		f.add(word, n)
		b.all.add(word, n)
	}
	return b, nil
}

// Log is the logarithm of the probability of a word after another.
func (b *Bigrams) Log(before, word int) float64 {
	if b == nil {
		return 0
	}
	different := float64(len(b.all.count))
	p := 1 / float64(b.words+1)
	if different > 0 {
		p = (float64(b.all.count[word]) + different*p) / (float64(b.all.sum) + different)
	}
	if f := b.followers[before]; f != nil {
		different = float64(len(f.count))
		p = (float64(f.count[word]) + different*p) / (float64(f.sum) + different)
	}
	return math.Log(p)
}
