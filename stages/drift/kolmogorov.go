package drift

import (
	"math"
	"slices"
)

// KolmogorovSmirnov is the two-sided test that two samples come from one
// distribution: the largest distance between their empirical distribution
// functions, and how probable one at least that large is if they do. The
// probability is exact where the samples have the same size or at most 10,000
// values each, and else that of the limiting distribution. It gives NaN where a
// sample is empty. The samples are not changed.
func KolmogorovSmirnov(a, b []float64) (d, p float64) {
	return kolmogorovSmirnov(sorted(a), sorted(b))
}

// KolmogorovSmirnovBinned is the test for samples of which only counts in the same
// bins are left, in the order of their values. The distance is that at the edges of
// the bins, at most the one of the values themselves, and the probability that of
// the limiting distribution. It gives NaN where a side is empty.
func KolmogorovSmirnovBinned(a, b []float64) (d, p float64) {
	n, m := total(a), total(b)
	if n == 0 || m == 0 {
		return math.NaN(), math.NaN()
	}
	x, y := 0.0, 0.0
	for i := range a {
		x, y = x+a[i], y+b[i]
		d = max(d, math.Abs(x/n-y/m))
	}
	return d, max(0, min(1, kolmogorov(d*math.Sqrt(n*m/(n+m)))))
}

// exactSize bounds the samples of different sizes whose probability is
// computed exactly, in time that grows with the product of the sizes.
const exactSize = 10_000

// kolmogorovSmirnov takes samples that are sorted.
func kolmogorovSmirnov(a, b []float64) (d, p float64) {
	n, m := len(a), len(b)
	if n == 0 || m == 0 {
		return math.NaN(), math.NaN()
	}
	h := steps(a, b)
	d = float64(h) / (float64(n) * float64(m))
	switch {
	case h == 0:
		return 0, 1
	case n == m:
		p = equalSizes(n, h/n)
	case max(n, m) <= exactSize:
		p = outside(n, m, h)
	default:
		p = kolmogorov(d * math.Sqrt(float64(n)*float64(m)/float64(n+m)))
	}
	return d, max(0, min(1, p))
}

// steps is the largest distance in units of 1/(n·m): |i·m - j·n| after i values
// of a and j of b.
func steps(a, b []float64) int {
	n, m := len(a), len(b)
	i, j, most := 0, 0, 0
	for i < n && j < m {
		v := min(a[i], b[j])
		for i < n && a[i] == v {
			i++
		}
		for j < m && b[j] == v {
			j++
		}
		d := i*m - j*n
		most = max(most, d, -d)
	}
	return most
}

// equalSizes is the probability that two samples of n values are h or more
// steps of 1/n apart: 2·Σ (-1)^(k-1)·C(2n, n-kh)/C(2n, n) (Gnedenko and Korolyuk
// 1951), summed from its small end, as in Horner's scheme.
func equalSizes(n, h int) float64 {
	sum := 0.0
	for k := n / h; k >= 1; k-- {
		// C(2n, n-kh) / C(2n, n-(k-1)h)
		ratio := 1.0
		for j := range h {
			ratio *= float64(n-(k-1)*h-j) / float64(n+(k-1)*h+j+1)
		}
		sum = ratio * (1 - sum)
	}
	return 2 * sum
}

// outside is the probability that samples of n and m values are h or more
// steps of 1/(n·m) apart: that a random lattice path from (0, 0) to (n, m) leaves
// the band |i·m - j·n| < h (Hodges 1957). A path to (i, j) came from (i-1, j) with
// probability i/(i+j), so all terms are positive and nothing cancels.
func outside(n, m, h int) float64 {
	row := make([]float64, m+1) // of i: for each j, the probability of having left
	for i := range n + 1 {
		for j := range m + 1 {
			d := i*m - j*n
			switch {
			case d >= h || d <= -h:
				row[j] = 1
			case i == 0 && j == 0:
				row[j] = 0
			case i == 0:
				row[j] = row[j-1]
			case j > 0:
				row[j] = (float64(float64(i)*row[j]) + float64(float64(j)*row[j-1])) / float64(i+j)
			}
		}
	}
	return row[m]
}

// kolmogorov is the limiting distribution: the probability of more than x
// (Kolmogorov 1933), by the series that converges fast there.
func kolmogorov(x float64) float64 {
	if x <= 0 {
		return 1
	}
	sum := 0.0
	if x < 1 {
		for k := 1.0; k < 40; k += 2 {
			sum += math.Exp(-k * k * math.Pi * math.Pi / (8 * x * x))
		}
		return 1 - math.Sqrt(2*math.Pi)/x*sum
	}
	sign := 1.0
	for k := 1.0; k < 20; k++ {
		sum += sign * math.Exp(-2*k*k*x*x)
		sign = -sign
	}
	return 2 * sum
}

// Wasserstein is the earth mover's distance of two samples, in the unit of
// their values: the area between the empirical distribution functions. It is
// NaN where a sample is empty. The samples are not changed.
func Wasserstein(a, b []float64) float64 { return wasserstein(sorted(a), sorted(b)) }

// wasserstein takes samples that are sorted.
func wasserstein(a, b []float64) float64 {
	if len(a) == 0 || len(b) == 0 {
		return math.NaN()
	}
	n, m := float64(len(a)), float64(len(b))
	i, j, area := 0, 0, 0.0
	at := min(a[0], b[0])
	for i < len(a) || j < len(b) {
		next := math.Inf(1)
		if i < len(a) {
			next = a[i]
		}
		if j < len(b) {
			next = min(next, b[j])
		}
		area += float64(math.Abs(float64(i)/n-float64(j)/m) * (next - at))
		at = next
		for i < len(a) && a[i] == at {
			i++
		}
		for j < len(b) && b[j] == at {
			j++
		}
	}
	return area
}

func sorted(v []float64) []float64 {
	out := slices.Clone(v)
	slices.Sort(out)
	return out
}
