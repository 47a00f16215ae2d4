package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// bits returns 64 bytes of read-only memory filled with a word, which either width loads whole.
func bits(word uint32) operand.Mem {
	name := fmt.Sprintf("word%08x", word)
	if m, ok := words[name]; ok {
		return m
	}
	m := GLOBL(name, rodata)
	for i := range 16 {
		DATA(4*i, operand.U32(word))
	}
	words[name] = m
	return m
}

var words = map[string]operand.Mem{}

// number returns 64 bytes filled with a float32.
func number(f float64) operand.Mem { return bits(math.Float32bits(float32(f))) }

// The methods below each stand for one instruction on vectors and return a new register. Operands a may be memory.

func (s isa) binary(op func(...operand.Op), a operand.Op, b reg.Register) reg.Register {
	d := s.vec()
	op(a, b, d)
	return d
}

func (s isa) add(a operand.Op, b reg.Register) reg.Register { return s.binary(VADDPS, a, b) }
func (s isa) mul(a operand.Op, b reg.Register) reg.Register { return s.binary(VMULPS, a, b) }

// sub is b - a.
func (s isa) sub(a operand.Op, b reg.Register) reg.Register { return s.binary(VSUBPS, a, b) }

// div is b / a.
func (s isa) div(a operand.Op, b reg.Register) reg.Register { return s.binary(VDIVPS, a, b) }

// min and max return a where either is NaN.
func (s isa) min(a operand.Op, b reg.Register) reg.Register { return s.binary(VMINPS, a, b) }
func (s isa) max(a operand.Op, b reg.Register) reg.Register { return s.binary(VMAXPS, a, b) }

func (s isa) and(a operand.Op, b reg.Register) reg.Register { return s.binary(VANDPS, a, b) }
func (s isa) or(a operand.Op, b reg.Register) reg.Register  { return s.binary(VORPS, a, b) }

func (s isa) addInt(a operand.Op, b reg.Register) reg.Register { return s.binary(VPADDD, a, b) }
func (s isa) subInt(a operand.Op, b reg.Register) reg.Register { return s.binary(VPSUBD, a, b) }

func (s isa) shiftLeft(by uint64, v reg.Register) reg.Register {
	d := s.vec()
	VPSLLD(operand.Imm(by), v, d)
	return d
}

// shiftRight keeps the sign.
func (s isa) shiftRight(by uint64, v reg.Register) reg.Register {
	d := s.vec()
	VPSRAD(operand.Imm(by), v, d)
	return d
}

func (s isa) sqrt(v reg.Register) reg.Register {
	d := s.vec()
	VSQRTPS(v, d)
	return d
}

// get copies memory filled by number or bits into a register.
func (s isa) get(m operand.Mem) reg.Register { return s.load(m, nil) }

// move copies a register.
func (s isa) move(v reg.Register) reg.Register {
	d := s.vec()
	VMOVAPS(v, d)
	return d
}

// addProduct adds a·b to acc in place, rounding once.
func (s isa) addProduct(acc reg.Register, a operand.Op, b reg.Register) { VFMADD231PS(a, b, acc) }

// subProduct subtracts a·b from acc in place, rounding once.
func (s isa) subProduct(acc reg.Register, a operand.Op, b reg.Register) { VFNMADD231PS(a, b, acc) }

// polynomial evaluates Σ coefficients[i]·xⁱ by Horner's rule with fused steps.
func (s isa) polynomial(x reg.Register, coefficients ...float64) reg.Register {
	last := len(coefficients) - 1
	p := s.get(number(coefficients[last]))
	for i := last - 1; i >= 0; i-- {
		s.horner(p, x, coefficients[i])
	}
	return p
}

// horner replaces p by p·x + c.
func (s isa) horner(p, x reg.Register, c float64) { VFMADD213PS(number(c), x, p) }

// broadcast fills a vector with a float32 in memory.
func (s isa) broadcast(m operand.Mem) reg.Register {
	v := s.vec()
	VBROADCASTSS(m, v)
	return v
}

// chosen is the result of a comparison, lane by lane.
type chosen mask

// The comparisons' codes in VCMPPS; all are false for NaN except notBelow and unordered.
const (
	equal     = 0
	below     = 1
	unordered = 3
	notBelow  = 5
	above     = 14
)

// compare is b ? a, with one of the codes.
func (s isa) compare(code uint64, a operand.Op, b reg.Register) chosen {
	if s.wide() {
		k := K()
		VCMPPS(operand.Imm(code), a, b, k)
		return chosen{k: k}
	}
	v := YMM()
	VCMPPS(operand.Imm(code), a, b, v)
	return chosen{v: v}
}

// equalInt chooses the lanes that hold equal whole numbers.
func (s isa) equalInt(a, b reg.Register) chosen {
	if s.wide() {
		k := K()
		VPCMPEQD(a, b, k)
		return chosen{k: k}
	}
	v := YMM()
	VPCMPEQD(a, b, v)
	return chosen{v: v}
}

// negative chooses the lanes whose sign bit is set.
func (s isa) negative(v reg.Register) chosen {
	if s.wide() {
		k := K()
		VPMOVD2M(v, k)
		return chosen{k: k}
	}
	return chosen{v: v}
}

// choose takes yes in the lanes chosen and no elsewhere.
func (s isa) choose(c chosen, yes, no reg.Register) reg.Register {
	d := s.vec()
	if s.wide() {
		VBLENDMPS(yes, no, c.k, d)
	} else {
		VBLENDVPS(c.v, yes, no, d)
	}
	return d
}

// function starts a function that goc calls without letting its pointers escape.
func (s isa) function(name, signature string) {
	TEXT(name+s.suffix, attr.NOSPLIT, signature)
	Pragma("noescape")
}

// slice loads the base of a slice parameter.
func slice(name string) reg.GPVirtual { return Load(Param(name).Base(), GP64()).(reg.GPVirtual) }

// length loads the length of a slice parameter.
func length(name string) reg.GPVirtual { return Load(Param(name).Len(), GP64()).(reg.GPVirtual) }

// paramMem is where a parameter lies.
func paramMem(name string) operand.Mem {
	b, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// each runs body over n floats, a vector at a time and at last under a mask. at addresses the current vector of a slice whose base is in a
// register. n is destroyed.
func (s isa) each(name string, n reg.GPVirtual, body func(sel *mask, at func(base reg.Register) operand.Mem)) {
	i := GP64()
	XORQ(i, i)
	at := func(base reg.Register) operand.Mem { return operand.Mem{Base: base, Index: i, Scale: 1} }
	JMP(operand.LabelRef(name + "Next"))
	Label(name + "Vector")
	body(nil, at)
	ADDQ(operand.Imm(uint64(s.bytes())), i)
	SUBQ(operand.Imm(uint64(s.width)), n)
	Label(name + "Next")
	CMPQ(n, operand.Imm(uint64(s.width)))
	JGE(operand.LabelRef(name + "Vector"))
	TESTQ(n, n)
	JZ(operand.LabelRef(name + "Done"))
	body(s.firstLanes(n), at)
	Label(name + "Done")
}

// leave ends a function.
func leave() {
	VZEROUPPER()
	RET()
}
