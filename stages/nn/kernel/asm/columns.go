package main

import (
	"strings"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// columns writes loops over matrices in which each column has numbers of its own.
func columns(s isa) {
	s.columnLoop("columnSums", "func(sums, x []float32, rows int)", []string{"sums"}, 1, []string{"x"},
		func(of map[string]reg.Register, sel *mask, at map[string]operand.Mem) {
			VADDPS(s.load(at["x"], sel), of["sums"], of["sums"])
		})
	s.columnLoop("columnSquares", "func(sums, x, mean []float32, rows int)", []string{"sums", "mean"}, 1, []string{"x"},
		func(of map[string]reg.Register, sel *mask, at map[string]operand.Mem) {
			d := s.sub(of["mean"], s.load(at["x"], sel))
			s.addProduct(of["sums"], d, d)
		})
	s.columnLoop("normColumns", "func(y, x, mean, scale, bias []float32, rows int, floor float32)", []string{"mean", "scale", "bias"}, 0, []string{"x", "y"},
		func(of map[string]reg.Register, sel *mask, at map[string]operand.Mem) {
			_, y := s.normalise(of, s.load(at["x"], sel))
			s.store(s.max(y, of["floor"]), at["y"], sel)
		})
	s.columnLoop("normColumnSums", "func(sums, dots, x, dy, mean, scale, bias []float32, rows int, floor float32)",
		[]string{"sums", "dots", "mean", "scale", "bias"}, 2, []string{"x", "dy"},
		func(of map[string]reg.Register, sel *mask, at map[string]operand.Mem) {
			d, y := s.normalise(of, s.load(at["x"], sel))
			g := s.above(of["floor"], y, s.load(at["dy"], sel))
			VADDPS(g, of["sums"], of["sums"])
			s.addProduct(of["dots"], g, d)
		})
	for _, name := range []string{"normColumnsGrad", "addNormColumnsGrad"} {
		s.columnLoop(name, "func(dx, x, dy, mean, scale, bias, sums, dots []float32, rows int, floor float32)",
			[]string{"mean", "scale", "bias", "sums", "dots"}, 0, []string{"x", "dy", "dx"},
			func(of map[string]reg.Register, sel *mask, at map[string]operand.Mem) {
				d, y := s.normalise(of, s.load(at["x"], sel))
				g := s.sub(of["sums"], s.above(of["floor"], y, s.load(at["dy"], sel)))
				s.subProduct(g, of["dots"], d)
				if name == "normColumnsGrad" {
					s.store(s.mul(of["scale"], g), at["dx"], sel)
					return
				}
				sum := s.load(at["dx"], sel)
				s.addProduct(sum, of["scale"], g)
				s.store(sum, at["dx"], sel)
			})
	}
}

// normalise returns x - mean and what the normalisation makes of that.
func (s isa) normalise(of map[string]reg.Register, x reg.Register) (d, y reg.Register) {
	d = s.sub(of["mean"], x)
	y = s.move(of["bias"])
	s.addProduct(y, d, of["scale"])
	return d, y
}

// above returns dy where y is above the floor and 0 elsewhere.
func (s isa) above(floor, y, dy reg.Register) reg.Register {
	return s.choose(s.compare(above, floor, y), dy, s.zeros())
}

// columnLoop writes a function that runs body for a vector of each row. of are the numbers of the columns, which stay in registers from
// row to row; the first sums of them are written back. The parameter floor, where there is one, is among them. at are the matrices' vectors.
func (s isa) columnLoop(name, signature string, of []string, sums int, matrices []string, body func(of map[string]reg.Register, sel *mask, at map[string]operand.Mem)) {
	s.function(name, signature)
	n, column := length(of[0]), GP64()
	XORQ(column, column)
	block := func(label string, sel *mask) {
		step, rows := GP64(), GP64()
		MOVQ(length(of[0]), step)
		SHLQ(operand.Imm(2), step)
		Load(Param("rows"), rows)
		numbers, at := map[string]reg.Register{}, map[string]operand.Mem{}
		where := func(name string) operand.Mem { return operand.Mem{Base: slice(name), Index: column, Scale: 1} }
		for _, name := range of {
			numbers[name] = s.load(where(name), sel)
		}
		if strings.Contains(signature, "floor") {
			numbers["floor"] = s.broadcast(paramMem("floor"))
		}
		i := GP64()
		MOVQ(column, i)
		for _, name := range matrices {
			at[name] = operand.Mem{Base: slice(name), Index: i, Scale: 1}
		}
		Label(label + "Row")
		body(numbers, sel, at)
		ADDQ(step, i)
		DECQ(rows)
		JNZ(operand.LabelRef(label + "Row"))
		for _, name := range of[:sums] {
			s.store(numbers[name], where(name), sel)
		}
	}
	JMP(operand.LabelRef("next"))
	Label("whole")
	block("whole", nil)
	ADDQ(operand.Imm(uint64(s.bytes())), column)
	SUBQ(operand.Imm(uint64(s.width)), n)
	Label("next")
	CMPQ(n, operand.Imm(uint64(s.width)))
	JGE(operand.LabelRef("whole"))
	TESTQ(n, n)
	JZ(operand.LabelRef("done"))
	block("part", s.firstLanes(n))
	Label("done")
	leave()
}
