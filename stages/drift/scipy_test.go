package drift

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"
)

// Two implementations agree on samples of many sizes, with ties and without.
func TestEqualToScipy(t *testing.T) {
	python := os.Getenv("PIPE_PYTHON")
	if python == "" {
		t.Skip("skipped: PIPE_PYTHON names no Python")
	}
	if exec.Command(python, "-c", "import scipy").Run() != nil {
		t.Skip("skipped: the Python has no scipy")
	}
	type pair struct {
		A []float64 `json:"a"`
		B []float64 `json:"b"`
	}
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func(n int, shift, step float64) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = rng.NormFloat64() + shift
			if step > 0 {
				out[i] = math.Round(out[i]/step) * step
			}
		}
		return out
	}
	var pairs []pair
	for _, sizes := range [][2]int{{1, 1}, {2, 5}, {10, 10}, {13, 40}, {100, 7}, {250, 250}, {400, 301}, {12_000, 11_000}} {
		for _, shift := range []float64{0, 0.2, 3} {
			for _, step := range []float64{0, 0.5, 2} {
				pairs = append(pairs, pair{draw(sizes[0], 0, step), draw(sizes[1], shift, step)})
			}
		}
	}
	in, err := json.Marshal(pairs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "testdata/record_scipy.py")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	b, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []struct {
		D, P, Wasserstein, JS, PSI, Chi2 float64
		Chi2P                            float64 `json:"chi2_p"`
		Reference, Current               []float64
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	for i, p := range pairs {
		w := want[i]
		d, prob := KolmogorovSmirnov(p.A, p.B)
		edges := QuantileEdges(p.A, 10)
		x, y := Count(p.A, edges), Count(p.B, edges)
		chi, chiP := ChiSquare(x, y)
		if w.Chi2 < 0 {
			chi, chiP = -1, -1
		}
		if !slices.Equal(x, w.Reference) || !slices.Equal(y, w.Current) {
			t.Errorf("pair %d (%d, %d): bins %v %v, scipy %v %v", i, len(p.A), len(p.B), x, y, w.Reference, w.Current)
			continue
		}
		for _, c := range []struct {
			name      string
			got, want float64
		}{{"D", d, w.D}, {"p", prob, w.P}, {"Wasserstein", Wasserstein(p.A, p.B), w.Wasserstein}, {"PSI", PSI(x, y), w.PSI},
			{"Jensen-Shannon", JensenShannon(x, y), w.JS}, {"chi²", chi, w.Chi2}, {"p of chi²", chiP, w.Chi2P}} {
			if math.Abs(c.got-c.want) > 1e-9*math.Abs(c.want)+1e-12 {
				t.Errorf("pair %d (%d, %d): %s is %.12g, scipy has %.12g", i, len(p.A), len(p.B), c.name, c.got, c.want)
			}
		}
	}
}
