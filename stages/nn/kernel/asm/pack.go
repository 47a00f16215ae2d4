package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// packs writes the loops that lay out panels for the GEMM tiles.
func packs(s isa) {
	packCopy(s)
	packRow(s)
	packTranspose(s)
}

// packCopy writes packCopy: row p of the panel is alpha times the first width floats of row p of the source, then zeros.
func packCopy(s isa) {
	TEXT("packCopy"+s.suffix, attr.NOSPLIT, "func(dst *float32, dstStep int, src *float32, srcStep, width, rows int, alpha float32)")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	dstStep := floats(Param("dstStep"))
	src := Load(Param("src"), GP64())
	srcStep := floats(Param("srcStep"))
	width := Load(Param("width"), GP64()).(reg.GPVirtual)
	rows := Load(Param("rows"), GP64())
	scale := s.vec()
	VBROADCASTSS(paramMem("alpha"), scale)
	copyRows := func(name string, sel *mask) {
		TESTQ(rows, rows)
		JZ(operand.LabelRef("done"))
		Label(name)
		v := s.load(operand.Mem{Base: src}, sel)
		VMULPS(scale, v, v)
		s.store(v, operand.Mem{Base: dst}, nil)
		ADDQ(srcStep, src)
		ADDQ(dstStep, dst)
		DECQ(rows)
		JNZ(operand.LabelRef(name))
	}
	CMPQ(width, operand.Imm(uint64(s.width)))
	JL(operand.LabelRef("edge"))
	copyRows("full", nil)
	JMP(operand.LabelRef("done"))
	Label("edge")
	copyRows("part", s.firstLanes(width))
	Label("done")
	leave()
}

// packRow writes packRow: it deals a row of n floats out to panels two vectors wide, the last one filled with zeros. Rows are read from
// end to end because the processor prefetches that.
func packRow(s isa) {
	TEXT("packRow"+s.suffix, attr.NOSPLIT, "func(dst *float32, dstPanel int, src *float32, n int)")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	dstPanel := floats(Param("dstPanel"))
	src := Load(Param("src"), GP64())
	n := Load(Param("n"), GP64()).(reg.GPVirtual)
	second := s.bytes()
	JMP(operand.LabelRef("next"))
	Label("panel")
	low, high := s.load(operand.Mem{Base: src}, nil), s.load(operand.Mem{Base: src, Disp: second}, nil)
	s.store(low, operand.Mem{Base: dst}, nil)
	s.store(high, operand.Mem{Base: dst, Disp: second}, nil)
	ADDQ(operand.Imm(uint64(2*s.bytes())), src)
	ADDQ(dstPanel, dst)
	SUBQ(operand.Imm(uint64(2*s.width)), n)
	Label("next")
	CMPQ(n, operand.Imm(uint64(2*s.width)))
	JGE(operand.LabelRef("panel"))

	TESTQ(n, n)
	JZ(operand.LabelRef("done"))
	s.store(s.zeros(), operand.Mem{Base: dst, Disp: second}, nil)
	CMPQ(n, operand.Imm(uint64(s.width)))
	JL(operand.LabelRef("part"))
	s.store(s.load(operand.Mem{Base: src}, nil), operand.Mem{Base: dst}, nil)
	ADDQ(operand.Imm(uint64(second)), src)
	ADDQ(operand.Imm(uint64(second)), dst)
	SUBQ(operand.Imm(uint64(s.width)), n)
	JZ(operand.LabelRef("done"))
	Label("part")
	s.store(s.load(operand.Mem{Base: src}, s.firstLanes(n)), operand.Mem{Base: dst}, nil)
	Label("done")
	leave()
}

// packTranspose writes packTranspose: row p of the panel is alpha times column p of the source, which has up to width rows and cols
// columns. Lanes beyond the source's rows repeat its last row, since no tile reads them into a result.
func packTranspose(s isa) {
	TEXT("packTranspose"+s.suffix, attr.NOSPLIT, "func(dst *float32, dstStep int, src *float32, srcStep, rows, cols int, alpha float32)")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	dstStep := floats(Param("dstStep"))
	src := Load(Param("src"), GP64())
	srcStep := floats(Param("srcStep"))
	rows := Load(Param("rows"), GP64())
	cols := Load(Param("cols"), GP64()).(reg.GPVirtual)
	zero := GP64()
	XORQ(zero, zero)

	block := func(sel *mask) []reg.Register {
		at, step := GP64(), GP64()
		MOVQ(src, at)
		MOVQ(srcStep, step)
		v := make([]reg.Register, s.width)
		for i := range v {
			v[i] = s.load(operand.Mem{Base: at}, sel)
			if i+1 < s.width {
				CMPQ(rows, operand.Imm(uint64(i+1)))
				CMOVQEQ(zero, step)
				ADDQ(step, at)
			}
		}
		v = s.transpose(v)
		return v
	}
	put := func(v reg.Register) {
		VMULPS(s.broadcast(paramMem("alpha")), v, v) // alpha has no register to live in beside a block
		s.store(v, operand.Mem{Base: dst}, nil)
		ADDQ(dstStep, dst)
	}

	Label("blocks")
	CMPQ(cols, operand.Imm(uint64(s.width)))
	JL(operand.LabelRef("edge"))
	for _, v := range block(nil) {
		put(v)
	}
	ADDQ(operand.Imm(uint64(s.bytes())), src)
	SUBQ(operand.Imm(uint64(s.width)), cols)
	JMP(operand.LabelRef("blocks"))

	Label("edge")
	TESTQ(cols, cols)
	JZ(operand.LabelRef("done"))
	for i, v := range block(s.firstLanes(cols)) {
		if i > 0 {
			CMPQ(cols, operand.Imm(uint64(i)))
			JE(operand.LabelRef("done"))
		}
		put(v)
	}
	Label("done")
	leave()
}

// transpose turns rows into columns within registers.
func (s isa) transpose(v []reg.Register) []reg.Register {
	n := s.width
	pair := func(op func(...operand.Op), a, b reg.Register) reg.Register {
		d := s.vec()
		op(b, a, d)
		return d
	}
	lo := func(a, b reg.Register) reg.Register { return pair(VUNPCKLPS, a, b) }
	hi := func(a, b reg.Register) reg.Register { return pair(VUNPCKHPS, a, b) }
	lo2 := func(a, b reg.Register) reg.Register { return pair(VUNPCKLPD, a, b) }
	hi2 := func(a, b reg.Register) reg.Register { return pair(VUNPCKHPD, a, b) }
	// Within each quarter (128 bits) of four rows: q[4g+c] holds column 4·quarter+c of rows 4g … 4g+3.
	q := make([]reg.Register, n)
	for g := 0; g < n; g += 4 {
		a, b := lo(v[g], v[g+1]), hi(v[g], v[g+1])
		c, d := lo(v[g+2], v[g+3]), hi(v[g+2], v[g+3])
		q[g], q[g+1], q[g+2], q[g+3] = lo2(a, c), hi2(a, c), lo2(b, d), hi2(b, d)
	}
	out := make([]reg.Register, n)
	for c := range 4 {
		if n == 8 {
			out[c], out[4+c] = YMM(), YMM()
			VPERM2F128(operand.Imm(0x20), q[4+c], q[c], out[c])
			VPERM2F128(operand.Imm(0x31), q[4+c], q[c], out[4+c])
			continue
		}
		quarters := func(imm uint64, a, b reg.Register) reg.Register {
			d := ZMM()
			VSHUFF32X4(operand.Imm(imm), b, a, d)
			return d
		}
		even01, odd01 := quarters(0x88, q[c], q[4+c]), quarters(0xdd, q[c], q[4+c])
		even23, odd23 := quarters(0x88, q[8+c], q[12+c]), quarters(0xdd, q[8+c], q[12+c])
		out[c], out[8+c] = quarters(0x88, even01, even23), quarters(0xdd, even01, even23)
		out[4+c], out[12+c] = quarters(0x88, odd01, odd23), quarters(0xdd, odd01, odd23)
	}
	return out
}
