package kernel

// ColumnNorm is a normalisation of the columns of a matrix, in which rows are positions: y = (x - Mean)·Scale + Bias, and no less than
// Floor, which is -Inf or, where an activation relu follows, 0.
type ColumnNorm struct {
	Mean, Scale, Bias []float32
	Floor             float32
}

// ColumnMeans sets mean to the mean of each column of the rows×cols matrix x, cols = len(mean).
func ColumnMeans(mean, x []float32, rows int) {
	columnsOver(rows, len(mean), columnTask{op: columnMeans, x: x}, mean, nil)
	active.scale(1/float32(rows), mean)
}

// ColumnVariances sets variance to the mean square of the distance from the mean, of each column.
func ColumnVariances(variance, x, mean []float32, rows int) {
	columnsOver(rows, len(variance), columnTask{op: columnVariances, x: x, norm: ColumnNorm{Mean: mean}}, variance, nil)
	active.scale(1/float32(rows), variance)
}

// Apply computes y for the rows of x, which may be y.
func (n ColumnNorm) Apply(y, x []float32, rows int) {
	columnsOver(rows, len(n.Mean), columnTask{op: columnApply, y: y, x: x, norm: n}, nil, nil)
}

// Sums sets sums, column by column, to the sum of g, which is dy where y is above the floor and 0 elsewhere, and dots to that of
// g·(x - Mean).
func (n ColumnNorm) Sums(sums, dots, x, dy []float32, rows int) {
	columnsOver(rows, len(n.Mean), columnTask{op: columnGradSums, x: x, dy: dy, norm: n}, sums, dots)
}

// Gradient sets dx, or with add adds to it, Scale·(g - sums - (x - Mean)·dots), with numbers of the columns in sums and dots.
func (n ColumnNorm) Gradient(dx, x, dy, sums, dots []float32, rows int, add bool) {
	t := columnTask{op: columnGrad, y: dx, x: x, dy: dy, norm: n, sums: sums, dots: dots}
	if add {
		t.op = columnAddGrad
	}
	columnsOver(rows, len(n.Mean), t, nil, nil)
}

type columnOp int

const (
	columnMeans columnOp = iota
	columnVariances
	columnApply
	columnGradSums
	columnGrad
	columnAddGrad
)

// columnTask is a loop over a matrix whose rows can be split into chunks, whose sums are then added in one order.
type columnTask struct {
	op       columnOp
	y, x, dy []float32
	norm     ColumnNorm

	sums, dots       []float32 // of all rows, or of each chunk where they are computed
	rows, cols, each int       // each: rows of a chunk
}

var columnTasks freeList[columnTask]

// columnChunk is how many elements a chunk has about: what repays the hand-over to another core, and stays in its cache.
const columnChunk = 1 << 15

// partialSums are the sums of the chunks.
type partialSums struct{ sums []float32 }

var partials freeList[partialSums]

// columnsOver runs a task over chunks of rows, as many for any number of cores, and adds up their sums in sums and dots where there are any.
func columnsOver(rows, cols int, t columnTask, sums, dots []float32) {
	if rows == 0 || cols == 0 {
		clear(sums)
		clear(dots)
		return
	}
	checkMatrix("x", false, rows, cols, cols, len(t.x))
	t.rows, t.cols, t.each = rows, cols, max(1, columnChunk/cols)
	chunks := (rows + t.each - 1) / t.each
	if sums == nil {
		parallel(&columnTasks, chunks, 1, t)
		return
	}
	p := partials.take()
	p.sums = atLeast(p.sums, 2*chunks*cols)
	t.sums, t.dots = p.sums[:chunks*cols], p.sums[chunks*cols:2*chunks*cols]
	clear(p.sums[:2*chunks*cols])
	parallel(&columnTasks, chunks, 1, t)
	active.columnSums(zeroed(sums), t.sums, chunks)
	if dots != nil {
		active.columnSums(zeroed(dots), t.dots, chunks)
	}
	partials.give(p)
}

func zeroed(x []float32) []float32 {
	clear(x)
	return x
}

func (t *columnTask) Range(lo, hi int) {
	for i := lo; i < hi; i++ {
		first, last := i*t.each, min((i+1)*t.each, t.rows)
		t.chunk(i, last-first, first*t.cols, last*t.cols)
	}
}

// chunk takes rows whose elements are from lo to hi.
func (t *columnTask) chunk(i, rows, lo, hi int) {
	x, n := t.x[lo:hi], &t.norm
	switch t.op {
	case columnMeans:
		active.columnSums(t.partial(t.sums, i), x, rows)
	case columnVariances:
		active.columnSquares(t.partial(t.sums, i), x, n.Mean, rows)
	case columnApply:
		active.normColumns(t.y[lo:hi], x, n.Mean, n.Scale, n.Bias, rows, n.Floor)
	case columnGradSums:
		active.normColumnSums(t.partial(t.sums, i), t.partial(t.dots, i), x, t.dy[lo:hi], n.Mean, n.Scale, n.Bias, rows, n.Floor)
	case columnGrad:
		active.normColumnsGrad(t.y[lo:hi], x, t.dy[lo:hi], n.Mean, n.Scale, n.Bias, t.sums, t.dots, rows, n.Floor)
	case columnAddGrad:
		active.addNormColumnsGrad(t.y[lo:hi], x, t.dy[lo:hi], n.Mean, n.Scale, n.Bias, t.sums, t.dots, rows, n.Floor)
	}
}

// partial returns the sums of chunk i.
func (t *columnTask) partial(sums []float32, i int) []float32 { return sums[i*t.cols : (i+1)*t.cols] }

func columnSumsPortable(sums, x []float32, rows int) {
	for i, v := range x[:rows*len(sums)] {
		sums[i%len(sums)] += v
	}
}

func columnSquaresPortable(sums, x, mean []float32, rows int) {
	for i, v := range x[:rows*len(sums)] {
		d := v - mean[i%len(sums)]
		sums[i%len(sums)] += d * d
	}
}

func normColumnsPortable(y, x, mean, scale, bias []float32, rows int, floor float32) {
	for i, v := range x[:rows*len(mean)] {
		c := i % len(mean)
		y[i] = (v-mean[c])*scale[c] + bias[c]
		if y[i] <= floor {
			y[i] = floor
		}
	}
}

// aboveFloor returns x - mean, and dy where what normColumns makes of x is above the floor and 0 elsewhere.
func aboveFloor(x, dy, mean, scale, bias, floor float32) (d, g float32) {
	d = x - mean
	if d*scale+bias > floor {
		g = dy
	}
	return d, g
}

func normColumnSumsPortable(sums, dots, x, dy, mean, scale, bias []float32, rows int, floor float32) {
	for i, v := range x[:rows*len(mean)] {
		c := i % len(mean)
		d, g := aboveFloor(v, dy[i], mean[c], scale[c], bias[c], floor)
		sums[c] += g
		dots[c] += g * d
	}
}

func normColumnsGradPortable(dx, x, dy, mean, scale, bias, sums, dots []float32, rows int, floor float32) {
	clear(dx)
	addNormColumnsGradPortable(dx, x, dy, mean, scale, bias, sums, dots, rows, floor)
}

func addNormColumnsGradPortable(dx, x, dy, mean, scale, bias, sums, dots []float32, rows int, floor float32) {
	for i, v := range x[:rows*len(mean)] {
		c := i % len(mean)
		d, g := aboveFloor(v, dy[i], mean[c], scale[c], bias[c], floor)
		dx[i] += scale[c] * (g - sums[c] - d*dots[c])
	}
}
