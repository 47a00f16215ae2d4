package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// cells writes the recurrent cells, one row at a time.
func cells(s isa) {
	s.lstm()
	s.lstmGrad()
	s.gru()
	s.gruGrad()
}

// blocks returns the addresses of the count blocks of n floats that lie side by side from base.
func blocks(base, n reg.GPVirtual, count int) []reg.Register {
	out := []reg.Register{base}
	for len(out) < count {
		next := GP64()
		LEAQ(operand.Mem{Base: out[len(out)-1], Index: n, Scale: 4}, next)
		out = append(out, next)
	}
	return out
}

func (s isa) lstm() {
	s.function("lstm", "func(gates, cPrev, c, h, tanhC []float32)")
	n := length("c")
	g := blocks(slice("gates"), n, 4)
	cPrev, c, h, tanhC := slice("cPrev"), slice("c"), slice("h"), slice("tanhC")
	s.each("x", n, func(sel *mask, at func(reg.Register) operand.Mem) {
		in := s.sigmoid(s.load(at(g[0]), sel))
		s.store(in, at(g[0]), sel)
		candidate := s.tanh(s.load(at(g[2]), sel))
		s.store(candidate, at(g[2]), sel)
		state := s.mul(in, candidate)
		forget := s.sigmoid(s.load(at(g[1]), sel))
		s.store(forget, at(g[1]), sel)
		s.addProduct(state, s.load(at(cPrev), sel), forget)
		s.store(state, at(c), sel)
		squashed := s.tanh(state)
		s.store(squashed, at(tanhC), sel)
		out := s.sigmoid(s.load(at(g[3]), sel))
		s.store(out, at(g[3]), sel)
		s.store(s.mul(out, s.load(at(tanhC), sel)), at(h), sel)
	})
	leave()
}

// slope is y·(1-y), the derivative of the sigmoid that has the value y, times d.
func (s isa) slope(d, y reg.Register) reg.Register {
	return s.mul(s.sub(y, s.get(number(1))), s.mul(y, d))
}

// tanhSlope is (1-y²)·d.
func (s isa) tanhSlope(d, y reg.Register) reg.Register {
	rest := s.get(number(1))
	s.subProduct(rest, y, y)
	return s.mul(rest, d)
}

// The gradients have more slices than there are registers: inParam loads a pointer where it is needed.
func (s isa) lstmGrad() {
	s.function("lstmGrad", "func(dgates, dcPrev, gates, cPrev, tanhC, dh, dc []float32)")
	n := length("dc")
	g, dg := blocks(slice("gates"), n, 4), blocks(slice("dgates"), n, 4)
	s.each("x", n, func(sel *mask, at func(reg.Register) operand.Mem) {
		inParam := func(name string) operand.Mem { return at(slice(name)) }
		dOut, t := s.load(inParam("dh"), sel), s.load(inParam("tanhC"), sel)
		out := s.load(at(g[3]), sel)
		d := s.load(inParam("dc"), sel)
		s.addProduct(d, s.tanhSlope(out, t), dOut)
		s.store(s.slope(s.mul(t, dOut), out), at(dg[3]), sel)

		in, candidate := s.load(at(g[0]), sel), s.load(at(g[2]), sel)
		s.store(s.slope(s.mul(candidate, d), in), at(dg[0]), sel)
		s.store(s.tanhSlope(s.mul(in, d), candidate), at(dg[2]), sel)

		forget := s.load(at(g[1]), sel)
		s.store(s.slope(s.mul(s.load(inParam("cPrev"), sel), d), forget), at(dg[1]), sel)
		s.store(s.mul(forget, d), inParam("dcPrev"), sel)
	})
	leave()
}

func (s isa) gru() {
	s.function("gru", "func(gates, recurrent, hPrev, h []float32)")
	n := length("h")
	x, u := blocks(slice("gates"), n, 3), blocks(slice("recurrent"), n, 3)
	hPrev, h := slice("hPrev"), slice("h")
	s.each("x", n, func(sel *mask, at func(reg.Register) operand.Mem) {
		reset := s.sigmoid(s.add(s.load(at(x[0]), sel), s.load(at(u[0]), sel)))
		s.store(reset, at(x[0]), sel)
		pre := s.load(at(x[2]), sel)
		s.addProduct(pre, s.load(at(u[2]), sel), reset)
		candidate := s.tanh(pre)
		s.store(candidate, at(x[2]), sel)
		update := s.sigmoid(s.add(s.load(at(x[1]), sel), s.load(at(u[1]), sel)))
		s.store(update, at(x[1]), sel)
		candidate = s.load(at(x[2]), sel)
		difference := s.sub(candidate, s.load(at(hPrev), sel))
		s.addProduct(candidate, update, difference)
		s.store(candidate, at(h), sel)
	})
	leave()
}

func (s isa) gruGrad() {
	s.function("gruGrad", "func(dgates, drecurrent, dhPrev, gates, recurrent, hPrev, dh []float32)")
	n := length("dh")
	a, da := blocks(slice("gates"), n, 3), blocks(slice("dgates"), n, 3)
	du := blocks(slice("drecurrent"), n, 3)
	un := GP64()
	LEAQ(operand.Mem{Base: slice("recurrent"), Index: n, Scale: 8}, un)
	s.each("x", n, func(sel *mask, at func(reg.Register) operand.Mem) {
		inParam := func(name string) operand.Mem { return at(slice(name)) }
		d, update, candidate := s.load(inParam("dh"), sel), s.load(at(a[1]), sel), s.load(at(a[2]), sel)
		dz := s.slope(s.mul(s.sub(candidate, s.load(inParam("hPrev"), sel)), d), update)
		dn := s.tanhSlope(s.mul(s.sub(update, s.get(number(1))), d), candidate)
		reset := s.load(at(a[0]), sel)
		dr := s.slope(s.mul(s.load(at(un), sel), dn), reset)
		for i, v := range []reg.Register{dr, dz, dn} {
			s.store(v, at(da[i]), sel)
		}
		for i, v := range []reg.Register{dr, dz, s.mul(reset, dn)} {
			s.store(v, at(du[i]), sel)
		}
		s.store(s.mul(update, d), inParam("dhPrev"), sel)
	})
	leave()
}
