package kernel

// PackedB is a right operand of Gemm that is laid out once and used in many products, such as the recurrent weights of a network over
// the steps of a sequence. The zero value is ready for Pack. It is bound to the loops that were in use when it was packed.
type PackedB struct {
	k, n  int
	loops *gemmLoops // nil: data is the plain k×n matrix
	data  []float32
}

// Pack lays out op(B), k×n; the arguments are those of Gemm. It reuses the memory of an earlier Pack that was large enough. B may change
// afterwards without effect on the packed one.
func (p *PackedB) Pack(transB bool, k, n int, b []float32, ldb int) {
	checkMatrix("B", transB, k, n, ldb, len(b))
	p.k, p.n, p.loops = k, n, active.gemm
	if p.loops == nil {
		p.resize(k * n)
		for i := range k * n {
			p.data[i] = element(transB, b, ldb, i/n, i%n)
		}
		return
	}
	nr := 2 * p.loops.width
	p.resize((n + nr - 1) / nr * nr * k)
	if k > 0 && n > 0 {
		p.loops.pack(p.data, matrix{data: b, ld: ldb, trans: transB}, k, n)
	}
}

func (p *PackedB) resize(n int) {
	if cap(p.data) < n {
		p.data = make([]float32, n)
	}
	p.data = p.data[:n]
}

// GemmPacked is Gemm with a packed right operand, which says what k and n are. It gives the same bits as Gemm.
func GemmPacked(transA bool, m int, alpha float32, a []float32, lda int, b *PackedB, beta float32, c []float32, ldc int) {
	checkMatrix("A", transA, m, b.k, lda, len(a))
	if settled(m, b.n, b.k, alpha, beta, c, ldc) {
		return
	}
	if b.loops == nil {
		gemmPortable(transA, false, m, b.n, b.k, alpha, a, lda, b.data, b.n, beta, c, ldc)
		return
	}
	multiply(product{
		loops: b.loops, m: m, n: b.n, k: b.k, alpha: alpha, load: beta == 1,
		a: matrix{data: a, ld: lda, trans: transA}, b: b.matrix(), c: matrix{data: c, ld: ldc},
	})
}

func (p *PackedB) matrix() matrix {
	nr := 2 * p.loops.width
	return matrix{data: p.data, ld: nr, panel: nr * p.k}
}
