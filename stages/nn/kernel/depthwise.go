package kernel

// A depthwise convolution has a filter for each channel. Images hold whatever pads them; taps are where the elements of a window lie, from
// its begin, and filters are (taps, channels).

// DepthwiseLine sets the line y of columns outputs to the sum, tap by tap, of x[column·step + tap + c] times filters[tap, c].
func DepthwiseLine(y, x, filters []float32, columns, step, channels int, taps []int32) {
	n := checkLine(columns, step, channels, taps, len(x))
	active.depthwiseLine(y[:n], x, filters[:len(taps)*channels], columns, step, channels, taps)
}

// DepthwiseInput adds to dx what the gradient of such a line makes of it.
func DepthwiseInput(dx, filters, dy []float32, columns, step, channels int, taps []int32) {
	n := checkLine(columns, step, channels, taps, len(dx))
	active.depthwiseInput(dx, filters[:len(taps)*channels], dy[:n], columns, step, channels, taps)
}

// DepthwiseFilters adds to the gradient of the filters what such a line makes of it, column by column.
func DepthwiseFilters(dfilters, x, dy []float32, columns, step, channels int, taps []int32) {
	n := checkLine(columns, step, channels, taps, len(x))
	active.depthwiseFilters(x, dfilters[:len(taps)*channels], dy[:n], columns, step, channels, taps)
}

func depthwiseLinePortable(y, x, filters []float32, columns, step, channels int, taps []int32) {
	clear(y)
	eachTap(columns, step, channels, taps, func(output, filter, input int) { y[output] += filters[filter] * x[input] })
}

func depthwiseInputPortable(dx, filters, dy []float32, columns, step, channels int, taps []int32) {
	eachTap(columns, step, channels, taps, func(output, filter, input int) { dx[input] += dy[output] * filters[filter] })
}

func depthwiseFiltersPortable(x, filters, dy []float32, columns, step, channels int, taps []int32) {
	eachTap(columns, step, channels, taps, func(output, filter, input int) { filters[filter] += dy[output] * x[input] })
}

// eachTap calls f with where each output of a line, each of its filters and what that is multiplied with lie.
func eachTap(columns, step, channels int, taps []int32, f func(output, filter, input int)) {
	for i := range columns * channels {
		for j, tap := range taps {
			f(i, j*channels+i%channels, i/channels*step+int(tap)+i%channels)
		}
	}
}
