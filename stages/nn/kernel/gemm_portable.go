package kernel

// gemmPortable is the plain loop. Its inner loop runs along a row of C, so that memory is read in order when B is not transposed.
func gemmPortable(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	for i := range m {
		row := c[i*ldc : i*ldc+n]
		if beta == 0 {
			clear(row)
		}
		if transB {
			for j := range row {
				for p := range k {
					row[j] += alpha * element(transA, a, lda, i, p) * b[j*ldb+p]
				}
			}
			continue
		}
		for p := range k {
			av := alpha * element(transA, a, lda, i, p)
			for j, bv := range b[p*ldb : p*ldb+n] {
				row[j] += av * bv
			}
		}
	}
}

// element reads op(A)[i, p].
func element(trans bool, a []float32, lda, i, p int) float32 {
	if trans {
		return a[p*lda+i]
	}
	return a[i*lda+p]
}
