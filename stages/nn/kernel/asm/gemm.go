package main

import (
	"fmt"
	mathbits "math/bits"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const rodata = attr.RODATA | attr.NOPTR

// gemmTiles writes one function per tile height. Each multiplies a panel of A by the whole width of B: tiles two vectors wide, then
// tiles one vector wide under a mask. The accumulators of a tile begin with C or 0 and take the products in the order of k, one fused
// multiply-add each, whatever the height, the width or the instruction set.
func gemmTiles(s isa) {
	for rows := 1; rows <= s.rows; rows++ {
		gemmTile(s, rows, false)
		gemmTile(s, rows, true)
	}
	gemmVector(s)
}

// depth is how many rows of B gemmVector reads at once.
const depth = 8

// gemmVector adds x·B to the row y: product by product in the order of k like the tiles, but reading each row of B from end to end, which
// is what the processor prefetches. One row of A gives too little work to hide a wait for memory otherwise.
func gemmVector(s isa) {
	s.function("gemmVector", "func(k, n int, x, b *float32, bStep int, y *float32)")
	k := Load(Param("k"), GP64())
	x, b, y := Load(Param("x"), GP64()), Load(Param("b"), GP64()), Load(Param("y"), GP64())
	bStep := floats(Param("bStep"))
	rows := func(name string, count int) {
		Label(name)
		CMPQ(k, operand.Imm(uint64(count)))
		JL(operand.LabelRef(name + "End"))
		factors := make([]reg.Register, count)
		for i := range factors {
			factors[i] = s.broadcast(operand.Mem{Base: x, Disp: 4 * i})
		}
		n, third := GP64(), GP64()
		Load(Param("n"), n)
		LEAQ(operand.Mem{Base: bStep, Index: bStep, Scale: 2}, third)
		row := make([]reg.Register, 0, count)
		for i := 0; i < count; i += 4 {
			base := GP64()
			if i == 0 {
				MOVQ(b, base)
			} else {
				LEAQ(operand.Mem{Base: row[len(row)-1], Index: bStep, Scale: 4}, base)
			}
			row = append(row, base)
		}
		s.each(name, n, func(sel *mask, at func(reg.Register) operand.Mem) {
			sum := s.load(at(y), sel)
			for i, f := range factors {
				// Address row i through its group's base: the index register counts columns, so the row's offset is added apart.
				where := GP64()
				switch i % 4 {
				case 0:
					MOVQ(row[i/4], where)
				case 1, 2:
					LEAQ(operand.Mem{Base: row[i/4], Index: bStep, Scale: uint8(i % 4)}, where)
				case 3:
					LEAQ(operand.Mem{Base: row[i/4], Index: third, Scale: 1}, where)
				}
				if sel == nil {
					s.addProduct(sum, at(where), f)
				} else {
					s.addProduct(sum, s.load(at(where), sel), f)
				}
			}
			s.store(sum, at(y), sel)
		})
		ADDQ(operand.Imm(uint64(4*count)), x)
		MOVQ(bStep, n)
		SHLQ(operand.Imm(uint64(mathbits.TrailingZeros(uint(count)))), n)
		ADDQ(n, b)
		SUBQ(operand.Imm(uint64(count)), k)
		JMP(operand.LabelRef(name))
		Label(name + "End")
	}
	rows("many", depth)
	rows("one", 1)
	leave()
}

// gemmTile writes the tile of a height. aStep is the distance of two columns of A, whose rows are adjacent, or with inPlace the distance
// of two rows, whose columns are. After every k columns, A goes on aLine floats from where they end; there are so many lines of them, and
// lines·k rows of B.
func gemmTile(s isa, rows int, inPlace bool) {
	name := fmt.Sprintf("gemm%dRows", rows)
	if inPlace {
		name += "InPlace"
	}
	TEXT(name+s.suffix, attr.NOSPLIT,
		"func(k, n int, a *float32, aStep, lines, aLine int, b *float32, bStep, bPanel int, c *float32, cStep int, load bool)")
	Pragma("noescape")
	t := tile{isa: s, rows: rows, inPlace: inPlace, lines: AllocLocal(8)}
	t.n = Load(Param("n"), GP64()).(reg.GPVirtual)
	t.a = Load(Param("a"), GP64()).(reg.GPVirtual)
	t.b = Load(Param("b"), GP64()).(reg.GPVirtual)
	t.c = Load(Param("c"), GP64()).(reg.GPVirtual)
	t.aStep = floats(Param("aStep"))
	t.bStep = floats(Param("bStep"))

	Label("wide")
	CMPQ(t.n, operand.Imm(uint64(2*s.width)))
	JL(operand.LabelRef("narrow"))
	t.product("wide", 2, nil)
	ADDQ(floats(Param("bPanel")), t.b)
	ADDQ(operand.Imm(uint64(2*s.bytes())), t.c)
	SUBQ(operand.Imm(uint64(2*s.width)), t.n)
	JMP(operand.LabelRef("wide"))

	Label("narrow")
	TESTQ(t.n, t.n)
	JLE(operand.LabelRef("done"))
	w := GP64()
	MOVQ(operand.U32(uint32(s.width)), w)
	CMPQ(t.n, w)
	CMOVQLT(t.n, w)
	t.product("narrow", 1, s.firstLanes(w))
	ADDQ(operand.Imm(uint64(s.bytes())), t.b)
	ADDQ(operand.Imm(uint64(s.bytes())), t.c)
	SUBQ(operand.Imm(uint64(s.width)), t.n)
	JMP(operand.LabelRef("narrow"))

	Label("done")
	leave()
}

// floats loads a parameter that counts float32 and scales it to bytes.
func floats(p gotypes.Component) reg.GPVirtual {
	r := Load(p, GP64()).(reg.GPVirtual)
	SHLQ(operand.Imm(2), r)
	return r
}

// tile is what the loops of one height keep in registers; steps are in bytes.
type tile struct {
	isa
	rows         int
	inPlace      bool
	n, a, b, c   reg.GPVirtual
	aStep, bStep reg.GPVirtual
	lines        operand.Mem // that are still to come; registers are too few
}

// product computes one tile, vecs vectors wide.
func (t tile) product(name string, vecs int, sel *mask) {
	acc := make([][]reg.Register, t.rows)
	for i := range acc {
		for j := range vecs {
			acc[i] = append(acc[i], t.numbered(vecs*i+j))
		}
	}
	t.begin(name, acc, sel)
	b, k := GP64(), GP64()
	element, advance, bases := t.left()
	MOVQ(t.b, b)
	Load(Param("lines"), k)
	MOVQ(k, t.lines)
	Label(name + "Line")
	Load(Param("k"), k)
	Label(name + "Products")
	var cols []reg.Register
	for j := range vecs {
		cols = append(cols, t.numbered(2*t.isa.rows+j))
		t.loadInto(cols[j], operand.Mem{Base: b, Disp: j * t.bytes()}, sel)
	}
	for i := range acc {
		x := t.numbered(2*t.isa.rows + 2)
		VBROADCASTSS(element(i), x)
		for j := range cols {
			VFMADD231PS(cols[j], x, acc[i][j])
		}
	}
	advance()
	ADDQ(t.bStep, b)
	DECQ(k)
	JNZ(operand.LabelRef(name + "Products"))
	Load(Param("aLine"), k)
	for _, a := range bases {
		LEAQ(operand.Mem{Base: a, Index: k, Scale: 4}, a)
	}
	DECQ(t.lines)
	JNZ(operand.LabelRef(name + "Line"))

	row, cStep := GP64(), floats(Param("cStep"))
	MOVQ(t.c, row)
	for i := range acc {
		for j := range cols {
			t.store(acc[i][j], operand.Mem{Base: row, Disp: j * t.bytes()}, sel)
		}
		if i+1 < t.rows {
			ADDQ(cStep, row)
		}
	}
}

// left starts at the first column of A and returns how to address row i of the current column, how to go to the next, and what points into
// it. Rows that are apart are reached from every third one, at 0, 1 and 2 steps.
func (t tile) left() (element func(i int) operand.Mem, advance func(), bases []reg.Register) {
	bases = []reg.Register{GP64()}
	MOVQ(t.a, bases[0])
	if !t.inPlace {
		return func(i int) operand.Mem { return operand.Mem{Base: bases[0], Disp: 4 * i} }, func() { ADDQ(t.aStep, bases[0]) }, bases
	}
	if t.rows > 3 {
		triple := GP64()
		LEAQ(operand.Mem{Base: t.aStep, Index: t.aStep, Scale: 2}, triple)
		for i := 3; i < t.rows; i += 3 {
			next := GP64()
			LEAQ(operand.Mem{Base: bases[len(bases)-1], Index: triple, Scale: 1}, next)
			bases = append(bases, next)
		}
	}
	element = func(i int) operand.Mem {
		m := operand.Mem{Base: bases[i/3]}
		if i%3 > 0 {
			m.Index, m.Scale = t.aStep, uint8(i%3)
		}
		return m
	}
	return element, func() {
		for _, b := range bases {
			ADDQ(operand.Imm(4), b)
		}
	}, bases
}

// begin sets the accumulators to C or to 0.
func (t tile) begin(name string, acc [][]reg.Register, sel *mask) {
	load := GP8()
	Load(Param("load"), load)
	TESTB(load, load)
	JZ(operand.LabelRef(name + "Zero"))
	row, cStep := GP64(), floats(Param("cStep"))
	MOVQ(t.c, row)
	for i := range acc {
		for j, v := range acc[i] {
			t.loadInto(v, operand.Mem{Base: row, Disp: j * t.bytes()}, sel)
		}
		if i+1 < t.rows {
			ADDQ(cStep, row)
		}
	}
	JMP(operand.LabelRef(name + "Begun"))
	Label(name + "Zero")
	row, cStep = GP64(), floats(Param("cStep"))
	MOVQ(t.c, row)
	for i := range acc {
		for j, v := range acc[i] {
			t.clear(v)
			PREFETCHT0(operand.Mem{Base: row, Disp: j * t.bytes()})
		}
		if i+1 < t.rows {
			ADDQ(cStep, row)
		}
	}
	Label(name + "Begun")
}
