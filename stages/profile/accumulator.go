package profile

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/stages/rows"
)

// accumulator gathers what is said of a column. Values are taken one by one in
// the order of the table, so that the batches do not matter.
type accumulator struct {
	name, typ string
	numeric   bool // numbers, dates and times
	text      bool

	nulls, notFinite int64
	values           distinct

	n        int64 // finite numbers, or texts
	low      float64
	high     float64
	mean, m2 float64 // Welford 1962
	sample   []float64
	draw     *rand.Rand
	hist     Histogram

	lengths         int64
	shortest, chars int64
}

// sampleSize is how many numbers quantiles are taken from.
const sampleSize = 100_000

func newAccumulator(name, typ string, t arrow.DataType, seed uint64, column int) *accumulator {
	a := &accumulator{name: name, typ: typ, values: newDistinct(), draw: rand.New(rand.NewPCG(seed, uint64(column)))}
	a.text = t.ID() == arrow.STRING
	a.numeric = arrow.IsInteger(t.ID()) || arrow.IsFloating(t.ID()) || arrow.IsDecimal(t.ID()) || t.ID() == arrow.DATE32 || t.ID() == arrow.TIMESTAMP
	return a
}

func (a *accumulator) add(col arrow.Array) {
	for i := range col.Len() {
		if col.IsNull(i) {
			a.nulls++
			continue
		}
		a.values.add(col, i)
		switch v := rows.Value(col, i).(type) {
		case string:
			if a.text {
				a.addLength(int64(utf8.RuneCountInString(v)))
			}
		default:
			if f, ok := asFloat(v); ok && a.numeric {
				a.addNumber(f)
			}
		}
	}
}

func asFloat(v any) (float64, bool) {
	switch x := v.(type) {
	case int64:
		return float64(x), true
	case float64:
		return x, true
	case time.Time:
		return float64(x.UnixNano()) / 1e9, true
	}
	return 0, false
}

func (a *accumulator) addLength(n int64) {
	if a.n == 0 || n < a.shortest {
		a.shortest = n
	}
	a.n++
	a.chars += n
	a.lengths = max(a.lengths, n)
}

func (a *accumulator) addNumber(f float64) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		a.notFinite++
		return
	}
	if a.n == 0 {
		a.low, a.high = f, f
	}
	a.low, a.high = min(a.low, f), max(a.high, f)
	a.n++
	d := f - a.mean
	a.mean += d / float64(a.n)
	a.m2 += float64(d * (f - a.mean)) // the conversion keeps compilers from fusing, which would give other bits
	// Vitter's algorithm R: every value is in the sample with one probability.
	if len(a.sample) < sampleSize {
		a.sample = append(a.sample, f)
	} else if at := a.draw.Int64N(a.n); at < sampleSize {
		a.sample[at] = f
	}
}

func (a *accumulator) addAgain(col arrow.Array) {
	if a.hist.Counts == nil {
		a.hist = newHistogram(a.low, a.high)
	}
	for i := range col.Len() {
		if f, ok := asFloat(rows.Value(col, i)); ok && !math.IsNaN(f) && !math.IsInf(f, 0) {
			a.hist.add(f)
		}
	}
}

func (a *accumulator) column() *Column {
	c := &Column{Name: a.name, Type: a.typ, Nulls: a.nulls, NotFinite: a.notFinite}
	c.Distinct, c.DistinctExact = a.values.count()
	c.Top = a.values.top(10)
	if a.n == 0 {
		return c
	}
	if a.text {
		c.Length = &Length{Min: a.shortest, Max: a.lengths, Mean: float64(a.chars) / float64(a.n)}
		return c
	}
	c.Numbers = &Numbers{Min: a.low, Max: a.high, Mean: a.mean, Histogram: a.hist, Sampled: a.n > sampleSize}
	if a.n > 1 {
		c.Numbers.Std = math.Sqrt(a.m2 / float64(a.n-1))
	}
	slices.SortFunc(a.sample, cmp.Compare[float64])
	for _, share := range shares {
		c.Numbers.Quantiles = append(c.Numbers.Quantiles, Quantile{share, quantile(a.sample, share)})
	}
	return c
}
