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

// NormRowsGrad adds the gradients of NormRows: with g = dy·weight and means over the row, to dx
// (g - mean(g) - normal·mean(g·normal))·inverse, without mean(g) unless centre; to dweight the sums of dy·normal over the rows, to dbias those
// of dy. What is nil is left out; a blank dx holds nothing yet. Rows are summed in blocks of a fixed height, and then the blocks.
func NormRowsGrad(dx, dweight, dbias, dy, normal, inverse, weight []float32, rows, cols int, centre, blank bool) {
	n, blocks := rows*cols, (rows+normBlock-1)/normBlock
	w := workspaces.take()
	w.sums = atLeast(w.sums, 3*blocks*cols)
	parallel(&normTasks, blocks, rowGrain(cols*normBlock, normGrain), normTask{
		dx: upTo(dx, n), dy: dy[:n], normal: normal[:n], inverse: inverse[:rows], weight: weight[:cols], sums: w.sums[:3*blocks*cols],
		cols: cols, centre: centre, blank: blank,
	})
	for b := range blocks {
		sums := w.sums[3*b*cols:]
		if dweight != nil {
			active.add(dweight[:cols], dweight, sums[:cols])
		}
		if dbias != nil {
			active.add(dbias[:cols], dbias, sums[cols:2*cols])
		}
	}
	w.release()
}

// normBlock is how many rows of a gradient are summed at a time.
const normBlock = 32

// AddSoftmaxGrad adds to dx the gradient of Softmax, whose result was y: y·(dy - Σ y·dy) for each row of the rows×cols matrices.
func AddSoftmaxGrad(dx, y, dy []float32, rows, cols int) {
	for r := range rows {
		lo, hi := r*cols, (r+1)*cols
		active.softmaxRowGrad(dx[lo:hi], y[lo:hi], dy[lo:hi], active.dot(y[lo:hi], dy[lo:hi]))
	}
}

// normGrain is how many elements repay the hand-over to another core.
const normGrain = 1 << 14

var normTasks freeList[normTask]

// normTask is a normalisation whose rows can be split or, with sums, the reverse, whose blocks of rows can: each has room for the sums of
// dweight and dbias and for a row of g.
type normTask struct {
	y, normal, inverse, x, weight, bias []float32
	dx, dy, sums                        []float32
	cols                                int
	epsilon                             float32
	centre, blank                       bool
}

func (t *normTask) Range(lo, hi int) {
	for i := lo; i < hi; i++ {
		if t.sums == nil {
			t.forward(i)
		} else {
			t.backward(i)
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

func (t *normTask) backward(block int) {
	sums := t.sums[3*block*t.cols:]
	dweight, dbias, g := sums[:t.cols], sums[t.cols:2*t.cols], sums[2*t.cols:3*t.cols]
	clear(dweight)
	clear(dbias)
	for r := block * normBlock; r < min((block+1)*normBlock, len(t.inverse)); r++ {
		lo, hi := r*t.cols, (r+1)*t.cols
		h, dy := t.normal[lo:hi], t.dy[lo:hi]
		active.addProduct(dweight, dy, h)
		active.add(dbias, dbias, dy)
		if t.dx == nil {
			continue
		}
		active.mul(g, dy, t.weight)
		mean, dot := float32(0), active.dot(g, h)/float32(t.cols)
		if t.centre {
			mean = active.sum(g) / float32(t.cols)
		}
		if t.blank {
			clear(t.dx[lo:hi])
		}
		active.normRowGrad(t.dx[lo:hi], g, h, mean, dot, t.inverse[r])
	}
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
