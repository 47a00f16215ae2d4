package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is an instruction set that the loops are written for. Everything that differs between the two is a method here, so that a
// loop's sequence of roundings is written once and cannot differ.
type isa struct {
	suffix string
	width  int // float32 per vector register
	rows   int // tallest GEMM tile
}

var isas = map[string]isa{
	"avx2":   {suffix: "AVX2", width: 8, rows: 6},
	"avx512": {suffix: "AVX512", width: 16, rows: 14},
}

func (s isa) wide() bool { return s.width == 16 }

// bytes is the size of a vector register.
func (s isa) bytes() int { return 4 * s.width }

// numbered is vector register i. The GEMM tiles name theirs, since they need nearly all and avo's allocator does not find the way.
func (s isa) numbered(i int) reg.Register {
	if s.wide() {
		return reg.Vector.Lookup(reg.Index(i), reg.S512)
	}
	return reg.Vector.Lookup(reg.Index(i), reg.S256)
}

// vec allocates a vector register.
func (s isa) vec() reg.Register {
	if s.wide() {
		return ZMM()
	}
	return YMM()
}

// clear sets a register to 0.
func (s isa) clear(v reg.Register) {
	if s.wide() {
		VPXORD(v, v, v)
	} else {
		VXORPS(v, v, v)
	}
}

// mask selects the first lanes of a vector; nil selects all.
type mask struct{ k, v reg.Register }

// firstLanes makes the mask of the first n lanes, 0 < n < width.
func (s isa) firstLanes(n reg.GPVirtual) *mask {
	if s.wide() {
		bits, k := GP32(), K()
		MOVL(operand.U32(0xffffffff), bits)
		BZHIL(n.As32(), bits, bits)
		KMOVW(bits, k)
		return &mask{k: k}
	}
	table, at, v := GP64(), GP64(), YMM()
	LEAQ(laneTable(), table)
	MOVQ(operand.U32(8), at)
	SUBQ(n, at)
	VMOVUPS(operand.Mem{Base: table, Index: at, Scale: 4}, v)
	return &mask{v: v}
}

var lanesMem *operand.Mem

// laneTable is eight words of ones, then eight of zeros: loading eight words from word 8-n selects n lanes.
func laneTable() operand.Mem {
	if lanesMem == nil {
		m := GLOBL("lanes", rodata)
		for i := range 16 {
			v := uint32(math.MaxUint32)
			if i >= 8 {
				v = 0
			}
			DATA(4*i, operand.U32(v))
		}
		lanesMem = &m
	}
	return *lanesMem
}

// load reads a vector; lanes outside the mask are 0 and their memory is not touched.
func (s isa) load(m operand.Mem, sel *mask) reg.Register {
	v := s.vec()
	s.loadInto(v, m, sel)
	return v
}

func (s isa) loadInto(v reg.Register, m operand.Mem, sel *mask) {
	switch {
	case sel == nil:
		VMOVUPS(m, v)
	case s.wide():
		VMOVUPS_Z(m, sel.k, v)
	default:
		VMASKMOVPS(m, sel.v, v)
	}
}

// store writes a vector, only the lanes of the mask.
func (s isa) store(v reg.Register, m operand.Mem, sel *mask) {
	switch {
	case sel == nil:
		VMOVUPS(v, m)
	case s.wide():
		VMOVUPS(v, sel.k, m)
	default:
		VMASKMOVPS(v, sel.v, m)
	}
}
