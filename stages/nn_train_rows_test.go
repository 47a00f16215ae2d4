package stages

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestNumberRowsComeBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const width, count = 7, 200
	all := make([]float32, width*count)
	for i := range count {
		for range rng.IntN(width + 1) { // from empty to full
			all[i*width+rng.IntN(width)] = rng.Float32() - 0.5
		}
	}
	r := numberRows{width: width}
	for at := 0; at < len(all); { // in pieces of several rows
		n := min(width*(1+rng.IntN(5)), len(all)-at)
		r.add(all[at : at+n])
		at += n
	}
	got := make([]float32, width)
	for _, i := range rng.Perm(count) {
		r.write(got, i)
		if want := all[i*width : (i+1)*width]; !slices.Equal(got, want) {
			t.Fatalf("row %d is %v, was %v", i, got, want)
		}
	}
	if len(r.places) == 0 || len(r.places) == len(r.values) {
		t.Error("both forms should occur")
	}
}
