package kernel

// Affine sets y to x·wᵀ + b, where x is rows×in, w out×in and y rows×out; b, of out elements, may be nil. Then it calls f, unless that is
// nil, for pieces of rows of y and the same pieces of z, which may be y: a function of each element. It gives the bits of Gemm, AddBias and f
// in one trip through memory.
func Affine(z, y, x, w, b []float32, rows, out, in int, f func(z, y []float32)) {
	if active.gemm == nil || rows == 0 || out == 0 || in == 0 {
		Gemm(false, true, rows, out, in, 1, x, in, w, in, 0, y, out)
		finish(z, y, b, rows, out, f)
		return
	}
	checkMatrix("x", false, rows, in, in, len(x))
	checkMatrix("w", false, out, in, in, len(w))
	multiply(product{
		loops: active.gemm, m: rows, n: out, k: in, alpha: 1, bias: upTo(b, out), then: f, z: matrix{data: z, ld: out},
		a: matrix{data: x, ld: in}, b: matrix{data: w, ld: in, trans: true}, c: matrix{data: y[:rows*out], ld: out},
	})
}

// AffinePacked is Affine with wᵀ packed.
func AffinePacked(z, y, x []float32, w *PackedB, b []float32, rows int, f func(z, y []float32)) {
	if w.loops == nil || rows == 0 || w.n == 0 || w.k == 0 {
		GemmPacked(false, rows, 1, x, w.k, w, 0, y, w.n)
		finish(z, y, b, rows, w.n, f)
		return
	}
	checkMatrix("x", false, rows, w.k, w.k, len(x))
	multiply(product{
		loops: w.loops, m: rows, n: w.n, k: w.k, alpha: 1, bias: upTo(b, w.n), then: f, z: matrix{data: z, ld: w.n},
		a: matrix{data: x, ld: w.k}, b: w.matrix(), c: matrix{data: y[:rows*w.n], ld: w.n},
	})
}

// finish is what Affine does after a product that was made apart.
func finish(z, y, b []float32, rows, out int, f func(z, y []float32)) {
	if b != nil {
		AddBias(y, rows, out, b)
	}
	if f != nil {
		f(z[:rows*out], y[:rows*out])
	}
}

// finish adds the bias to rows lo to hi of a block and hands them on to then.
func (p *product) finish(x *block, lo, hi int) {
	if x.bias == nil && x.z.data == nil {
		return
	}
	for i := lo; i < hi; i++ {
		row := x.c.data[i*x.c.ld:][:x.n]
		if x.bias != nil {
			active.add(row, row, x.bias)
		}
		if p.then != nil {
			p.then(x.z.data[i*x.z.ld:][:x.n], row)
		}
	}
}

// AddAffineGrad adds to dw (out×in) and db (out) the gradients of Affine: dyᵀ·x and the sums of the columns of dy, which are added in the
// order of the rows. Either may be nil.
func AddAffineGrad(dw, db, dy, x []float32, rows, out, in int) {
	if active.gemm == nil || dw == nil || rows == 0 || out == 0 || in == 0 {
		if dw != nil {
			Gemm(true, false, out, in, rows, 1, dy, out, x, in, 1, dw, in)
		}
		if db != nil {
			w := workspaces.take()
			w.sums = atLeast(w.sums, out)
			SumRows(w.sums, dy, rows, out)
			Add(db[:out], db, w.sums)
			w.release()
		}
		return
	}
	checkMatrix("dy", false, rows, out, out, len(dy))
	checkMatrix("x", false, rows, in, in, len(x))
	multiply(product{
		loops: active.gemm, m: out, n: in, k: rows, alpha: 1, load: true, sums: upTo(db, out),
		a: matrix{data: dy, ld: out, trans: true}, b: matrix{data: x, ld: in}, c: matrix{data: dw[:out*in], ld: in},
	})
}

// AddAffineGrads is AddAffineGrad for x1·w1ᵀ + x2·w2ᵀ + b, whose gradients share dy.
func AddAffineGrads(dw1, dw2, db, dy, x1, x2 []float32, rows, out, in1, in2 int) {
	if active.gemm == nil || dw1 == nil || dw2 == nil || rows == 0 || out == 0 || in1 == 0 || in2 == 0 || in1 > nBlock || in2 > nBlock {
		AddAffineGrad(dw1, db, dy, x1, rows, out, in1)
		AddAffineGrad(dw2, nil, dy, x2, rows, out, in2)
		return
	}
	checkMatrix("dy", false, rows, out, out, len(dy))
	checkMatrix("x1", false, rows, in1, in1, len(x1))
	checkMatrix("x2", false, rows, in2, in2, len(x2))
	multiply(product{
		loops: active.gemm, m: out, n: in1, k: rows, alpha: 1, load: true, sums: upTo(db, out),
		a: matrix{data: dy, ld: out, trans: true}, b: matrix{data: x1, ld: in1}, c: matrix{data: dw1[:out*in1], ld: in1},
		also: block{b: matrix{data: x2, ld: in2}, c: matrix{data: dw2[:out*in2], ld: in2}, n: in2},
	})
}

// upTo is s[:n], and nil for nil.
func upTo(s []float32, n int) []float32 {
	if s == nil {
		return nil
	}
	return s[:n]
}

// addSums adds up what sweep has left of the sums of the rows of A.
func (p *product) addSums(w *workspace) {
	if p.sums == nil {
		return
	}
	tiles := p.tiles()
	for t := range tiles {
		sums := p.sums[p.m*t/tiles : p.m*(t+1)/tiles]
		active.add(sums, sums, w.sums[t*p.loops.width:][:len(sums)])
	}
}
