package stages

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/rows"
)

// maxClasses bounds the memory of a stratified split. A column with more
// different values holds names or numbers and not classes.
const maxClasses = 100_000

// classCounts counts the rows of each class. Without a class column all rows
// are of the class "".
type classCounts struct {
	total  int64
	counts map[string]*int64 // by the key of the class's value
	names  map[string]string // for people
}

type classCount struct {
	key   string
	count int64
}

// inOrder lists the classes in the order of their keys, which is that of text
// and of numbers of one sign.
func (c *classCounts) inOrder() []classCount {
	out := make([]classCount, 0, len(c.counts))
	for k, n := range c.counts {
		out = append(out, classCount{k, *n})
	}
	slices.SortFunc(out, func(a, b classCount) int { return cmp.Compare(a.key, b.key) })
	return out
}

// count makes the first pass.
func (k *Split) count(ctx context.Context, env *dag.Env) (c *classCounts, err error) {
	c = &classCounts{counts: map[string]*int64{}, names: map[string]string{}}
	columns := []string{k.Stratify}
	if k.Stratify == "" {
		columns = nil
	}
	r, err := openColumns(env, "in", columns...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if k.Stratify == "" && r.Rows() >= 0 {
		c.total = r.Rows()
		c.counts[""] = &c.total
		return c, nil
	}
	for batch, err := range table.All(r) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = c.add(batch, k.Stratify)
		}
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *classCounts) add(batch arrow.RecordBatch, column string) error {
	var key []byte
	for i := range int(batch.NumRows()) {
		key = key[:0]
		if column != "" {
			col := batch.Column(0)
			if col.IsNull(i) {
				return fmt.Errorf(`row %d, column %q: it is null and so in no class; drop such rows with clean's drop_null`, c.total+int64(i)+1, column)
			}
			key = rows.AppendKey(key, col, i)
		}
		n, ok := c.counts[string(key)]
		if !ok {
			if len(c.counts) == maxClasses {
				return fmt.Errorf("row %d, column %q: there are more than %d different values, so they are no classes; stratify by another column", c.total+int64(i)+1, column, maxClasses)
			}
			n = new(int64)
			c.counts[string(key)] = n
			c.names[string(key)] = fmt.Sprintf("%q", fmt.Sprint(rows.Value(batch.Column(0), i)))
		}
		*n++
	}
	c.total += batch.NumRows()
	return nil
}

// quota is how many rows of a class each part still takes.
type quota struct {
	left  [partCount]int64
	total int64
}

// apportion divides each class's rows by the shares, exactly: each part gets
// its share of the class rounded down or up, by the largest remainders. What
// rounding took from a part in one class it gets first in the next, so that the
// parts' sizes come out right as well. The first row of a class goes to train,
// because a class that is never trained cannot be told.
func apportion(classes []classCount, shares [partCount]float64) map[string]*quota {
	out := make(map[string]*quota, len(classes))
	var owed [partCount]float64 // by all classes so far
	for _, c := range classes {
		q := &quota{total: c.count}
		var exact, due [partCount]float64
		rest := c.count
		for p, share := range shares {
			exact[p] = share * float64(c.count)
			// 0.1 × 30 is a little more than 3 in binary, and 0.7 × 10 a little less than 7.
			if r := math.Round(exact[p]); math.Abs(exact[p]-r) < 1e-6 {
				exact[p] = r
			}
			q.left[p] = int64(exact[p])
			due[p] = exact[p] - float64(q.left[p])
			rest -= q.left[p]
		}
		for ; rest > 0; rest-- {
			p := mostDue(due, owed, shares)
			if q.left[trainPart] == 0 {
				p = trainPart
			}
			q.left[p]++
			due[p] = 0
		}
		for p := range owed {
			owed[p] += exact[p] - float64(q.left[p])
		}
		out[c.key] = q
	}
	return out
}

// mostDue chooses the part to round up: one whose share has a fraction, and of
// those the one that is owed most. Ties go to the first.
func mostDue(due, owed, shares [partCount]float64) int {
	best, most := trainPart, math.Inf(-1)
	for p := range due {
		if shares[p] > 0 && due[p] > 0 && due[p]+owed[p] > most+1e-9 {
			best, most = p, due[p]+owed[p]
		}
	}
	return best
}

// quotaSplit draws for each row among the parts that still take rows of its
// class, in proportion to how many they take: every division with these numbers
// is equally probable (selection sampling, Knuth, The Art of Computer
// Programming 2, 3.4.2, algorithm S).
type quotaSplit struct {
	column string
	quotas map[string]*quota
	draw   *rand.Rand
	key    []byte
}

func newQuotaSplit(column string, quotas map[string]*quota, seed uint64) *quotaSplit {
	return &quotaSplit{column: column, quotas: quotas, draw: generator(seed, "split")}
}

func (s *quotaSplit) assign(parts []int, batch arrow.RecordBatch, first int64) ([]int, error) {
	var col arrow.Array
	if s.column != "" {
		at, err := columnsOf(batch.Schema(), []string{s.column})
		if err != nil {
			return nil, err
		}
		col = batch.Column(at[0])
	}
	for i := range int(batch.NumRows()) {
		s.key = s.key[:0]
		if col != nil {
			s.key = rows.AppendKey(s.key, col, i)
		}
		q := s.quotas[string(s.key)]
		if q == nil || q.total == 0 {
			return nil, fmt.Errorf("row %d: the table had other rows when they were counted", first+int64(i))
		}
		parts = append(parts, q.take(s.draw.Int64N(q.total)))
	}
	return parts, nil
}

// take gives a row to the part that the n-th of the places left belongs to.
func (q *quota) take(n int64) int {
	q.total--
	for p := range q.left {
		if n < q.left[p] {
			q.left[p]--
			return p
		}
		n -= q.left[p]
	}
	panic("stages: a quota has fewer places than its total")
}

// orderSplit fills one part after the other.
type orderSplit struct{ quota *quota }

func (s *orderSplit) assign(parts []int, batch arrow.RecordBatch, first int64) ([]int, error) {
	for i := range batch.NumRows() {
		if s.quota.total == 0 {
			return nil, fmt.Errorf("row %d: the table had fewer rows when they were counted", first+i)
		}
		parts = append(parts, s.quota.take(0))
	}
	return parts, nil
}
