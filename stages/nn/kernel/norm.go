package kernel

import "math"

// NormRows normalises each row of the rows×cols matrix x: with centre it is layer normalisation (Ba et al. 2016), without it divides by
// the root mean square only (Zhang and Sennrich 2019).
//
//	normal = (x - mean) / √(mean of squares + epsilon),  y = normal·weight + bias
//
// normal (rows×cols) and inverse (rows), the reciprocal roots, are what NormRowsGrad needs. weight and bias have cols elements; bias may
// be nil. y may be x.
func NormRows(y, normal, inverse, x, weight, bias []float32, rows, cols int, epsilon float32, centre bool) {
	n := rows * cols
	if bias != nil {
		bias = bias[:cols]
	}
	parallel(&normTasks, rows, rowGrain(cols, normGrain), normTask{
		y: y[:n], normal: normal[:n], inverse: inverse[:rows], x: x[:n], weight: weight[:cols], bias: bias,
		cols: cols, epsilon: epsilon, centre: centre,
	})
}

// NormRowsGrad adds to dx the gradient of NormRows with respect to x: with g = dy·weight and means over the row,
// dx += (g - mean(g) - normal·mean(g·normal))·inverse, without mean(g) unless centre. scratch (rows×cols) receives g.
func NormRowsGrad(dx, scratch, dy, normal, inverse, weight []float32, rows, cols int, centre bool) {
	n := rows * cols
	parallel(&normTasks, rows, rowGrain(cols, normGrain), normTask{
		dx: dx[:n], scratch: scratch[:n], dy: dy[:n], normal: normal[:n], inverse: inverse[:rows], weight: weight[:cols],
		cols: cols, centre: centre,
	})
}

// AddSoftmaxGrad adds to dx the gradient of Softmax, whose result was y: y·(dy - Σ y·dy) for each row of the rows×cols matrices.
func AddSoftmaxGrad(dx, y, dy []float32, rows, cols int) {
	for r := range rows {
		lo, hi := r*cols, (r+1)*cols
		active.softmaxRowGrad(dx[lo:hi], y[lo:hi], dy[lo:hi], active.dot(y[lo:hi], dy[lo:hi]))
	}
}

// normGrain is how many elements repay the hand-over to another core.
const normGrain = 1 << 15

var normTasks freeList[normTask]

// normTask is a normalisation whose rows can be split: the reverse if it has dx.
type normTask struct {
	y, normal, inverse, x, weight, bias []float32
	dx, scratch, dy                     []float32
	cols                                int
	epsilon                             float32
	centre                              bool
}

func (t *normTask) Range(lo, hi int) {
	for r := lo; r < hi; r++ {
		if t.dx == nil {
			t.forward(r)
		} else {
			t.backward(r)
		}
	}
}

func (t *normTask) forward(r int) {
	lo, hi := r*t.cols, (r+1)*t.cols
	y, h, x := t.y[lo:hi], t.normal[lo:hi], t.x[lo:hi]
	mean := float32(0)
	if t.centre {
		mean = active.sum(x) / float32(t.cols)
	}
	active.subScalar(h, x, mean)
	square := active.dot(h, h) / float32(t.cols)
	t.inverse[r] = 1 / float32(math.Sqrt(float64(square+t.epsilon)))
	if t.bias != nil {
		active.normRow(y, h, t.weight, t.bias, t.inverse[r])
		return
	}
	active.scale(t.inverse[r], h)
	active.mul(y, h, t.weight)
}

func (t *normTask) backward(r int) {
	lo, hi := r*t.cols, (r+1)*t.cols
	g, h := t.scratch[lo:hi], t.normal[lo:hi]
	active.mul(g, t.dy[lo:hi], t.weight)
	mean, dot := float32(0), active.dot(g, h)/float32(t.cols)
	if t.centre {
		mean = active.sum(g) / float32(t.cols)
	}
	active.normRowGrad(t.dx[lo:hi], g, h, mean, dot, t.inverse[r])
}

func subScalarPortable(dst, x []float32, c float32) {
	for i, v := range x {
		dst[i] = v - c
	}
}

func normRowPortable(y, normal, weight, bias []float32, inverse float32) {
	for i := range y {
		normal[i] *= inverse
		y[i] = normal[i]*weight[i] + bias[i]
	}
}

func normRowGradPortable(dx, g, normal []float32, mean, dot, inverse float32) {
	for i := range dx {
		dx[i] += (g[i] - mean - normal[i]*dot) * inverse
	}
}

func softmaxRowGradPortable(dx, p, dy []float32, dot float32) {
	for i := range dx {
		dx[i] += p[i] * (dy[i] - dot)
	}
}
