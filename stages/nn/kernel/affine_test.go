package kernel

import (
	"slices"
	"testing"
)

// TestAffineIsItsParts compares with the product, the bias and the sums apart, which must give the same bits; the larger cases are
// split over cores and blocks.
func TestAffineIsItsParts(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := seeded(21)
		for _, c := range [][3]int{{0, 3, 2}, {3, 0, 2}, {3, 2, 0}, {1, 40, 7}, {5, 1, 1}, {33, 70, 20}, {200, 700, 600}, {700, 150, 90}, {1100, 50, 30}} {
			rows, out, in := c[0], c[1], c[2]
			x, w, b, dy := normal(r, rows*in), normal(r, out*in), normal(r, out), normal(r, rows*out)
			want := make([]float32, rows*out)
			Gemm(false, true, rows, out, in, 1, x, in, w, in, 0, want, out)
			var packed PackedB
			packed.Pack(true, in, out, w, in)
			for _, bias := range [][]float32{nil, b} {
				if bias != nil {
					AddBias(want, rows, out, b)
				}
				withCores(2, func() {
					for name, f := range map[string]func(z, y []float32, then func(z, y []float32)){
						"Affine":       func(z, y []float32, then func(z, y []float32)) { Affine(z, y, x, w, bias, rows, out, in, then) },
						"AffinePacked": func(z, y []float32, then func(z, y []float32)) { AffinePacked(z, y, x, &packed, bias, rows, then) },
					} {
						got, z, wantZ := normal(r, rows*out), normal(r, rows*out), make([]float32, rows*out)
						if f(nil, got, nil); !slices.Equal(got, want) {
							t.Errorf("%s of %v, with bias %v: other bits than its parts", name, c, bias != nil)
						}
						Sigmoid(wantZ, want)
						if f(z, got, Sigmoid); !slices.Equal(z, wantZ) || !slices.Equal(got, want) {
							t.Errorf("%s and Sigmoid of %v, with bias %v: other bits than their parts", name, c, bias != nil)
						}
						if f(got, got, Sigmoid); !slices.Equal(got, wantZ) {
							t.Errorf("%s and Sigmoid in place of %v, with bias %v: other bits than their parts", name, c, bias != nil)
						}
					}
				})
			}

			wantW, wantB, sums := normal(r, out*in), normal(r, out), make([]float32, out)
			gotW, gotB := slices.Clone(wantW), slices.Clone(wantB)
			Gemm(true, false, out, in, rows, 1, dy, out, x, in, 1, wantW, in)
			SumRows(sums, dy, rows, out)
			Add(wantB, wantB, sums)
			withCores(2, func() { AddAffineGrad(gotW, nil, dy, x, rows, out, in) })
			withCores(2, func() { AddAffineGrad(nil, gotB, dy, x, rows, out, in) })
			if !slices.Equal(gotW, wantW) || !slices.Equal(gotB, wantB) {
				t.Errorf("AddAffineGrad of %v: other bits than its parts", c)
			}
			x2, want2 := normal(r, rows*(in+3)), normal(r, out*(in+3))
			pairW, pairB, pair2 := slices.Clone(gotW), slices.Clone(gotB), slices.Clone(want2)
			withCores(2, func() { AddAffineGrads(pairW, pair2, pairB, dy, x, x2, rows, out, in, in+3) })
			Gemm(true, false, out, in+3, rows, 1, dy, out, x2, in+3, 1, want2, in+3)
			apartW, apartB := slices.Clone(gotW), slices.Clone(gotB)
			AddAffineGrad(apartW, apartB, dy, x, rows, out, in)
			if !slices.Equal(pairW, apartW) || !slices.Equal(pairB, apartB) || !slices.Equal(pair2, want2) {
				t.Errorf("AddAffineGrads of %v: other bits than its parts", c)
			}
			again := slices.Clone(gotB)
			withCores(2, func() { AddAffineGrad(gotW, gotB, dy, x, rows, out, in) })
			if Add(again, again, sums); !slices.Equal(gotB, again) {
				t.Errorf("AddAffineGrad of %v: other sums beside the product", c)
			}
		}
	})
}
