package kernel

import "runtime"

// gemmTile multiplies a panel of up to MR rows of A by n columns of B into C, with C's old content as the first addend if load. Element
// (i, p) of the panel is a[p·aStep+i]; element (p, j) of B is b[j/NR·bPanel + p·bStep + j%NR], so B may be packed in panels or lie as it is.
// The panel has lines of k columns each, lines·k in all; from the end of one to the begin of the next are aLine floats.
type gemmTile func(k, n int, a *float32, aStep, lines, aLine int, b *float32, bStep, bPanel int, c *float32, cStep int, load bool)

// packFunc writes one panel of vector width to dst: row p of the panel is dst[p·dstStep:], multiplied by alpha.
type packFunc func(dst *float32, dstStep int, src *float32, srcStep, n0, n1 int, alpha float32)

// gemmLoops is what an instruction set brings to Gemm. A panel of B is NR = 2·width columns, one of A MR = len(tiles) rows stored width apart.
type gemmLoops struct {
	width           int
	tiles           []gemmTile // tiles[r-1] is for r rows
	inPlace         []gemmTile // the same for A as it lies: aStep is the distance of two rows
	copy, transpose packFunc
	// deal lays a row of n floats out in panels NR wide and dstPanel apart, the last one filled with zeros.
	deal func(dst *float32, dstPanel int, src *float32, n int)
	// vector adds the row x times the k×n matrix b to y.
	vector func(k, n int, x, b *float32, bStep int, y *float32)
}

// Block sizes: while one panel of A (kBlock·width floats) stays in the first-level cache, it sweeps over a block of B (kBlock·nBlock
// floats, about a MiB) in the second level. A panel is packed again for every block of B: that is cheaper than to write all panels
// of A to memory once and read them back.
const (
	kBlock = 512
	nBlock = 640
)

// blockSize cuts size into equal blocks of at most limit, whole units each.
func blockSize(size, limit, unit int) int {
	blocks := (size + limit - 1) / limit
	each := (size + blocks - 1) / blocks
	return (each + unit - 1) / unit * unit
}

// matrix is an operand as the caller has stored it or, with panels, packed: panel j is NR columns at j·panel.
type matrix struct {
	data  []float32
	ld    int
	trans bool
	panel int
}

// at returns op(M)[row:, col:]; in a packed matrix col begins a panel.
func (x matrix) at(row, col int) matrix {
	switch {
	case x.panel > 0:
		x.data = x.data[col/x.ld*x.panel+row*x.ld:]
	case x.trans:
		x.data = x.data[col*x.ld+row:]
	default:
		x.data = x.data[row*x.ld+col:]
	}
	return x
}

// block is n columns of B and the C that they give.
type block struct {
	b, c matrix
	n    int
	bias []float32 // see product
	z    matrix    // see product; no data but for the last block down
}

// product is one call of Gemm, or a part of one.
type product struct {
	loops   *gemmLoops
	m, n, k int
	alpha   float32
	a, b, c matrix
	load    bool
	bias    []float32 // added to every row of C at last, unless it is nil
	then    func(z, c []float32)
	z       matrix    // what then makes of the rows of C after that, unless it is nil
	sums    []float32 // to these are added the sums of each row of A, which is transposed, unless it is nil
	also    block     // a second B that A is multiplied by, unless it is empty; both are one block wide at most
	down    int       // parts that the rows are split into
	across  int       // parts that the columns are split into
}

// workspace is where a goroutine packs its operands.
type workspace struct {
	a, b, sums []float32
	call       product
}

var workspaces freeList[workspace]

// atLeast returns a buffer of n floats or more, buf if it is long enough.
func atLeast(buf []float32, n int) []float32 {
	if len(buf) < n {
		// Rounding up makes buffers of nearly equal sizes one, and large ones begin at a page and so at a cache line.
		return make([]float32, (n+1<<14-1)>>14<<14)
	}
	return buf
}

func (w *workspace) release() {
	w.call = product{}
	workspaces.give(w)
}

// part cuts a size into parts of whole units.
func part(size, unit, parts, i int) (lo, hi int) {
	units := (size + unit - 1) / unit
	return min(size, units*i/parts*unit), min(size, units*(i+1)/parts*unit)
}

// multiply computes a product without keeping its slices.
func multiply(p product) {
	w := workspaces.take()
	w.call = p
	w.call.run(w)
	w.release()
}

// run computes the product on one core or, when it is large enough to repay the hand-over, on several.
func (p *product) run(w *workspace) {
	work := p.m * p.n * p.k
	cores := min(runtime.GOMAXPROCS(0), work/coreWork+1)
	if cores <= 1 {
		p.compute(w)
		return
	}
	parts := cores
	if work >= 2*cores*partWork {
		parts = 2 * cores
	}
	p.down, p.across = p.grid(parts)
	ParallelTask(p.down*p.across, 1, p)
}

// A core is worth waking for coreWork multiply-adds, some ten microseconds. Parts of partWork can be packed for themselves at little
// cost; having two of them for each core lets the others help one that is held up.
const (
	coreWork = 1 << 20
	partWork = 1 << 25
)

// grid cuts C into parts of like size so that the least is packed twice and, where that is the same, the least is read twice: every part
// down does so with the whole of its B, every part across with its A.
func (p *product) grid(parts int) (down, across int) {
	bestPacked, bestRead := -1, 0
	units := (p.n + 2*p.loops.width - 1) / (2 * p.loops.width)
	for d := 1; d <= parts; d++ {
		a := parts / d
		if d*a != parts || p.also.n > 0 && a > 1 {
			continue
		}
		if widest := (units + a - 1) / a; a > 1 && 8*a*widest > 9*units {
			continue // the others would wait
		}
		packed, read := 0, (d-1)*p.n+(a-1)*p.m
		if p.packsB() {
			packed += (d - 1) * p.n
		}
		if !p.reads(p.a, p.n/a) {
			packed += (a - 1) * p.m
		}
		if bestPacked < 0 || packed < bestPacked || packed == bestPacked && read < bestRead {
			bestPacked, bestRead, down, across = packed, read, d, a
		}
	}
	return down, across
}

// packsB reports whether B is packed. Rows that are close together are fetched in place as well as panels are.
func (p *product) packsB() bool {
	return p.b.panel == 0 && (p.b.trans || p.b.ld > 256 && p.m > 3*len(p.loops.tiles))
}

// reads reports whether rows of A are read where they lie, for n columns of C.
func (p *product) reads(a matrix, n int) bool {
	narrow := n <= 4*p.loops.width
	// Rows that are a multiple of 4 KiB apart share one set of the first-level cache and drive each other out.
	apart := a.ld%1024 != 0
	return p.alpha == 1 && (narrow || !a.trans && apart)
}

// Range computes the parts [lo, hi) of the grid of down × across parts.
func (p *product) Range(lo, hi int) {
	w := workspaces.take()
	for i := lo; i < hi; i++ {
		r0, r1 := part(p.m, 1, p.down, i/p.across)
		c0, c1 := part(p.n, 2*p.loops.width, p.across, i%p.across)
		if r0 == r1 || c0 == c1 {
			continue
		}
		q := *p
		q.m, q.n = r1-r0, c1-c0
		q.a, q.b, q.c = p.a.at(r0, 0), p.b.at(0, c0), p.c.at(r0, c0)
		if p.bias != nil {
			q.bias = p.bias[c0:c1]
		}
		if p.then != nil {
			q.z = p.z.at(r0, c0)
		}
		if p.sums != nil {
			q.sums = p.sums[r0:r1]
			if c0 > 0 {
				q.sums = nil
			}
		}
		if p.also.n > 0 {
			q.also.c = p.also.c.at(r0, 0)
		}
		q.compute(w)
	}
	w.release()
}

// compute runs the product in this goroutine.
func (p *product) compute(w *workspace) {
	width, nr := p.loops.width, 2*p.loops.width
	pack := p.packsB()
	if p.m == 1 && !pack && p.b.panel == 0 && p.alpha == 1 && (!p.a.trans || p.a.ld == 1) && p.sums == nil {
		p.vector()
		return
	}
	nStep, kStep := blockSize(p.n, nBlock, nr), blockSize(p.k, kBlock, 1)
	w.a = atLeast(w.a, width*kStep)
	if p.sums != nil {
		w.sums = atLeast(w.sums, p.tiles()*width)
		clear(w.sums[:p.tiles()*width])
	}
	for j := 0; j < p.n; j += nStep {
		for q := 0; q < p.k; q += kStep {
			n, k := min(nStep, p.n-j), min(kStep, p.k-q)
			blocks, count := [2]block{{b: p.b.at(q, j), c: p.c.at(0, j), n: n}}, 1
			if p.bias != nil && q+k == p.k {
				blocks[0].bias = p.bias[j : j+n]
			}
			if p.then != nil && q+k == p.k {
				blocks[0].z = p.z.at(0, j)
			}
			if p.also.n > 0 {
				blocks[1], count = block{b: p.also.b.at(q, 0), c: p.also.c, n: p.also.n}, 2
			}
			if pack {
				w.pack(p.loops, blocks[:count], k)
			}
			p.sweep(w, p.a.at(0, q), blocks[:count], k, p.load || q > 0, p.sums != nil && j == 0)
		}
	}
	p.addSums(w)
}

// pack packs blocks k deep.
func (w *workspace) pack(l *gemmLoops, blocks []block, k int) {
	nr, size := 2*l.width, 0
	for _, x := range blocks {
		size += k * (x.n + nr)
	}
	w.b = atLeast(w.b, size)
	room := w.b
	for i := range blocks {
		x := &blocks[i]
		l.pack(room, x.b, k, x.n)
		x.b = matrix{data: room, ld: nr, panel: nr * k}
		room = room[k*(x.n+nr):]
	}
}

// vector is compute for a single row.
func (p *product) vector() {
	if !p.load {
		clear(p.c.data[:p.n])
	}
	p.loops.vector(p.k, p.n, &p.a.data[0], &p.b.data[0], p.b.ld, &p.c.data[0])
	p.finish(&block{c: p.c, n: p.n, bias: p.bias, z: p.z}, 0, 1)
}

// tiles is how many tiles the rows are cut into, whose heights differ by one at most.
func (p *product) tiles() int { return (p.m + len(p.loops.tiles) - 1) / len(p.loops.tiles) }

// sweep multiplies all rows of A, k deep, by blocks of B. A tile is finished, and the tile of A added to the sums, while it lies in the
// first-level cache.
func (p *product) sweep(w *workspace, a matrix, blocks []block, k int, load, sum bool) {
	n, tiles := 0, p.tiles()
	for i := range blocks {
		n += blocks[i].n
	}
	for t := range tiles {
		lo, hi := p.m*t/tiles, p.m*(t+1)/tiles
		tile, panel, step := p.left(w, a.at(lo, 0), hi-lo, k, n)
		for i := range blocks {
			x := &blocks[i]
			bPanel := x.b.panel
			if bPanel == 0 {
				bPanel = 2 * p.loops.width
			}
			tile(k, x.n, &panel[0], step, 1, 0, &x.b.data[0], x.b.ld, bPanel, &x.c.data[lo*x.c.ld], x.c.ld, load)
			p.finish(x, lo, hi)
		}
		if sum {
			cols := hi - lo
			if &panel[0] == &w.a[0] {
				cols = step // whole vectors, as they are packed
			}
			addRows(w.sums[t*p.loops.width:][:cols], panel, k, step)
		}
	}
}

// left returns the tile for rows of A and what it reads: A in place where it lies right, else packed.
func (p *product) left(w *workspace, a matrix, rows, k, n int) (tile gemmTile, panel []float32, step int) {
	tile = p.loops.tiles[rows-1]
	switch reads := p.reads(a, n); {
	case reads && a.trans:
		return tile, a.data, a.ld
	case reads:
		return p.loops.inPlace[rows-1], a.data, a.ld
	}
	pack := p.loops.transpose
	if a.trans {
		pack = p.loops.copy
	}
	pack(&w.a[0], p.loops.width, &a.data[0], a.ld, rows, k, p.alpha)
	return tile, w.a, p.loops.width
}

// pack lays the k×n block of B out in panels of NR columns, the last one filled with zeros where B is not transposed.
func (l *gemmLoops) pack(dst []float32, b matrix, k, n int) {
	nr := 2 * l.width
	if !b.trans {
		for p := range k {
			l.deal(&dst[p*nr], nr*k, &b.data[p*b.ld], n)
		}
		return
	}
	for j := 0; j < n; j += l.width {
		l.transpose(&dst[j/nr*nr*k+j%nr], nr, &b.data[j*b.ld], b.ld, min(l.width, n-j), k, 1)
	}
}
