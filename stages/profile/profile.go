// Package profile owns statistics of the columns of a table: what they hold,
// how it is distributed, and a page that shows it. It reads a table twice, a
// batch at a time, and its memory depends on the number of columns only.
package profile

import (
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts/table"
)

// Version is that of the JSON form of a Profile.
const Version = 1

// Profile describes a table.
type Profile struct {
	Version int       `json:"version"`
	Rows    int64     `json:"rows"`
	Columns []*Column `json:"columns"`
}

// Column describes a column. Numbers that are NaN or infinite are counted, and
// are in no other figure.
type Column struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Nulls int64  `json:"nulls"`
	// Distinct is the number of different values; above 50,000 it is an estimate
	// (HyperLogLog with 2^14 registers: 0.8 % standard error).
	Distinct      int64 `json:"distinct"`
	DistinctExact bool  `json:"distinct_exact"`
	NotFinite     int64 `json:"not_finite,omitempty"`

	// Numbers is there for numbers, dates and times; those of the latter two are
	// seconds since 1970 in UTC.
	Numbers *Numbers `json:"numbers,omitempty"`
	// Length is there for text: the numbers of characters.
	Length *Length `json:"length,omitempty"`
	// Top are the most frequent values, where there are not too many to count;
	// of equally frequent ones, the first in the order of their text.
	Top []Count `json:"top,omitempty"`
}

// Numbers is how a column of numbers is distributed.
type Numbers struct {
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
	Mean float64 `json:"mean"`
	Std  float64 `json:"std"` // of a sample: with n-1
	// Quantiles are interpolated linearly (type 7 of Hyndman and Fan 1996, as in
	// numpy). Of more than 100,000 values they are those of a random sample of
	// that many.
	Quantiles []Quantile `json:"quantiles"`
	Sampled   bool       `json:"sampled,omitempty"`
	Histogram Histogram  `json:"histogram"`
}

// Quantile is the value below which a share of the values lies.
type Quantile struct {
	Share float64 `json:"share"`
	Value float64 `json:"value"`
}

// Histogram counts values between edges: Counts[i] are those from Edges[i] up to
// and without Edges[i+1]; the last bin has its upper edge, too.
type Histogram struct {
	Edges  []float64 `json:"edges"`
	Counts []int64   `json:"counts"`
}

// Length is how long texts are, in characters.
type Length struct {
	Min  int64   `json:"min"`
	Max  int64   `json:"max"`
	Mean float64 `json:"mean"`
}

// Count is a value, shortened to 60 characters, and how often it comes.
type Count struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// Builder makes a Profile: Add every batch of the table, then, if Again says so,
// AddAgain every batch, and then take the Profile.
type Builder struct {
	rows    int64
	columns []*accumulator
}

// NewBuilder begins a profile. The seed is of the sample that quantiles are
// taken from.
func NewBuilder(s *arrow.Schema, seed uint64) *Builder {
	b := &Builder{}
	for i, f := range s.Fields() {
		b.columns = append(b.columns, newAccumulator(f.Name, table.TypeName(f.Type), f.Type, seed, i))
	}
	return b
}

// Add is the first pass.
func (b *Builder) Add(batch arrow.RecordBatch) {
	b.rows += batch.NumRows()
	for i, c := range b.columns {
		c.add(batch.Column(i))
	}
}

// Again tells whether a second pass is needed, for histograms.
func (b *Builder) Again() bool {
	return slices.ContainsFunc(b.columns, func(c *accumulator) bool { return c.n > 0 && c.numeric })
}

// AddAgain is the second pass.
func (b *Builder) AddAgain(batch arrow.RecordBatch) {
	for i, c := range b.columns {
		if c.n > 0 && c.numeric {
			c.addAgain(batch.Column(i))
		}
	}
}

// Profile ends the profile.
func (b *Builder) Profile() *Profile {
	p := &Profile{Version: Version, Rows: b.rows}
	for _, c := range b.columns {
		p.Columns = append(p.Columns, c.column())
	}
	return p
}

// shares are the quantiles of a profile.
var shares = []float64{0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1}

// quantile interpolates in sorted values.
func quantile(sorted []float64, share float64) float64 {
	at := share * float64(len(sorted)-1)
	low := int(at)
	if low == len(sorted)-1 {
		return sorted[low]
	}
	// Written so that equal neighbours give exactly their value.
	return sorted[low] + float64((at-float64(low))*(sorted[low+1]-sorted[low]))
}

// bins is how many a histogram has.
const bins = 20

// newHistogram has equal bins from low to high, and one if those are the same.
func newHistogram(low, high float64) Histogram {
	n := bins
	if low == high {
		n = 1
	}
	h := Histogram{Counts: make([]int64, n), Edges: make([]float64, n+1)}
	for i := range h.Edges {
		h.Edges[i] = low + float64((high-low)*(float64(i)/float64(n)))
	}
	h.Edges[n] = high
	return h
}

func (h *Histogram) add(v float64) {
	n := len(h.Counts)
	low, high := h.Edges[0], h.Edges[n]
	i := int(math.Floor((v - low) / (high - low) * float64(n)))
	i = max(0, min(i, n-1))
	// The division may have rounded across an edge.
	for i > 0 && v < h.Edges[i] {
		i--
	}
	for i < n-1 && v >= h.Edges[i+1] {
		i++
	}
	h.Counts[i]++
}
