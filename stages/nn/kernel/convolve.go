package kernel

// Windows says how the windows of a convolution slide over images (height, width, channels). A row of windows lies in the images as the
// rows of a matrix do, only that they overlap and consist of several runs, one for each row of taps. So the GEMM tiles read them where they
// lie, and nothing is written out. An output is (Rows, Columns, Filters); images hold whatever pads them.
type Windows struct {
	Height, Width, Channels   int // of an image
	Rows, Columns, Filters    int // of its output
	TapRows, TapColumns       int // of a window
	RowStride, ColumnStride   int
	RowsBefore, ColumnsBefore int // of padding, which InputGradient's images lack
	InnerHeight, InnerWidth   int // without padding
}

// CanSlide reports whether windows of such a geometry are read fast where they lie: with assembly, lines of several windows, and none of
// them a multiple of 4 KiB apart, where all would share one set of the first-level cache.
func (w *Windows) CanSlide() bool {
	return active.gemm != nil && w.Columns >= 4 && w.ColumnStride*w.Channels%1024 != 0 && w.Filters%1024 != 0
}

// run is how many adjacent floats of a window lie side by side.
func (w *Windows) run() int { return w.TapColumns * w.Channels }

// size is the floats of a window.
func (w *Windows) size() int { return w.TapRows * w.run() }

// slideBlock is how many floats of packed filters are used for all lines before the next: half of a usual second-level cache.
const slideBlock = 1 << 17

// Convolve computes lines lo to hi of the output, counted through all images, with which y begins: windows times filters, which are packed
// as (window, filters).
func (w *Windows) Convolve(y, x []float32, filters *PackedB, lo, hi int) {
	l, k := filters.loops, w.size()
	nr, line := 2*l.width, w.Width*w.Channels
	checkMatrix("images", false, (hi+w.Rows-1)/w.Rows*w.Height, line, line, len(x))
	checkMatrix("output", false, (hi-lo)*w.Columns, w.Filters, w.Filters, len(y))
	step := max(slideBlock/k/nr, 1) * nr
	tiles := (w.Columns + len(l.inPlace) - 1) / len(l.inPlace)
	for j := 0; j < w.Filters; j += step {
		b := &filters.data[j*k]
		for at := lo; at < hi; at++ {
			from := x[(at/w.Rows*w.Height+at%w.Rows*w.RowStride)*line:]
			to := y[(at-lo)*w.Columns*w.Filters+j:]
			for t := range tiles {
				first, last := w.Columns*t/tiles, w.Columns*(t+1)/tiles
				l.inPlace[last-first-1](w.run(), min(step, w.Filters-j), &from[first*w.ColumnStride*w.Channels], w.ColumnStride*w.Channels,
					w.TapRows, line-w.run(), b, nr, nr*k, &to[first*w.Filters], w.Filters, false)
			}
		}
	}
}

// FilterGradient sets dw, (window, filters), to the sum over images lo to hi of windows times dy, in the order of the images and positions,
// or with add continues a sum.
func (w *Windows) FilterGradient(dw, x, dy []float32, lo, hi int, add bool) {
	l, line, positions := active.gemm, w.Width*w.Channels, w.Rows*w.Columns*w.Filters
	checkMatrix("filters", false, w.size(), w.Filters, w.Filters, len(dw))
	checkMatrix("images", false, hi*w.Height, line, line, len(x))
	checkMatrix("output", false, hi, positions, positions, len(dy))
	run, step := w.run(), w.ColumnStride*w.Channels
	tiles := (run + len(l.tiles) - 1) / len(l.tiles)
	for at := lo; at < hi; at++ {
		for row := range w.TapRows {
			for t := range tiles {
				first, last := run*t/tiles, run*(t+1)/tiles
				l.tiles[last-first-1](w.Columns, w.Filters, &x[(at*w.Height+row)*line+first], step, w.Rows, w.RowStride*line-w.Columns*step,
					&dy[at*positions], w.Filters, 2*l.width, &dw[(row*run+first)*w.Filters], w.Filters, add || at > lo)
			}
		}
	}
}

// InputGradient adds to dx, images without their padding, what the outputs dy of images lo to hi make of their gradients. filters are
// (filters, window). An element takes them in the order of the taps, those of one tap in the order of the filters.
func (w *Windows) InputGradient(dx, filters, dy []float32, lo, hi int) {
	l := active.gemm
	checkMatrix("filters", false, w.Filters, w.size(), w.size(), len(filters))
	checkMatrix("images", false, hi*w.InnerHeight*w.InnerWidth, w.Channels, w.Channels, len(dx))
	checkMatrix("output", false, hi*w.Rows*w.Columns, w.Filters, w.Filters, len(dy))
	for at := lo; at < hi; at++ {
		for tap := range w.TapRows * w.TapColumns {
			right, down := tap%w.TapColumns-w.ColumnsBefore, tap/w.TapColumns-w.RowsBefore
			begin, end := within(right, w.ColumnStride, w.Columns, w.InnerWidth)
			top, bottom := within(down, w.RowStride, w.Rows, w.InnerHeight)
			tiles := (end - begin + len(l.inPlace) - 1) / len(l.inPlace)
			for row := top; row < bottom; row++ {
				to := (at*w.InnerHeight+row*w.RowStride+down)*w.InnerWidth + right
				for t := range tiles {
					first, last := begin+(end-begin)*t/tiles, begin+(end-begin)*(t+1)/tiles
					l.inPlace[last-first-1](w.Filters, w.Channels, &dy[((at*w.Rows+row)*w.Columns+first)*w.Filters], w.Filters, 1, 0,
						&filters[tap*w.Channels], w.size(), 2*l.width, &dx[(to+first*w.ColumnStride)*w.Channels], w.ColumnStride*w.Channels, true)
				}
			}
		}
	}
}

// within returns for which of n windows a tap lies inside: 0 ≤ window·stride + offset < size.
func within(offset, stride, n, size int) (lo, hi int) {
	if offset < 0 {
		lo = (stride - 1 - offset) / stride
	}
	if offset < size {
		hi = min(n, (size-offset+stride-1)/stride)
	}
	return lo, max(lo, hi)
}
