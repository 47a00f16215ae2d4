package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// burns writes the loop that measures the peak of arithmetic: fused multiply-adds between registers, as many chains as a GEMM tile has.
func burns(s isa) {
	s.function("burn", "func(rounds int)")
	n := Load(Param("rounds"), GP64())
	x := s.zeros()
	acc := make([]reg.Register, 12)
	for i := range acc {
		acc[i] = s.zeros()
	}
	TESTQ(n, n)
	JZ(operand.LabelRef("done"))
	Label("round")
	for _, a := range acc {
		s.addProduct(a, x, x)
	}
	DECQ(n)
	JNZ(operand.LabelRef("round"))
	Label("done")
	leave()
}
