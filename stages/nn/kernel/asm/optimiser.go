package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// optimisers writes one step of each optimiser. Their numbers come in an array; they are read where they are used.
func optimisers(s isa) {
	s.adam()
	s.sgd()
	s.momentum("sgdMomentum", false)
	s.momentum("sgdNesterov", true)
}

// fields reads the i-th float32 of the array that parameter k points to into every lane.
func (s isa) fields(param string) func(i int) reg.Register {
	base := Load(Param(param), GP64())
	return func(i int) reg.Register { return s.broadcast(operand.Mem{Base: base, Disp: 4 * i}) }
}

// adam reads shrink, decay, beta1Rest, beta2, beta2Rest, invBias2, eps, size.
func (s isa) adam() {
	s.function("adam", "func(p, g, m, v []float32, k *[8]float32)")
	p, n, g, m, v := slice("p"), length("p"), slice("g"), slice("m"), slice("v")
	k := s.fields("k")
	s.each("x", n, func(sel *mask, at func(reg.Register) operand.Mem) {
		w := s.mul(k(0), s.load(at(p), sel))
		grad := s.load(at(g), sel)
		s.addProduct(grad, k(1), w)
		mean := s.load(at(m), sel)
		s.addProduct(mean, k(2), s.sub(mean, grad))
		s.store(mean, at(m), sel)
		square := s.mul(k(3), s.load(at(v), sel))
		s.addProduct(square, s.mul(k(4), grad), grad)
		s.store(square, at(v), sel)
		size := k(6)
		s.addProduct(size, k(5), s.sqrt(square))
		s.subProduct(w, s.div(size, mean), k(7))
		s.store(w, at(p), sel)
	})
	leave()
}

// sgd reads lr, momentum, decay.
func (s isa) sgd() {
	s.function("sgd", "func(p, g []float32, k *[3]float32)")
	p, n, g := slice("p"), length("p"), slice("g")
	k := s.fields("k")
	s.each("x", n, func(sel *mask, at func(reg.Register) operand.Mem) {
		w, grad := s.load(at(p), sel), s.load(at(g), sel)
		s.addProduct(grad, k(2), w)
		s.subProduct(w, k(0), grad)
		s.store(w, at(p), sel)
	})
	leave()
}

func (s isa) momentum(name string, nesterov bool) {
	s.function(name, "func(p, g, buf []float32, k *[3]float32)")
	p, n, g, buf := slice("p"), length("p"), slice("g"), slice("buf")
	k := s.fields("k")
	s.each("x", n, func(sel *mask, at func(reg.Register) operand.Mem) {
		w, grad := s.load(at(p), sel), s.load(at(g), sel)
		s.addProduct(grad, k(2), w)
		speed := s.mul(k(1), s.load(at(buf), sel))
		speed = s.add(grad, speed)
		s.store(speed, at(buf), sel)
		if nesterov {
			s.addProduct(grad, k(1), speed)
			speed = grad
		}
		s.subProduct(w, k(0), speed)
		s.store(w, at(p), sel)
	})
	leave()
}
