package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// gemmCase is one call of Gemm on random operands.
type gemmCase struct {
	transA, transB bool
	m, n, k        int
	alpha, beta    float32
	pad            int // what leading dimensions exceed the columns by
	a, b, c        []float32
}

func (g *gemmCase) fill(r *rand.Rand) {
	g.a = normal(r, pick(g.transA, g.k, g.m)*g.lda())
	g.b = normal(r, pick(g.transB, g.n, g.k)*g.ldb())
	g.c = normal(r, g.m*g.ldc())
}

func (g *gemmCase) lda() int { return pick(g.transA, g.m, g.k) + g.pad }
func (g *gemmCase) ldb() int { return pick(g.transB, g.k, g.n) + g.pad }
func (g *gemmCase) ldc() int { return g.n + g.pad }

func pick(cond bool, yes, no int) int {
	if cond {
		return yes
	}
	return no
}

func (g *gemmCase) String() string {
	return fmt.Sprintf("transA=%v transB=%v m=%d n=%d k=%d alpha=%v beta=%v pad=%d", g.transA, g.transB, g.m, g.n, g.k, g.alpha, g.beta, g.pad)
}

// run returns the C that Gemm leaves.
func (g *gemmCase) run() []float32 {
	c := append([]float32(nil), g.c...)
	Gemm(g.transA, g.transB, g.m, g.n, g.k, g.alpha, g.a, g.lda(), g.b, g.ldb(), g.beta, c, g.ldc())
	return c
}

// reference is the definition: a chain of fused multiply-adds in the order of k. Rounding the exact product and sum twice, to
// float64 and to float32, differs from a float32 fused multiply-add in so few cases that a tolerance of one unit in the last place covers it.
func (g *gemmCase) reference() (want []float32, scale []float64) {
	want = append([]float32(nil), g.c...)
	scale = make([]float64, len(want))
	for i := range g.m {
		for j := range g.n {
			var sum, size float64
			if g.beta == 1 {
				sum = float64(g.c[i*g.ldc()+j])
				size = math.Abs(sum)
			}
			for p := range g.k {
				x := float64(g.alpha * element(g.transA, g.a, g.lda(), i, p))
				y := float64(element(g.transB, g.b, g.ldb(), p, j))
				sum += x * y
				size += math.Abs(x * y)
			}
			want[i*g.ldc()+j], scale[i*g.ldc()+j] = float32(sum), size
		}
	}
	return want, scale
}

func (g *gemmCase) check(t *testing.T, got []float32) {
	t.Helper()
	want, scale := g.reference()
	for i := range want {
		bound := scale[i] * float64(g.k+2) * 0x1p-24
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= bound) {
			t.Fatalf("%v: element %d is %v, want %v within %v", g, i, got[i], want[i], bound)
		}
	}
}

func randomCase(r *rand.Rand, limit int) *gemmCase {
	g := &gemmCase{
		transA: r.IntN(2) == 1, transB: r.IntN(2) == 1,
		m: r.IntN(limit), n: r.IntN(limit), k: r.IntN(limit),
		alpha: []float32{1, 1, -0.5, 0, 0.3}[r.IntN(5)], beta: float32(r.IntN(2)), pad: r.IntN(3) * r.IntN(20),
	}
	g.fill(r)
	return g
}

func TestGemmMatchesTripleLoop(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := seeded(1)
		for i := range 400 {
			g := randomCase(r, []int{5, 40, 100}[i%3])
			g.check(t, g.run())
		}
	})
}

func TestGemmAcrossBlocks(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := seeded(2)
		for _, g := range []*gemmCase{
			{m: 15, n: nBlock + 33, k: kBlock + 5, alpha: 1},
			{m: 100, n: nBlock + 1, k: 2*kBlock + 1, alpha: 1, beta: 1, transB: true},
			{m: 61, n: 2*nBlock + 70, k: 30, alpha: 2, transA: true},
			{m: 1, n: 300, k: kBlock + 1, alpha: 1}, {m: 1, n: 300, k: 70, alpha: 1, transB: true}, {m: 300, n: 1, k: 70, alpha: 1, transA: true},
		} {
			g.fill(r)
			g.check(t, g.run())
		}
	})
}

func TestGemmBitsDoNotDependOnLevelOrCores(t *testing.T) {
	names := assembledLevels()
	if len(names) < 2 {
		t.Skip("skipped: this machine has fewer than two instruction sets to compare")
	}
	r := seeded(3)
	cases := []*gemmCase{{m: 150, n: 700, k: 500, alpha: 1}, {m: 700, n: 150, k: 400, alpha: 1, beta: 1, transB: true}}
	for i := range 100 {
		cases = append(cases, randomCase(r, []int{5, 40, 100}[i%3]))
	}
	for _, g := range cases {
		g.fill(r)
		var want []float32
		for _, name := range names {
			restore := SetLevel(name)
			for _, cores := range []int{1, 2, 5} {
				was := runtime.GOMAXPROCS(cores)
				got := g.run()
				runtime.GOMAXPROCS(was)
				if want == nil {
					want = got
				}
				sameBits(t, fmt.Sprintf("%s %d cores %v", name, cores, g), got, want)
			}
			restore()
		}
	}
}

// A row of C must not depend on how many other rows are computed beside it, so that an answer served alone equals the one evaluated in a batch.
func TestGemmRowsAreIndependentOfTheBatch(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := seeded(4)
		for _, transB := range []bool{false, true} {
			g := &gemmCase{m: 45, n: 130, k: 500, alpha: 1, transB: transB}
			g.fill(r)
			whole := g.run()
			for i := range g.m {
				one := *g
				one.m, one.a, one.c = 1, g.a[i*g.lda():], g.c[:g.ldc()]
				sameBits(t, fmt.Sprintf("row %d", i), one.run(), whole[i*g.ldc():(i+1)*g.ldc()])
			}
		}
	})
}

func TestGemmNaNAndInfReachTheirRowOnly(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		g := &gemmCase{m: 20, n: 37, k: 19, alpha: 1}
		g.fill(seeded(5))
		g.a[3*g.lda()+7] = float32(math.NaN())
		g.a[11*g.lda()+2] = float32(math.Inf(1))
		for i, v := range g.run() {
			switch finite := v-v == 0; i / g.ldc() {
			case 3:
				if v == v {
					t.Fatalf("element %d is %v, want NaN", i, v)
				}
			case 11:
				if !math.IsInf(float64(v), 0) {
					t.Fatalf("element %d is %v, want an infinity", i, v)
				}
			default:
				if !finite {
					t.Fatalf("element %d is %v, want a number", i, v)
				}
			}
		}
	})
}

// With beta 0 the old content of C must not be read, NaN included.
func TestGemmBetaZeroIgnoresC(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, k := range []int{0, 1, 30} {
			g := &gemmCase{m: 9, n: 40, k: k, alpha: 1}
			g.fill(seeded(6))
			for i := range g.c {
				g.c[i] = float32(math.NaN())
			}
			g.check(t, g.run())
		}
	})
}

func TestGemmRefusesWrongShapes(t *testing.T) {
	x := make([]float32, 6)
	for name, call := range map[string]func(){
		"short A":      func() { Gemm(false, false, 3, 1, 3, 1, x, 3, x, 1, 0, x, 1) },
		"short B":      func() { Gemm(false, false, 1, 4, 2, 1, x, 2, x, 4, 0, x, 4) },
		"short C":      func() { Gemm(false, false, 3, 3, 2, 1, x, 2, x, 3, 0, x, 3) },
		"narrow lda":   func() { Gemm(false, false, 2, 2, 3, 1, x, 2, x, 2, 0, x, 2) },
		"beta":         func() { Gemm(false, false, 1, 1, 1, 1, x, 1, x, 1, 0.5, x, 1) },
		"negative row": func() { Gemm(false, false, -1, 1, 1, 1, x, 1, x, 1, 0, x, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Fatal("no panic")
				}
			}()
			call()
		})
	}
}

func TestGemmAllocatesNothing(t *testing.T) {
	for _, size := range []int{20, 300} {
		g := &gemmCase{m: size, n: size, k: size, alpha: 1}
		g.fill(seeded(7))
		call := func() { Gemm(false, false, g.m, g.n, g.k, 1, g.a, g.lda(), g.b, g.ldb(), 0, g.c, g.ldc()) }
		call()
		if n := testing.AllocsPerRun(20, call); n != 0 {
			t.Errorf("a product of %d×%d allocates %v times", size, size, n)
		}
	}
}

func FuzzGemm(f *testing.F) {
	f.Add(uint64(1), uint8(33), uint8(65), uint8(17))
	f.Fuzz(func(t *testing.T, seed uint64, m, n, k uint8) {
		r := seeded(seed)
		g := randomCase(r, 2)
		g.m, g.n, g.k = int(m), int(n), int(k)
		g.fill(r)
		for _, l := range levels {
			restore := SetLevel(l.name)
			got := g.run()
			restore()
			g.check(t, got)
		}
	})
}

func BenchmarkGemm(b *testing.B) {
	for _, s := range [][3]int{{32, 128, 512}, {64, 512, 2048}, {3200, 128, 512}, {1024, 1024, 1024}, {1280, 512, 10000}, {1, 128, 512}, {1, 512, 2048}} {
		for _, trans := range []string{"NN", "NT", "TN"} {
			for _, cores := range slices.Compact([]int{1, runtime.NumCPU()}) {
				b.Run(fmt.Sprintf("%dx%dx%d/%s/cores=%d", s[0], s[1], s[2], trans, cores), func(b *testing.B) {
					defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
					g := &gemmCase{m: s[0], k: s[1], n: s[2], transA: trans[0] == 'T', transB: trans[1] == 'T'}
					g.fill(seeded(8))
					for b.Loop() {
						Gemm(g.transA, g.transB, g.m, g.n, g.k, 1, g.a, g.lda(), g.b, g.ldb(), 0, g.c, g.ldc())
					}
					b.ReportMetric(2*float64(g.m)*float64(g.n)*float64(g.k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
		}
	}
}

func TestGemmPackedEqualsGemm(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := seeded(20)
		var b PackedB
		for i := range 200 {
			g := randomCase(r, []int{5, 40, 100}[i%3])
			if i%50 == 0 {
				g.m, g.n, g.k = 40, nBlock+65, kBlock+3
				g.fill(r)
			}
			b.Pack(g.transB, g.k, g.n, g.b, g.ldb())
			got := append([]float32(nil), g.c...)
			GemmPacked(g.transA, g.m, g.alpha, g.a, g.lda(), &b, g.beta, got, g.ldc())
			sameBits(t, g.String(), got, g.run())
		}
	})
}

func BenchmarkGemmPacked(b *testing.B) {
	for _, s := range [][3]int{{16, 128, 512}, {32, 128, 512}, {32, 512, 2048}} {
		m, k, n := s[0], s[1], s[2]
		g := &gemmCase{m: m, k: k, n: n}
		g.fill(seeded(8))
		var packed PackedB
		packed.Pack(false, k, n, g.b, n)
		for name, call := range map[string]func(){
			"plain":  func() { Gemm(false, false, m, n, k, 1, g.a, k, g.b, n, 0, g.c, n) },
			"packed": func() { GemmPacked(false, m, 1, g.a, k, &packed, 0, g.c, n) },
		} {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", m, k, n, name), func(b *testing.B) {
				for b.Loop() {
					call()
				}
				b.ReportMetric(2*float64(m*n*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}

// A product is split so that no operand is packed twice where that can be had, and no core waits for another.
func TestProductsAreSplitWhereTheLeastIsPacked(t *testing.T) {
	if active.gemm == nil {
		t.Skip("skipped: the portable loops split nothing")
	}
	nr := 2 * active.gemm.width
	for name, c := range map[string]struct {
		p            product
		down, across int
	}{
		"x·wᵀ, whose w is packed":             {product{m: 768, n: 12 * nr, k: 128, a: matrix{ld: 128}, b: matrix{ld: 128, trans: true}}, 1, 2},
		"with two panels and a half":          {product{m: 768, n: 2*nr + 1, k: 128, a: matrix{ld: 128}, b: matrix{ld: 128, trans: true}}, 2, 1},
		"dyᵀ·x, whose dyᵀ is packed":          {product{m: 128, n: 128, k: 768, a: matrix{ld: 512, trans: true}, b: matrix{ld: 128}}, 2, 1},
		"both are packed, and x is the wider": {product{m: 128, n: 512, k: 768, a: matrix{ld: 128, trans: true}, b: matrix{ld: 512}}, 1, 2},
		"dy·w, where nothing is packed":       {product{m: 768, n: 128, k: 384, a: matrix{ld: 384}, b: matrix{ld: 128}}, 2, 1},
		"two B":                               {product{m: 96, n: 4 * nr, k: 64, a: matrix{ld: 64}, b: matrix{ld: 64, trans: true}, also: block{n: 8}}, 2, 1},
	} {
		c.p.loops, c.p.alpha = active.gemm, 1
		if down, across := c.p.grid(2); down != c.down || across != c.across {
			t.Errorf("%s: %d×%d parts, want %d×%d", name, down, across, c.down, c.across)
		}
	}
}
