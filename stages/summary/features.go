package summary

import (
	"math"
	"strings"
)

// placeFeatures is how many numbers say where a sentence stands, how long it is and
// how it relates to the others; its vector follows them.
const placeFeatures = 16

// FeatureNumber is the number of features of a sentence whose vector has dim numbers.
func FeatureNumber(dim int) int { return placeFeatures + dim }

// Features describes each sentence of a text by numbers: rows of FeatureNumber(dim).
// The vectors stand one behind the other; dim is 0 where there are none.
func Features(sentences []string, a Alike, vectors []float32, dim int) []float32 {
	n := len(sentences)
	central := Centroid(a)
	out := make([]float32, 0, n*FeatureNumber(dim))
	for i, s := range sentences {
		words := float64(len(strings.Fields(s)))
		place := 0.0
		if n > 1 {
			place = float64(i) / float64(n-1)
		}
		for _, v := range [placeFeatures]float64{
			is(i == 0), is(i == 1), is(i == 2), is(i == n-1), is(i == n-2), place, place * place, 1 / float64(i+1),
			math.Log1p(words), min(words/30, 4), is(words < 8), is(words > 40),
			central[i], a.At(0, i), meanAlike(a, i, 0, i), meanAlike(a, i, i+1, n),
		} {
			out = append(out, float32(v))
		}
		out = append(out, vectors[i*dim:(i+1)*dim]...)
	}
	return out
}

func is(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// meanAlike is how alike sentence i is to those from first to before last, on average.
func meanAlike(a Alike, i, first, last int) float64 {
	sum := 0.0
	for j := first; j < last; j++ {
		sum += a.At(i, j)
	}
	return sum / float64(max(last-first, 1))
}
