package drift

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"
)

// Column gathers the values of one column of one side, one by one, so that it
// does not matter in which batches they come. Its memory is bounded: of numbers
// it keeps a random sample of 100,000, and of categories the first 10,000
// different ones.
type Column struct {
	Name    string
	Numeric bool

	rows    int64 // with those that are missing
	missing int64
	sample  []float64
	draw    *rand.Rand
	counts  map[string]int64
	other   int64 // values beyond the categories that are kept
}

const (
	sampleSize    = 100_000
	maxCategories = 10_000
)

// NewNumbers begins a column of numbers; the seed is that of its sample.
func NewNumbers(name string, seed uint64) *Column {
	h := fnv.New64a()
	h.Write([]byte(name))
	return &Column{Name: name, Numeric: true, draw: rand.New(rand.NewPCG(seed, h.Sum64()))}
}

// NewCategories begins a column of categories.
func NewCategories(name string) *Column { return &Column{Name: name, counts: map[string]int64{}} }

// Rows is how many values came, with those that are missing.
func (c *Column) Rows() int64 { return c.rows }

// Missing is how many values are not there.
func (c *Column) Missing() int64 { return c.missing }

// Numbers are the values of a column of numbers, or the sample of them, in rising
// order.
func (c *Column) Numbers() []float64 { return sorted(c.sample) }

// Categories tells how often each category came; others are the values beyond
// those that are kept. The map is not to be changed.
func (c *Column) Categories() (counts map[string]int64, others int64) { return c.counts, c.other }

// AddMissing takes a value that is not there.
func (c *Column) AddMissing() { c.rows, c.missing = c.rows+1, c.missing+1 }

// AddNumber takes a number; one that is not finite counts as missing.
func (c *Column) AddNumber(v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		c.AddMissing()
		return
	}
	c.rows++
	// Vitter's algorithm R: every value is in the sample with one probability.
	if len(c.sample) < sampleSize {
		c.sample = append(c.sample, v)
	} else if at := c.draw.Int64N(c.rows - c.missing); at < sampleSize {
		c.sample[at] = v
	}
}

// AddCategory takes a category; the text is not kept.
func (c *Column) AddCategory(v string) {
	c.rows++
	n, known := c.counts[v]
	switch {
	case known:
		c.counts[v] = n + 1
	case len(c.counts) < maxCategories:
		c.counts[strings.Clone(v)] = 1
	default:
		c.other++
	}
}

// missingRate is the share of the values that are missing.
func (c *Column) missingRate() float64 {
	if c.rows == 0 {
		return 0
	}
	return float64(c.missing) / float64(c.rows)
}
