package kernel

import (
	"fmt"
	"math"
)

// MaxLine takes the greatest of a few elements, for a line of columns and each channel c: y is the greatest
// x[column·step + tap + c] of all taps plus bias[c], but no less than the floor, and which is the mark of the first tap that has it.
// Once a maximum is NaN it stays NaN.
func MaxLine(y []float32, which []int32, x []float32, columns, step int, taps, marks []int32, bias []float32, floor float32) {
	n := checkLine(columns, step, len(bias), taps, len(x))
	active.maxLine(y[:n], which[:n], x, columns, step, taps, marks[:len(taps)], bias, floor)
}

// SpreadLine is the reverse of MaxLine: it sets dx[column·step + tap + c] to dy for the tap with the mark in which, and to 0 for the others.
func SpreadLine(dx []float32, which []int32, dy []float32, columns, step int, taps, marks []int32) {
	channels := len(dy) / max(columns, 1)
	n := checkLine(columns, step, channels, taps, len(dx))
	active.spreadLine(dx, which[:n], dy[:n], columns, step, channels, taps, marks[:len(taps)])
}

// AddLine adds dy to the tap with the mark in which, column by column, so that taps of two columns may be the same.
func AddLine(dx []float32, which []int32, dy []float32, columns, step int, taps, marks []int32) {
	channels := len(dy) / max(columns, 1)
	n := checkLine(columns, step, channels, taps, len(dx))
	active.addLine(dx, which[:n], dy[:n], columns, step, channels, taps, marks[:len(taps)])
}

// checkLine returns the length of a pooled line. It panics where the other, of length have, does not hold all taps.
func checkLine(columns, step, channels int, taps []int32, have int) int {
	if columns < 1 || channels < 1 || len(taps) < 1 {
		panic(fmt.Sprintf("kernel: a line of %d columns, %d channels and %d taps leaves nothing to do", columns, channels, len(taps)))
	}
	checkTaps(taps, (columns-1)*step+channels, have)
	return columns * channels
}

// Pooled goes back through a convolution of which pooling has left the greatest of each few outputs, so that few have a gradient.
type Pooled struct {
	Windows
	// Begins is where the window of the first output of each position of the pooling begins in a padded image.
	Begins []int32

	at []int32 // where windows begin, filter by filter, of the gradients that are not 0
	by []float32
	n  []int // how many each filter has
}

// Collect takes the gradients dy of one image, (positions, filters), each with how much farther its window begins than that of its
// position's first output.
func (p *Pooled) Collect(apart []int32, dy []float32) {
	positions, filters := len(p.Begins), p.Filters
	checkMatrix("output", false, positions, filters, filters, min(len(apart), len(dy)))
	if room := positions * filters; len(p.at) <= room {
		p.at, p.by = make([]int32, room+1), make([]float32, room+1)
	}
	if len(p.n) < filters {
		p.n = make([]int, filters)
	}
	last := int32(0)
	for f := range filters {
		// One more than there are positions, which may be written and not counted.
		at, by := p.at[f*positions:][:positions+1], p.by[f*positions:][:positions+1]
		n, from := 0, f
		for _, begin := range p.Begins {
			begin += apart[from]
			last = max(last, begin)
			at[n], by[n] = begin, dy[from]
			// Nobody can foresee which are 0, so that a wrong branch takes longer than to write them all.
			magnitude := math.Float32bits(dy[from]) << 1
			n += int((magnitude | -magnitude) >> 31)
			from += filters
		}
		p.n[f] = n
	}
	if have := p.Height * p.Width * p.Channels; int(last)+(p.TapRows-1)*p.Width*p.Channels+p.run() > have {
		panic(fmt.Sprintf("kernel: a window begins at %d of an image of %d elements", last, have))
	}
}

// FilterGradient adds to dw, (filters, window), the windows of the image times the gradients, in the order of the positions.
func (p *Pooled) FilterGradient(dw, image []float32) { p.each(active.gatherWindows, dw, image) }

// InputGradient adds to dx, the image with its padding, the filters, (filters, window), times the gradients. An element takes them in the
// order of the filters, those of one line by line of the window, and those block by block of the line.
func (p *Pooled) InputGradient(dx, filters []float32) { p.each(active.scatterWindows, filters, dx) }

// each runs f for the window of each filter and its gradients.
func (p *Pooled) each(f func(run, lines int, window, x []float32, xLine int, at []int32, by []float32), windows, image []float32) {
	line, size := p.Width*p.Channels, p.size()
	checkMatrix("filters", false, p.Filters, size, size, len(windows))
	checkMatrix("image", false, p.Height, line, line, len(image))
	for i, n := range p.n[:p.Filters] {
		if n > 0 {
			first := i * len(p.Begins)
			f(p.run(), p.TapRows, windows[i*size:(i+1)*size], image, line, p.at[first:first+n], p.by[first:first+n])
		}
	}
}

func maxLinePortable(y []float32, which []int32, x []float32, columns, step int, taps, marks []int32, bias []float32, floor float32) {
	for i := range y {
		column, c := i/len(bias), i%len(bias)
		best, mark := x[column*step+int(taps[0])+c], marks[0]
		for j, tap := range taps {
			switch v := x[column*step+int(tap)+c]; {
			case v > best:
				best, mark = v, marks[j]
			case v != v:
				best = v
			}
		}
		which[i], y[i] = mark, best+bias[c]
		if y[i] <= floor {
			y[i] = floor
		}
	}
}

func spreadLinePortable(dx []float32, which []int32, dy []float32, columns, step, channels int, taps, marks []int32) {
	for i, v := range dy {
		for j, tap := range taps {
			to := &dx[i/channels*step+int(tap)+i%channels]
			if *to = 0; which[i] == marks[j] {
				*to = v
			}
		}
	}
}

func addLinePortable(dx []float32, which []int32, dy []float32, columns, step, channels int, taps, marks []int32) {
	for i, v := range dy {
		for j, tap := range taps {
			if which[i] == marks[j] {
				dx[i/channels*step+int(tap)+i%channels] += v
			}
		}
	}
}

// gatherWindowsPortable adds to a window those in x that begin at the places at, each times a number. A window has so many lines, each a run;
// in x they are xLine apart.
func gatherWindowsPortable(run, lines int, window, x []float32, xLine int, at []int32, by []float32) {
	for i, first := range at {
		for j := range lines * run {
			window[j] += by[i] * x[int(first)+j/run*xLine+j%run]
		}
	}
}

// scatterWindowsPortable adds a window, each time by another number, to those in x.
func scatterWindowsPortable(run, lines int, window, x []float32, xLine int, at []int32, by []float32) {
	for i, first := range at {
		for j := range lines * run {
			x[int(first)+j/run*xLine+j%run] += by[i] * window[j]
		}
	}
}
