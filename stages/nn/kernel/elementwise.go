package kernel

// Add sets dst[i] = a[i] + b[i] for every i of dst.
func Add(dst, a, b []float32) { active.add(dst, a[:len(dst)], b[:len(dst)]) }

// Sub sets dst[i] = a[i] - b[i] for every i of dst.
func Sub(dst, a, b []float32) { active.sub(dst, a[:len(dst)], b[:len(dst)]) }

// Mul sets dst[i] = a[i] · b[i] for every i of dst.
func Mul(dst, a, b []float32) { active.mul(dst, a[:len(dst)], b[:len(dst)]) }

// Axpy adds alpha·x[i] to y[i] for every i of y, rounding once.
func Axpy(alpha float32, x, y []float32) { active.axpy(alpha, x[:len(y)], y) }

// Scale multiplies every element of x by alpha.
func Scale(alpha float32, x []float32) { active.scale(alpha, x) }

// AddBias adds bias[c] to dst[r, c] for every row of the rows×cols matrix dst.
func AddBias(dst []float32, rows, cols int, bias []float32) {
	bias = bias[:cols]
	for r := range rows {
		row := dst[r*cols : (r+1)*cols]
		active.add(row, row, bias)
	}
}

// Relu sets dst[i] = max(x[i], 0); NaN stays NaN.
func Relu(dst, x []float32) { active.relu(dst, x[:len(dst)]) }

// ReluGrad sets dx[i] = dy[i] where x[i] > 0 and 0 elsewhere. dx may be x or dy.
func ReluGrad(dx, x, dy []float32) { active.reluGrad(dx, x[:len(dx)], dy[:len(dx)]) }

func addPortable(dst, a, b []float32) {
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

func subPortable(dst, a, b []float32) {
	for i := range dst {
		dst[i] = a[i] - b[i]
	}
}

func mulPortable(dst, a, b []float32) {
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

func axpyPortable(alpha float32, x, y []float32) {
	for i := range y {
		y[i] += alpha * x[i]
	}
}

func scalePortable(alpha float32, x []float32) {
	for i := range x {
		x[i] *= alpha
	}
}

func reluPortable(dst, x []float32) {
	for i, v := range x {
		if v <= 0 {
			v = 0
		}
		dst[i] = v
	}
}

func reluGradPortable(dx, x, dy []float32) {
	for i := range dx {
		if x[i] > 0 {
			dx[i] = dy[i]
		} else {
			dx[i] = 0
		}
	}
}
