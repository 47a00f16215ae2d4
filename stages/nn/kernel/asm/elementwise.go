package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// elementwise writes the arithmetic of whole slices.
func elementwise(s isa) {
	for _, f := range []struct {
		name string
		op   func(operand.Op, reg.Register) reg.Register
	}{{"add", s.add}, {"sub", s.sub}, {"mul", s.mul}} {
		s.function(f.name, "func(dst, a, b []float32)")
		dst, n, a, b := slice("dst"), length("dst"), slice("a"), slice("b")
		s.each("x", n, func(sel *mask, at func(reg.Register) operand.Mem) {
			s.store(f.op(s.load(at(b), sel), s.load(at(a), sel)), at(dst), sel)
		})
		leave()
	}
	s.axpy()
	s.scale()
	s.relus()
	s.reductions()
}

func (s isa) axpy() {
	s.function("axpy", "func(alpha float32, x, y []float32)")
	x, y, n := slice("x"), slice("y"), length("y")
	alpha := s.broadcast(paramMem("alpha"))
	s.each("x", n, func(sel *mask, at func(reg.Register) operand.Mem) {
		sum := s.load(at(y), sel)
		s.addProduct(sum, s.load(at(x), sel), alpha)
		s.store(sum, at(y), sel)
	})
	leave()
}

func (s isa) scale() {
	s.function("scale", "func(alpha float32, x []float32)")
	x, n := slice("x"), length("x")
	alpha := s.broadcast(paramMem("alpha"))
	s.each("x", n, func(sel *mask, at func(reg.Register) operand.Mem) {
		s.store(s.mul(alpha, s.load(at(x), sel)), at(x), sel)
	})
	leave()
}

// relus writes relu, where NaN must stay NaN, and its gradient.
func (s isa) relus() {
	s.function("relu", "func(dst, x []float32)")
	dst, n, x := slice("dst"), length("dst"), slice("x")
	zero := s.vec()
	s.clear(zero)
	s.each("x", n, func(sel *mask, at func(reg.Register) operand.Mem) {
		s.store(s.max(s.load(at(x), sel), zero), at(dst), sel)
	})
	leave()

	s.function("reluGrad", "func(dx, x, dy []float32)")
	dx, n, x, dy := slice("dx"), length("dx"), slice("x"), slice("dy")
	zero = s.vec()
	s.clear(zero)
	s.each("x", n, func(sel *mask, at func(reg.Register) operand.Mem) {
		positive := s.compare(above, zero, s.load(at(x), sel))
		s.store(s.choose(positive, s.load(at(dy), sel), zero), at(dx), sel)
	})
	leave()
}

// lanes is how many partial sums a reduction keeps, whatever the width of a register.
const lanes = 64

func (s isa) reductions() {
	s.function("sum", "func(x []float32) float32")
	x, n := slice("x"), length("x")
	s.reduction(n, s.zeros, func(acc reg.Register, sel *mask, at func(reg.Register) operand.Mem) {
		VADDPS(s.load(at(x), sel), acc, acc)
	}, VADDPS)

	s.function("dot", "func(x, y []float32) float32")
	x, n = slice("x"), length("x")
	y := slice("y")
	s.reduction(n, s.zeros, func(acc reg.Register, sel *mask, at func(reg.Register) operand.Mem) {
		s.addProduct(acc, s.load(at(y), sel), s.load(at(x), sel))
	}, VADDPS)

	s.function("peak", "func(x []float32) float32")
	x, n = slice("x"), length("x")
	lowest := func() reg.Register { return s.get(number(math.Inf(-1))) }
	s.reduction(n, lowest, func(acc reg.Register, sel *mask, at func(reg.Register) operand.Mem) {
		v := s.load(at(x), sel)
		if sel != nil {
			v = s.choose(chosen(*sel), v, acc)
		}
		VMAXPS(v, acc, acc)
	}, VMAXPS)
}

func (s isa) zeros() reg.Register {
	v := s.vec()
	s.clear(v)
	return v
}

// reduction keeps lanes partial results and folds them in halves; a masked lane must leave its partial result as it is.
func (s isa) reduction(n reg.GPVirtual, begin func() reg.Register, step func(acc reg.Register, sel *mask, at func(reg.Register) operand.Mem), join func(...operand.Op)) {
	acc := make([]reg.Register, lanes/s.width)
	for i := range acc {
		acc[i] = begin()
	}
	i := GP64()
	XORQ(i, i)
	at := func(j int) func(reg.Register) operand.Mem {
		return func(base reg.Register) operand.Mem {
			return operand.Mem{Base: base, Index: i, Scale: 1, Disp: j * s.bytes()}
		}
	}
	JMP(operand.LabelRef("next"))
	Label("block")
	for j := range acc {
		step(acc[j], nil, at(j))
	}
	ADDQ(operand.U32(4*lanes), i)
	SUBQ(operand.Imm(lanes), n)
	Label("next")
	CMPQ(n, operand.Imm(lanes))
	JGE(operand.LabelRef("block"))
	for j := range acc {
		CMPQ(n, operand.Imm(uint64(s.width)))
		JL(operand.LabelRef("edge" + string(rune('A'+j))))
		step(acc[j], nil, at(j))
		SUBQ(operand.Imm(uint64(s.width)), n)
	}
	JMP(operand.LabelRef("fold"))
	for j := range acc {
		Label("edge" + string(rune('A'+j)))
		TESTQ(n, n)
		JZ(operand.LabelRef("fold"))
		step(acc[j], s.firstLanes(n), at(j))
		JMP(operand.LabelRef("fold"))
	}
	Label("fold")
	s.fold(acc, join)
}

// fold joins the upper half of the lanes to the lower until one is left, and returns it.
func (s isa) fold(acc []reg.Register, join func(...operand.Op)) {
	for h := len(acc) / 2; h > 0; h /= 2 {
		for i := range h {
			join(acc[i+h], acc[i], acc[i])
		}
	}
	v := acc[0].(reg.VecVirtual)
	low := v.AsY()
	if s.wide() {
		high := YMM()
		VEXTRACTF32X8(operand.Imm(1), v, high)
		joined := YMM()
		join(high, low, joined)
		low = joined
	}
	high, x, t := XMM(), XMM(), XMM()
	VEXTRACTF128(operand.Imm(1), low, high)
	join(high, low.(reg.Vec).AsX(), x)
	VMOVHLPS(x, x, t)
	join(t, x, x)
	VMOVSHDUP(x, t)
	join(t, x, x)
	Store(x, ReturnIndex(0))
	leave()
}
