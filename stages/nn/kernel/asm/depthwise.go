package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// depthwise writes the loops of a convolution in which each channel has a filter of its own.
func depthwise(s isa) {
	s.depthwiseLine()
	s.depthwiseBack("depthwiseInput", "func(dx, filters, dy []float32, columns, step, channels int, taps []int32)", true)
	s.depthwiseBack("depthwiseFilters", "func(x, filters, dy []float32, columns, step, channels int, taps []int32)", false)
}

// together is how many columns take a filter that has been read.
const together = 4

// depthwiseLine sets y to the sum of the taps times the filters, which are (taps, channels).
func (s isa) depthwiseLine() {
	s.function("depthwiseLine", "func(y, x, filters []float32, columns, step, channels int, taps []int32)")
	y, x, n := slice("y"), slice("x"), GP64()
	columns, step := Load(Param("columns"), GP64()), floats(Param("step"))
	triple := GP64()
	LEAQ(operand.Mem{Base: step, Index: step, Scale: 2}, triple)
	block := func(name string, count int) {
		JMP(operand.LabelRef(name + "Test"))
		Label(name)
		Load(Param("channels"), n)
		s.each(name, n, func(sel *mask, current func(reg.Register) operand.Mem) {
			sums := make([]reg.Register, count)
			for j := range sums {
				sums[j] = s.zeros()
			}
			filters := slice("filters")
			s.tapsOf(name, sel, func(offset reg.Register) {
				filter := s.load(current(filters), sel)
				from := GP64()
				LEAQ(operand.Mem{Base: x, Index: offset, Scale: 4}, from)
				ADDQ(current(from).Index, from)
				for j, sum := range sums {
					m := operand.Mem{Base: from}
					switch j {
					case 1, 2:
						m.Index, m.Scale = step, uint8(j)
					case 3:
						m.Index, m.Scale = triple, 1
					}
					if sel == nil {
						s.addProduct(sum, m, filter)
					} else {
						s.addProduct(sum, s.load(m, sel), filter)
					}
				}
				row := floats(Param("channels"))
				ADDQ(row, filters)
			})
			to, row := GP64(), floats(Param("channels"))
			MOVQ(y, to)
			for j, sum := range sums {
				s.store(sum, current(to), sel)
				if j+1 < count {
					ADDQ(row, to)
				}
			}
		})
		Load(Param("channels"), n)
		for range count {
			LEAQ(operand.Mem{Base: y, Index: n, Scale: 4}, y)
			ADDQ(step, x)
		}
		SUBQ(operand.Imm(uint64(count)), columns)
		Label(name + "Test")
		CMPQ(columns, operand.Imm(uint64(count)))
		JGE(operand.LabelRef(name))
	}
	block("many", together)
	block("one", 1)
	leave()
}

// depthwiseBack adds, column by column and tap by tap, the gradient of y times the filter to that of x, or times x to that of the filter.
func (s isa) depthwiseBack(name, signature string, toInput bool) {
	s.function(name, signature)
	x, dy, n := slice(map[bool]string{true: "dx", false: "x"}[toInput]), slice("dy"), GP64()
	columns := Load(Param("columns"), GP64())
	Label("column")
	Load(Param("channels"), n)
	s.each("x", n, func(sel *mask, current func(reg.Register) operand.Mem) {
		filters := slice("filters")
		row := floats(Param("channels"))
		d := s.load(current(dy), sel)
		s.tapsOf("x", sel, func(offset reg.Register) {
			at := GP64()
			LEAQ(operand.Mem{Base: x, Index: offset, Scale: 4}, at)
			from, to := current(at), current(filters)
			if toInput {
				from, to = to, from
			}
			sum := s.load(to, sel)
			s.addProduct(sum, d, s.load(from, sel))
			s.store(sum, to, sel)
			ADDQ(row, filters)
		})
	})
	Load(Param("channels"), n)
	LEAQ(operand.Mem{Base: dy, Index: n, Scale: 4}, dy)
	ADDQ(floats(Param("step")), x)
	DECQ(columns)
	JNZ(operand.LabelRef("column"))
	leave()
}

// tapsOf runs body for the elements of the parameter taps, of which there is one at least.
func (s isa) tapsOf(name string, sel *mask, body func(offset reg.Register)) {
	name += "Tap"
	if sel != nil {
		name += "Last"
	}
	taps, count := slice("taps"), length("taps")
	Label(name)
	offset := GP64()
	MOVLQSX(operand.Mem{Base: taps}, offset)
	body(offset)
	ADDQ(operand.Imm(4), taps)
	DECQ(count)
	JNZ(operand.LabelRef(name))
}
