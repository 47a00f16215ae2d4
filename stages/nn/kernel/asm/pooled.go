package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pooled writes the loops of a convolution of which pooling leaves the greatest outputs only.
func pooled(s isa) {
	s.maxLine()
	s.spreadLine("spreadLine", false)
	s.spreadLine("addLine", true)
	s.windows("gatherWindows", true)
	s.windows("scatterWindows", false)
}

// maxLine takes the greatest of the taps for each column and channel, and the mark of that tap. Only then it adds the bias, which changes
// no order, and cuts off at the floor. A comparison with NaN is false, so a NaN is taken on its own.
func (s isa) maxLine() {
	s.function("maxLine", "func(y []float32, which []int32, x []float32, columns, step int, taps, marks []int32, bias []float32, floor float32)")
	y, which, x, n := slice("y"), slice("which"), slice("x"), GP64()
	columns := Load(Param("columns"), GP64())
	floor := s.broadcast(paramMem("floor"))
	Label("column")
	Load(Param("bias").Len(), n)
	s.each("x", n, func(sel *mask, current func(reg.Register) operand.Mem) {
		top, at, marks := s.vec(), s.vec(), slice("marks")
		s.firstTap(sel, x, func(from reg.Register) {
			s.loadInto(top, current(from), sel)
			VBROADCASTSS(operand.Mem{Base: marks}, at)
		}, func(from reg.Register) {
			v := s.load(current(from), sel)
			greater := s.compare(above, top, v)
			ADDQ(operand.Imm(4), marks)
			VMOVAPS(s.choose(greater, s.broadcast(operand.Mem{Base: marks}), at), at)
			VMOVAPS(s.choose(s.compare(unordered, v, v), v, s.choose(greater, v, top)), top)
		})
		s.store(at, current(which), sel)
		s.store(s.max(s.add(top, s.load(current(slice("bias")), sel)), floor), current(y), sel)
	})
	Load(Param("bias").Len(), n)
	LEAQ(operand.Mem{Base: y, Index: n, Scale: 4}, y)
	LEAQ(operand.Mem{Base: which, Index: n, Scale: 4}, which)
	ADDQ(floats(Param("step")), x)
	DECQ(columns)
	JNZ(operand.LabelRef("column"))
	leave()
}

// spreadLine is the reverse of maxLine: it writes the gradient to the tap with that mark and 0 to the others, or adds it.
func (s isa) spreadLine(name string, add bool) {
	s.function(name, "func(dx []float32, which []int32, dy []float32, columns, step, channels int, taps, marks []int32)")
	dx, which, dy, n := slice("dx"), slice("which"), slice("dy"), GP64()
	columns := Load(Param("columns"), GP64())
	zero := s.zeros()
	Label("column")
	Load(Param("channels"), n)
	s.each("x", n, func(sel *mask, current func(reg.Register) operand.Mem) {
		d, at, marks := s.load(current(dy), sel), s.load(current(which), sel), slice("marks")
		s.tapsOf("x", sel, func(offset reg.Register) {
			to := GP64()
			LEAQ(operand.Mem{Base: dx, Index: offset, Scale: 4}, to)
			here := s.equalInt(at, s.broadcast(operand.Mem{Base: marks}))
			if add {
				old := s.load(current(to), sel)
				s.store(s.choose(here, s.add(d, old), old), current(to), sel)
			} else {
				s.store(s.choose(here, d, zero), current(to), sel)
			}
			ADDQ(operand.Imm(4), marks)
		})
	})
	Load(Param("channels"), n)
	LEAQ(operand.Mem{Base: dy, Index: n, Scale: 4}, dy)
	LEAQ(operand.Mem{Base: which, Index: n, Scale: 4}, which)
	ADDQ(floats(Param("step")), dx)
	DECQ(columns)
	JNZ(operand.LabelRef("column"))
	leave()
}

// firstTap runs first for the first element of the parameter taps and rest for the others, with what it points to in x.
func (s isa) firstTap(sel *mask, x reg.Register, first, rest func(from reg.Register)) {
	name := "tap"
	if sel != nil {
		name = "lastTap"
	}
	taps, count := slice("taps"), length("taps")
	from := func() reg.Register {
		offset := GP64()
		MOVLQSX(operand.Mem{Base: taps}, offset)
		LEAQ(operand.Mem{Base: x, Index: offset, Scale: 4}, offset)
		return offset
	}
	first(from())
	JMP(operand.LabelRef(name + "Next"))
	Label(name)
	ADDQ(operand.Imm(4), taps)
	rest(from())
	Label(name + "Next")
	DECQ(count)
	JNZ(operand.LabelRef(name))
}

// windows writes a loop over windows that begin in x at the places at, each with a number. The lines of the one at window lie side by side,
// those in x are xLine apart. One that gathers adds those in x, times the number, to the one at window; one that scatters does the reverse,
// block by block of the line: windows in x may overlap, so that blocks are the same for all instruction sets.
func (s isa) windows(name string, gather bool) {
	s.function(name, "func(run, lines int, window, x []float32, xLine int, at []int32, by []float32)")
	w, x := slice("window"), slice("x")
	lines, from, n := GP64(), GP64(), GP64()
	Load(Param("lines"), lines)
	Label("line")
	MOVQ(x, from)
	Load(Param("run"), n)
	for i, size := range []int{96, 32, 16} { // floats that are in registers at once
		name := string(rune('a' + i))
		JMP(operand.LabelRef(name + "Next"))
		Label(name)
		s.windowsBlock(name, gather, w, from, make([]*mask, size/s.width))
		ADDQ(operand.U32(uint32(4*size)), w)
		ADDQ(operand.U32(uint32(4*size)), from)
		SUBQ(operand.Imm(uint64(size)), n)
		Label(name + "Next")
		CMPQ(n, operand.Imm(uint64(size)))
		JGE(operand.LabelRef(name))
	}
	TESTQ(n, n)
	JZ(operand.LabelRef("lineEnd"))
	s.windowsBlock("rest", gather, w, from, s.lanesOf16(n))
	LEAQ(operand.Mem{Base: w, Index: n, Scale: 4}, w)
	Label("lineEnd")
	ADDQ(floats(Param("xLine")), x)
	DECQ(lines)
	JNZ(operand.LabelRef("line"))
	leave()
}

// windowsBlock writes the loop over a few vectors of a line.
func (s isa) windowsBlock(name string, gather bool, w, x reg.Register, masks []*mask) {
	at, by, count := slice("at"), slice("by"), length("at")
	i, offset, factor := GP64(), GP64(), s.numbered(len(masks))
	vector := func(j int) operand.Mem { return operand.Mem{Base: w, Disp: j * s.bytes()} }
	for j, sel := range masks {
		s.loadInto(s.numbered(j), vector(j), sel)
	}
	XORQ(i, i)
	Label(name + "Window")
	MOVLQSX(operand.Mem{Base: at, Index: i, Scale: 4}, offset)
	VBROADCASTSS(operand.Mem{Base: by, Index: i, Scale: 4}, factor)
	for j, sel := range masks {
		m := operand.Mem{Base: x, Index: offset, Scale: 4, Disp: j * s.bytes()}
		v := s.numbered(len(masks) + 1 + j%2)
		switch {
		case gather && sel == nil:
			s.addProduct(s.numbered(j), m, factor)
		case gather:
			s.loadInto(v, m, sel)
			s.addProduct(s.numbered(j), v, factor)
		default:
			s.loadInto(v, m, sel)
			s.addProduct(v, s.numbered(j), factor)
			s.store(v, m, sel)
		}
	}
	INCQ(i)
	CMPQ(i, count)
	JL(operand.LabelRef(name + "Window"))
	if !gather {
		return
	}
	for j, sel := range masks {
		s.store(s.numbered(j), vector(j), sel)
	}
}

// lanesOf16 are the masks of the first n of 16 floats, 0 < n < 16.
func (s isa) lanesOf16(n reg.GPVirtual) []*mask {
	if s.wide() {
		return []*mask{s.firstLanes(n)}
	}
	low, high, zero := GP64(), GP64(), GP64()
	XORQ(zero, zero)
	MOVQ(operand.U32(8), low)
	MOVQ(n, high)
	SUBQ(low, high)
	CMOVQLT(n, low)
	CMOVQLT(zero, high)
	return []*mask{s.firstLanes(low), s.firstLanes(high)}
}
