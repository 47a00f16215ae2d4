package kernel

// Add sets dst[i] = a[i] + b[i] for every i of dst.
func Add(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

// Sub sets dst[i] = a[i] - b[i] for every i of dst.
func Sub(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] - b[i]
	}
}

// Mul sets dst[i] = a[i] · b[i] for every i of dst.
func Mul(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

// Axpy adds alpha·x[i] to y[i] for every i of y.
func Axpy(alpha float32, x, y []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += alpha * x[i]
	}
}

// Scale multiplies every element of x by alpha.
func Scale(alpha float32, x []float32) {
	for i := range x {
		x[i] *= alpha
	}
}

// AddBias adds bias[c] to dst[r, c] for every row of the rows×cols matrix dst.
func AddBias(dst []float32, rows, cols int, bias []float32) {
	for r := range rows {
		row := dst[r*cols : (r+1)*cols]
		Add(row, row, bias)
	}
}

// Relu sets dst[i] = max(x[i], 0); NaN stays NaN.
func Relu(dst, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		if v <= 0 {
			v = 0
		}
		dst[i] = v
	}
}

// ReluGrad sets dx[i] = dy[i] where x[i] > 0 and 0 elsewhere.
func ReluGrad(dx, x, dy []float32) {
	x, dy = x[:len(dx)], dy[:len(dx)]
	for i := range dx {
		if x[i] > 0 {
			dx[i] = dy[i]
		} else {
			dx[i] = 0
		}
	}
}
