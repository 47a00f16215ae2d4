package summary

import (
	"math"
	"strings"
	"unicode"
)

// Alike says how alike each two of n sentences are, as a matrix by rows: 1 for the same
// meaning, 0 and below for nothing in common. It is symmetric.
type Alike struct {
	n  int
	of []float64
}

// At gives how alike two sentences are.
func (a Alike) At(i, j int) float64 { return a.of[i*a.n+j] }

// Len is how many sentences there are.
func (a Alike) Len() int { return a.n }

func newAlike(n int, dot func(i, j int) float64) Alike {
	a := Alike{n, make([]float64, n*n)}
	for i := range n {
		for j := range i + 1 {
			v := dot(i, j)
			a.of[i*n+j], a.of[j*n+i] = v, v
		}
	}
	return a
}

// ByVectors compares sentences by the cosine of their vectors, which are of length 1
// and stand one behind the other.
func ByVectors(vectors []float32, dim int) Alike {
	return newAlike(len(vectors)/dim, func(i, j int) float64 {
		sum := 0.0
		for k, v := range vectors[i*dim : (i+1)*dim] {
			sum += float64(v) * float64(vectors[j*dim+k])
		}
		return sum
	})
}

// ByWords compares sentences by the words that they have in common, weighted by how
// few of the text's sentences have them (TF-IDF with the sentences as documents, as
// in LexRank).
func ByWords(sentences []string) Alike {
	type weighted struct {
		word   int
		weight float64
	}
	number := map[string]int{}
	counts := make([][]weighted, len(sentences)) // in the order in which words are met
	var in []int                                 // how many sentences have a word
	for i, s := range sentences {
		at := map[int]int{}
		for w := range strings.FieldsFuncSeq(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			n, ok := number[w]
			if !ok {
				n = len(number)
				number[w], in = n, append(in, 0)
			}
			if k, ok := at[n]; ok {
				counts[i][k].weight++
				continue
			}
			at[n] = len(counts[i])
			counts[i] = append(counts[i], weighted{n, 1})
			in[n]++
		}
	}
	dense := make([]float64, len(in))
	norms := make([]float64, len(sentences))
	for i := range counts {
		sum := 0.0
		for k := range counts[i] {
			c := &counts[i][k]
			c.weight *= math.Log(float64(1+len(sentences))/float64(1+in[c.word])) + 1
			sum += c.weight * c.weight
		}
		norms[i] = math.Sqrt(sum)
	}
	row := -1
	return newAlike(len(sentences), func(i, j int) float64 {
		if row != i {
			if row >= 0 {
				for _, c := range counts[row] {
					dense[c.word] = 0
				}
			}
			for _, c := range counts[i] {
				dense[c.word] = c.weight / norms[i]
			}
			row = i
		}
		sum := 0.0
		for _, c := range counts[j] {
			sum += dense[c.word] * c.weight
		}
		return sum / max(norms[j], 1e-12)
	})
}
