package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// activations writes the activations that are more than one function, and the gradients, which add to what is there.
func activations(s isa) {
	for _, f := range []struct {
		name string
		body func(reg.Register) reg.Register
	}{{"gelu", s.gelu}, {"geluTanh", s.geluTanh}, {"silu", s.silu}} {
		s.function(f.name, "func(dst, x []float32)")
		dst, n, x := slice("dst"), length("dst"), slice("x")
		s.each("x", n, func(sel *mask, at func(reg.Register) operand.Mem) {
			s.store(f.body(s.load(at(x), sel)), at(dst), sel)
		})
		leave()
	}
	for _, f := range []struct {
		name string
		body func(acc, from, dy reg.Register) reg.Register
	}{
		{"addProduct", s.withProduct}, {"addReluGrad", s.reluSlope}, {"addSigmoidGrad", s.sigmoidSlope}, {"addTanhGrad", s.tanhSlopeOf},
		{"addGeluGrad", s.geluSlope}, {"addGeluTanhGrad", s.geluTanhSlope}, {"addSiluGrad", s.siluSlope},
	} {
		s.function(f.name, "func(dx, from, dy []float32)")
		dx, n, from, dy := slice("dx"), length("dx"), slice("from"), slice("dy")
		s.each("x", n, func(sel *mask, at func(reg.Register) operand.Mem) {
			s.store(f.body(s.load(at(dx), sel), s.load(at(from), sel), s.load(at(dy), sel)), at(dx), sel)
		})
		leave()
	}
}

// gelu is x·(1+erf(x/√2))/2.
func (s isa) gelu(x reg.Register) reg.Register {
	half := s.mul(number(0.5), x)
	y := s.erf(s.mul(number(math.Sqrt2/2), x))
	return s.mul(s.add(number(1), y), half)
}

// The tanh form of GELU is x·(1+tanh(u))/2 with u = √(2/π)·(x + cubic·x³).
const (
	geluRoot = 0.7978845608028654
	cubic    = 0.044715
)

// geluArgument is u.
func (s isa) geluArgument(x reg.Register) reg.Register {
	inner := s.get(number(geluRoot))
	s.addProduct(inner, number(geluRoot*cubic), s.mul(x, x))
	return s.mul(x, inner)
}

func (s isa) geluTanh(x reg.Register) reg.Register {
	t := s.tanh(s.geluArgument(x))
	return s.mul(s.add(number(1), t), s.mul(number(0.5), x))
}

func (s isa) silu(x reg.Register) reg.Register { return s.mul(x, s.sigmoid(x)) }

func (s isa) withProduct(acc, a, b reg.Register) reg.Register {
	s.addProduct(acc, a, b)
	return acc
}

func (s isa) reluSlope(acc, x, dy reg.Register) reg.Register {
	zero := s.zeros()
	return s.add(acc, s.choose(s.compare(above, zero, x), dy, zero))
}

func (s isa) sigmoidSlope(acc, y, dy reg.Register) reg.Register { return s.add(acc, s.slope(dy, y)) }

func (s isa) tanhSlopeOf(acc, y, dy reg.Register) reg.Register { return s.add(acc, s.tanhSlope(dy, y)) }

// geluSlope is Φ(x) + x·φ(x).
func (s isa) geluSlope(acc, x, dy reg.Register) reg.Register {
	cdf := s.erf(s.mul(number(math.Sqrt2/2), x))
	cdf = s.mul(number(0.5), s.add(number(1), cdf))
	pdf := s.expBelow(s.mul(x, s.mul(number(-0.5), x)))
	s.addProduct(cdf, s.mul(number(0.3989422804014327), pdf), x)
	s.addProduct(acc, cdf, dy)
	return acc
}

// geluTanhSlope is (1+t)/2 + x·(1-t²)·u'/2 with t = tanh(u).
func (s isa) geluTanhSlope(acc, x, dy reg.Register) reg.Register {
	t := s.tanh(s.geluArgument(x))
	inner := s.get(number(geluRoot))
	s.addProduct(inner, number(3*geluRoot*cubic), s.mul(x, x))
	second := s.tanhSlope(s.mul(x, inner), t)
	sum := s.add(number(1), s.add(t, second))
	s.addProduct(acc, s.mul(number(0.5), sum), dy)
	return acc
}

// siluSlope is y·(1 + x·(1-y)) with y = σ(x).
func (s isa) siluSlope(acc, x, dy reg.Register) reg.Register {
	y := s.sigmoid(x)
	rest := s.sub(y, s.get(number(1)))
	inner := s.get(number(1))
	s.addProduct(inner, rest, x)
	s.addProduct(acc, s.mul(y, inner), dy)
	return acc
}

// norms writes what the normalisation of rows needs besides sums.
func norms(s isa) {
	s.function("subScalar", "func(dst, x []float32, c float32)")
	dst, n, x := slice("dst"), length("dst"), slice("x")
	c := s.broadcast(paramMem("c"))
	s.each("x", n, func(sel *mask, at func(reg.Register) operand.Mem) {
		s.store(s.sub(c, s.load(at(x), sel)), at(dst), sel)
	})
	leave()

	// normRow writes normal·inverse back and its product with weight, plus bias, to y.
	s.function("normRow", "func(y, normal, weight, bias []float32, inverse float32)")
	y, n := slice("y"), length("y")
	normal, weight, bias := slice("normal"), slice("weight"), slice("bias")
	inverse := s.broadcast(paramMem("inverse"))
	s.each("x", n, func(sel *mask, at func(reg.Register) operand.Mem) {
		h := s.mul(inverse, s.load(at(normal), sel))
		s.store(h, at(normal), sel)
		out := s.load(at(bias), sel)
		s.addProduct(out, s.load(at(weight), sel), h)
		s.store(out, at(y), sel)
	})
	leave()

	s.function("normRowGrad", "func(dx, g, normal []float32, mean, dot, inverse float32)")
	dx, n := slice("dx"), length("dx")
	g, normal := slice("g"), slice("normal")
	mean, dot, inv := s.broadcast(paramMem("mean")), s.broadcast(paramMem("dot")), s.broadcast(paramMem("inverse"))
	s.each("x", n, func(sel *mask, at func(reg.Register) operand.Mem) {
		d := s.sub(mean, s.load(at(g), sel))
		s.subProduct(d, s.load(at(normal), sel), dot)
		sum := s.load(at(dx), sel)
		s.addProduct(sum, d, inv)
		s.store(sum, at(dx), sel)
	})
	leave()

	// softmaxRowGrad adds p·(dy - dot) to dx.
	s.function("softmaxRowGrad", "func(dx, p, dy []float32, dot float32)")
	dx, n = slice("dx"), length("dx")
	p, dy := slice("p"), slice("dy")
	dot = s.broadcast(paramMem("dot"))
	s.each("x", n, func(sel *mask, at func(reg.Register) operand.Mem) {
		sum := s.load(at(dx), sel)
		s.addProduct(sum, s.load(at(p), sel), s.sub(dot, s.load(at(dy), sel)))
		s.store(sum, at(dx), sel)
	})
	leave()
}
