package report

import (
	"math"
	"strconv"
)

// niceTicks gives about n round numbers (1, 2 or 5 times a power of ten apart)
// that reach over low and high.
func niceTicks(low, high float64, n int) []float64 {
	if low == high {
		pad := math.Max(math.Abs(low)*0.1, 0.05)
		low, high = low-pad, high+pad
	}
	step := niceStep((high - low) / float64(n))
	first := math.Floor(low/step+1e-9) * step
	var out []float64
	for i := 0; ; i++ {
		// Computed afresh each time, so that errors do not add up; rounded, so
		// that 0.1·3 is 0.3.
		v := round(first+float64(i)*step, step)
		out = append(out, v)
		if v >= high-step*1e-9 || i > 4*n {
			return out
		}
	}
}

func niceStep(raw float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5} {
		if raw <= m*unit*(1+1e-9) {
			return m * unit
		}
	}
	return 10 * unit
}

func round(v, step float64) float64 {
	digits := decimals(step)
	if digits > 12 {
		return v
	}
	scale := math.Pow(10, float64(digits))
	return math.Round(v*scale) / scale
}

// decimals is how many digits after the point a step needs.
func decimals(step float64) int {
	return max(0, -int(math.Floor(math.Log10(step)+1e-9)))
}

func tickLabel(v float64, ticks []float64) string {
	step := ticks[1] - ticks[0]
	if math.Abs(v) >= 1e5 || decimals(step) > 5 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	return strconv.FormatFloat(v, 'f', decimals(step), 64)
}
