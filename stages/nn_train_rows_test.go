package stages

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// Rows come back as they were, whether they are mostly zero or not, in memory, in the
// file, and across the border of both.
func TestExampleRowsComeBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const width, count = 700, 1200
	all := make([]float32, width*count)
	for i := range count {
		for range rng.IntN(width + 1) { // from empty to full
			all[i*width+rng.IntN(width)] = rng.Float32() - 0.5
		}
	}
	all[3], all[4] = float32(math.Copysign(0, -1)), float32(math.Inf(1))
	dir := t.TempDir()
	for _, most := range []int64{0, 1, 2 << 20, math.MaxInt64} {
		words := &spill{most: most, folder: func() (string, error) { return dir, nil }}
		numbers := exampleRows{width: width, words: words}
		ids := exampleRows{width: 5, words: words}
		for at := 0; at < len(all); { // in pieces of several rows
			n := min(width*(1+rng.IntN(5)), len(all)-at)
			if err := numbers.addNumbers(all[at : at+n]); err != nil {
				t.Fatal(err)
			}
			at += n
		}
		if err := ids.addIDs([]int32{7, 8, 9, 0, 0, 0, 0, 0, 0, 1 << 30}); err != nil {
			t.Fatal(err)
		}
		got := make([]float32, width)
		for _, i := range rng.Perm(count) {
			if err := numbers.numbers(got, i); err != nil {
				t.Fatal(err)
			}
			if want := all[i*width : (i+1)*width]; !slices.EqualFunc(got, want, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
				t.Fatalf("row %d is %v, was %v", i, got, want)
			}
		}
		row := make([]int32, 5)
		for i, want := range [][]int32{{7, 8, 9, 0, 0}, {0, 0, 0, 0, 1 << 30}} {
			if err := ids.ids(row, i); err != nil || !slices.Equal(row, want) {
				t.Errorf("ids %d are %v, %v", i, row, err)
			}
		}
		if inFile := words.size > words.inMemory(); inFile != (most != math.MaxInt64) || words.inMemory() > max(most+chunkSize, 0) && most < math.MaxInt64 {
			t.Errorf("%d bytes, of which %d in memory, where %d are wanted", words.size, words.inMemory(), most)
		}
		if err := words.Close(); err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(dir + "/rows")
	}
}
