package transform

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// ColumnFit learns from the values of one column, in the order of the table,
// and gives the column with one more step.
type ColumnFit interface {
	// Add takes the rows of a batch; first is the number of its first row, from 1.
	Add(batch arrow.RecordBatch, first int64) error
	// Column ends the fit.
	Column() (TabularColumn, error)
}

// With gives the transform with columns that were fitted.
func (t *Tabular) With(fits []ColumnFit) (*Tabular, error) {
	for _, f := range fits {
		c, err := f.Column()
		if err == nil {
			err = c.complete()
		}
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", c.Name, err)
		}
		t = t.with(c)
	}
	return t, nil
}

// each calls f with each value of the column.
func (c *TabularColumn) each(batch arrow.RecordBatch, first int64, f func(v value) (problem string)) error {
	col, err := c.array(batch)
	if err != nil {
		return err
	}
	for i := range col.Len() {
		if problem := f(cell(col, i)); problem != "" {
			return &RowError{first + int64(i), c.Name, problem}
		}
	}
	return nil
}

// scaleFit learns how to scale numbers.
type scaleFit struct {
	TabularColumn
	method    string
	n         int64
	low, high float64
	mean, m2  float64 // Welford 1962
}

// FitScale begins to learn how to scale a column: by "standard" to mean 0 and
// variance 1 (of the whole, with n), or by "min_max" to the range from 0 to 1. A
// column of one value becomes 0.
func (t *Tabular) FitScale(name string, d arrow.DataType, method string) (ColumnFit, error) {
	c, err := t.column(name, d)
	switch {
	case err != nil:
		return nil, err
	case c.OneHot != nil:
		return nil, fmt.Errorf("column %q is zeros and ones already, which are not scaled", name)
	case c.text():
		return nil, fmt.Errorf("column %q holds text; make numbers of it with one_hot", name)
	case c.Scale != nil:
		return nil, fmt.Errorf("column %q is scaled already", name)
	}
	return &scaleFit{TabularColumn: c, method: method}, nil
}

func (f *scaleFit) Add(batch arrow.RecordBatch, first int64) error {
	return f.each(batch, first, func(v value) string {
		x, problem := f.number(v)
		if problem != "" {
			return problem
		}
		if f.n == 0 {
			f.low, f.high = x, x
		}
		f.low, f.high = min(f.low, x), max(f.high, x)
		f.n++
		d := x - f.mean
		f.mean += d / float64(f.n)
		f.m2 += float64(d * (x - f.mean)) // the conversion keeps compilers from fusing, which would give other bits
		return ""
	})
}

func (f *scaleFit) Column() (TabularColumn, error) {
	c := f.TabularColumn
	if f.n == 0 {
		return c, fmt.Errorf("there are no rows to learn its scale from")
	}
	c.Scale = &Scale{Center: f.low, Width: f.high - f.low}
	if f.method == "standard" {
		c.Scale = &Scale{Center: f.mean, Width: math.Sqrt(f.m2 / float64(f.n))}
	}
	if c.Scale.Width == 0 {
		c.Scale.Width = 1
	}
	return c, nil
}

// oneHotFit learns which categories there are.
type oneHotFit struct {
	TabularColumn
	counts  map[string]int64
	most    int
	unknown string
}

// maxDistinct bounds the different values that a fit keeps of a column.
const maxDistinct = 1_000_000

// FitOneHot begins to learn the categories of a column: the most frequent ones,
// up to a number, of equally frequent ones the first by their bytes.
func (t *Tabular) FitOneHot(name string, d arrow.DataType, most int, unknown string) (ColumnFit, error) {
	c, err := t.column(name, d)
	switch {
	case err != nil:
		return nil, err
	case c.OneHot != nil:
		return nil, fmt.Errorf("column %q is zeros and ones already", name)
	case c.Scale != nil:
		return nil, fmt.Errorf("column %q is scaled already; let one_hot come before normalize", name)
	}
	return &oneHotFit{TabularColumn: c, counts: map[string]int64{}, most: most, unknown: unknown}, nil
}

func (f *oneHotFit) Add(batch arrow.RecordBatch, first int64) error {
	return f.each(batch, first, func(v value) string {
		name, problem := f.category(v)
		if problem != "" {
			return problem
		}
		return count(f.counts, name)
	})
}

// count counts a category, whose text is kept only where it is new.
func count(counts map[string]int64, name string) (problem string) {
	n, known := counts[name]
	if !known {
		if len(counts) == maxDistinct {
			return fmt.Sprintf("the column has more than %d different values, which are no categories", maxDistinct)
		}
		name = strings.Clone(name)
	}
	counts[name] = n + 1
	return ""
}

// frequent lists categories, the most frequent ones first.
func frequent(counts map[string]int64) []string {
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if counts[a] != counts[b] {
			return int(min(max(counts[b]-counts[a], -1), 1))
		}
		return strings.Compare(a, b)
	})
	return names
}

func (f *oneHotFit) Column() (TabularColumn, error) {
	c := f.TabularColumn
	names := frequent(f.counts)
	if len(names) == 0 {
		return c, fmt.Errorf("there are no rows to learn its categories from")
	}
	names = slices.Clone(names[:min(len(names), f.most)])
	slices.Sort(names)
	c.OneHot = &OneHot{Categories: names, Unknown: f.unknown}
	return c, nil
}

// fillText writes a number as Fill has it.
func fillText(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// PlaceScale stands for a scale that is not learnt yet, so that what a table
// becomes is known before.
func (t *Tabular) PlaceScale(name string, d arrow.DataType) (ColumnFit, error) {
	c, err := t.column(name, d)
	c.Scale = &Scale{Width: 1}
	return fixed{c}, err
}

// PlaceFill stands for a filling that is not learnt yet.
func (t *Tabular) PlaceFill(name string, d arrow.DataType) (ColumnFit, error) {
	c, err := t.column(name, d)
	fill := "0"
	c.Fill = &fill
	return fixed{c}, err
}
