package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The polynomials below are minimax fits made for this package (iteratively reweighted least squares on 1,500 Chebyshev points).

// ln2 in two parts: n·ln2High is exact for |n| < 2¹⁵.
const (
	ln2High = 0.693145752
	ln2Low  = 1.42860677e-06
)

// expTail is (e^r - 1 - r)/r² for |r| ≤ ln2/2, so that e^r - 1 has a relative error below 1.4e-8.
var expTail = []float64{0.5, 0.16666542, 0.0416662805, 0.00836664438, 0.00139465544}

// roundingShift added to a number below 2²² leaves the nearest integer in the low bits of the sum.
const roundingShift = 0x1.8p23

const signBit, absBits = 0x80000000, 0x7fffffff

// reduce splits x = n·ln2 + r, |r| ≤ ln2/2. It returns n plus bias in the low bits of an integer, n as a number and r.
func (s isa) reduce(x reg.Register, bias float64) (shifted, n, r reg.Register) {
	shifted = s.get(number(roundingShift + bias))
	s.addProduct(shifted, number(math.Log2E), x)
	n = s.sub(number(roundingShift+bias), shifted)
	r = s.move(x)
	s.subProduct(r, number(ln2High), n)
	s.subProduct(r, number(ln2Low), n)
	return shifted, n, r
}

// scaled is y·2ⁿ, rounded once, for n in [-150, 128]. AVX2 multiplies twice, the first time exactly.
func (s isa) scaled(y, n, shifted reg.Register) reg.Register {
	if s.wide() {
		d := s.vec()
		VSCALEFPS(n, y, d)
		return d
	}
	whole := s.subInt(number(roundingShift), shifted)
	half := s.shiftRight(1, whole)
	rest := s.subInt(half, whole)
	y = s.mul(s.shiftLeft(23, s.addInt(bits(127), half)), y)
	return s.mul(s.shiftLeft(23, s.addInt(bits(127), rest)), y)
}

// exp is e^x: +Inf above 88.72, denormal below -87.33, 0 below -103.97, NaN for NaN.
func (s isa) exp(x reg.Register) reg.Register {
	x = s.min(x, s.get(number(89)))
	return s.expBelow(x)
}

// expBelow is exp for x ≤ 89.
func (s isa) expBelow(x reg.Register) reg.Register {
	x = s.max(x, s.get(number(-104)))
	shifted, n, r := s.reduce(x, 0)
	y := s.polynomial(r, expTail...)
	s.horner(y, r, 1)
	s.horner(y, r, 1)
	return s.scaled(y, n, shifted)
}

// tanh is -u/(2+u) with u = e^(-2|x|) - 1, with the sign of x. u is exact to a unit in the last place near 0 too, so small x need no
// branch.
func (s isa) tanh(x reg.Register) reg.Register {
	z := s.or(bits(signBit), x)
	z = s.max(s.add(z, z), s.get(number(-40)))
	shifted, _, r := s.reduce(z, 127)
	p := s.polynomial(r, expTail...)
	p = s.mul(s.mul(r, r), p)
	p = s.add(r, p)
	power := s.shiftLeft(23, shifted) // 2ⁿ: the bias of the exponent came with the shift
	u := s.sub(number(1), power)
	s.addProduct(u, power, p)
	q := s.div(s.add(number(2), u), u)
	return s.or(s.and(bits(signBit), x), s.and(bits(absBits), q))
}

// sigmoid is e/(1+e) for x < 0 and 1/(1+e) otherwise, with e = e^-|x|, so that neither end loses digits.
func (s isa) sigmoid(x reg.Register) reg.Register {
	e := s.expBelow(s.or(bits(signBit), x))
	one := s.get(number(1))
	top := s.choose(s.negative(x), e, one)
	return s.div(s.add(one, e), top)
}

// logTail is (log(1+f) - f + f²/2)/f³ for |f| ≤ 1/3.
var logTail = []float64{0.333332241, -0.249996886, 0.200100437, -0.166854665, 0.140109256, -0.121151075, 0.139624193, -0.131917432}

// log splits x = 2ᵉ·(1+f) with 1+f in [2/3, 4/3).
func (s isa) log(x reg.Register) reg.Register {
	tiny := s.compare(below, number(0x1p-126), x)
	up := s.mul(number(0x1p23), x)
	m := s.choose(tiny, up, x)
	const third = 0x3f2aaaab // the bits of 2/3
	above := s.subInt(bits(third), m)
	e := s.vec()
	VCVTDQ2PS(s.shiftRight(23, above), e)
	e = s.choose(tiny, s.sub(number(23), e), e)
	m = s.subInt(s.and(bits(0xff800000), above), m)
	f := s.sub(number(1), m)
	p := s.polynomial(f, logTail...)
	s.horner(p, f, -0.5)
	y := s.mul(f, f)
	y = s.mul(p, y)
	s.addProduct(y, number(ln2Low), e)
	y = s.add(f, y)
	s.addProduct(y, number(ln2High), e)

	inf := s.get(number(math.Inf(1)))
	y = s.choose(s.compare(notBelow, inf, x), x, y) // +Inf and NaN stay
	zero := s.vec()
	s.clear(zero)
	y = s.choose(s.compare(below, zero, x), s.get(bits(0x7fc00000)), y)
	return s.choose(s.compare(equal, zero, x), s.get(number(math.Inf(-1))), y)
}

// erfNear is erf(x)/x - 1 as a polynomial in x² for |x| ≤ 1, erfcLog is log(erfc(a)) for 1 ≤ a ≤ 3.95.
var (
	erfNear = []float64{0.1283791671, -0.37612626, 0.112835854, -0.0268538129, 0.00518832775, -0.000801019371, 7.85386146e-05}
	erfcLog = []float64{-0.000353719515, -1.12704003, -0.638225675, -0.103037372, 0.0218053181, -0.00293960725, 0.000185574012}
)

// erf is x + x·P(x²) near 0 and 1 - e^Q(|x|) beyond, which is 1 from 3.95 on.
func (s isa) erf(x reg.Register) reg.Register {
	a := s.and(bits(absBits), x)
	a = s.min(a, s.get(number(3.95)))
	far := s.expBelow(s.polynomial(a, erfcLog...))
	far = s.sub(far, s.get(number(1)))
	far = s.or(s.and(bits(signBit), x), far)
	near := s.move(x)
	s.addProduct(near, s.polynomial(s.mul(x, x), erfNear...), x)
	return s.choose(s.compare(below, number(1), a), near, far)
}

// unaries writes the functions of one slice.
func unaries(s isa) {
	for _, f := range []struct {
		name string
		body func(reg.Register) reg.Register
	}{{"exp", s.exp}, {"tanh", s.tanh}, {"sigmoid", s.sigmoid}, {"log", s.log}, {"erf", s.erf}} {
		s.function(f.name, "func(dst, x []float32)")
		dst, n, x := slice("dst"), length("dst"), slice("x")
		s.each("x", n, func(sel *mask, at func(reg.Register) operand.Mem) {
			s.store(f.body(s.load(at(x), sel)), at(dst), sel)
		})
		leave()
	}
	s.function("expShifted", "func(dst, x []float32, shift float32)")
	dst, n, x := slice("dst"), length("dst"), slice("x")
	shift := s.broadcast(paramMem("shift"))
	s.each("x", n, func(sel *mask, at func(reg.Register) operand.Mem) {
		s.store(s.expBelow(s.sub(shift, s.load(at(x), sel))), at(dst), sel)
	})
	leave()
}
