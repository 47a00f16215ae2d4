package kernel

import "fmt"

// Gemm computes C = alpha·op(A)·op(B) + beta·C, as BLAS' sgemm does for row-major matrices: C is m×n with leading dimension
// ldc, op(A) is m×k, op(B) is k×n, and op transposes where transA or transB is true (A is then stored k×m, B n×k). beta must be
// 0, when the old content of C is never read, or 1.
//
// Each element of C depends only on its row of op(A), its column of op(B) and its old value: the products are added in the order
// of k by fused multiply-adds, beginning with beta·C. alpha multiplies the elements of A, each rounded to float32. When k or alpha is 0,
// neither A nor B is read. C must not overlap A or B.
func Gemm(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	checkMatrix("A", transA, m, k, lda, len(a))
	checkMatrix("B", transB, k, n, ldb, len(b))
	if settled(m, n, k, alpha, beta, c, ldc) {
		return
	}
	if active.gemm == nil {
		gemmPortable(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	multiply(product{
		loops: active.gemm, m: m, n: n, k: k, alpha: alpha, load: beta == 1,
		a: matrix{data: a, ld: lda, trans: transA}, b: matrix{data: b, ld: ldb, trans: transB}, c: matrix{data: c, ld: ldc},
	})
}

// settled checks what all products share and finishes those that need no multiplication.
func settled(m, n, k int, alpha, beta float32, c []float32, ldc int) bool {
	if beta != 0 && beta != 1 {
		panic(fmt.Sprintf("kernel: Gemm: beta must be 0 or 1, is %v", beta))
	}
	checkMatrix("C", false, m, n, ldc, len(c))
	if m == 0 || n == 0 {
		return true
	}
	if k != 0 && alpha != 0 {
		return false
	}
	if beta == 0 {
		for i := range m {
			clear(c[i*ldc : i*ldc+n])
		}
	}
	return true
}

// checkMatrix panics when a slice of length have cannot hold a rows×cols matrix (cols×rows if trans) of leading dimension ld.
func checkMatrix(name string, trans bool, rows, cols, ld, have int) {
	if trans {
		rows, cols = cols, rows
	}
	if rows < 0 || cols < 0 {
		panic(fmt.Sprintf("kernel: Gemm: %s has a negative size, %d×%d", name, rows, cols))
	}
	if rows == 0 || cols == 0 {
		return
	}
	if ld < cols {
		panic(fmt.Sprintf("kernel: Gemm: leading dimension of %s is %d, less than its %d columns", name, ld, cols))
	}
	if need := (rows-1)*ld + cols; have < need {
		panic(fmt.Sprintf("kernel: Gemm: %s has %d elements, %d×%d with leading dimension %d needs %d", name, have, rows, cols, ld, need))
	}
}
