package transform

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

// imputeFit learns what stands for a null.
type imputeFit struct {
	TabularColumn
	strategy string
	mean     float64
	n        int64
	values   []float64        // for the median
	counts   map[string]int64 // for the most frequent value
}

// FitImpute begins to learn what stands for the nulls of a column: the "mean"
// or the "median" of its numbers, or its "most_frequent" value, of equally
// frequent ones the first by the bytes of its text.
func (t *Tabular) FitImpute(name string, d arrow.DataType, strategy string) (ColumnFit, error) {
	c, err := t.imputable(name, d)
	if err != nil {
		return nil, err
	}
	if TabularForm(d) != "numbers" && strategy != "most_frequent" {
		return nil, fmt.Errorf("column %q is %s and has no %s; use most_frequent or value", name, d, strategy)
	}
	return &imputeFit{TabularColumn: c, strategy: strategy, counts: map[string]int64{}}, nil
}

// FillWith puts a fixed value in place of the nulls of a column.
func (t *Tabular) FillWith(name string, d arrow.DataType, fill string) (ColumnFit, error) {
	c, err := t.imputable(name, d)
	if err != nil {
		return nil, err
	}
	c.Fill = &fill
	if err := c.complete(); err != nil {
		return nil, fmt.Errorf("column %q: %w", name, err)
	}
	return fixed{c}, nil
}

// imputable gives a column whose gaps may still be filled.
func (t *Tabular) imputable(name string, d arrow.DataType) (TabularColumn, error) {
	c, err := t.column(name, d)
	switch {
	case err != nil:
		return c, err
	case c.Fill != nil:
		return c, fmt.Errorf("the gaps of column %q are filled already", name)
	case c.OneHot != nil || c.Scale != nil:
		return c, fmt.Errorf("column %q is encoded or scaled already; let impute come first", name)
	}
	return c, nil
}

// fixed learns nothing.
type fixed struct{ TabularColumn }

func (f fixed) Add(arrow.RecordBatch, int64) error { return nil }
func (f fixed) Column() (TabularColumn, error)     { return f.TabularColumn, nil }

func (f *imputeFit) Add(batch arrow.RecordBatch, first int64) error {
	return f.each(batch, first, func(v value) string {
		if v.null {
			return ""
		}
		if f.strategy == "most_frequent" {
			name, problem := f.category(v)
			if problem == "" {
				problem = count(f.counts, name)
			}
			return problem
		}
		x, problem := f.number(v)
		if problem != "" {
			return problem
		}
		f.n++
		f.mean += (x - f.mean) / float64(f.n)
		if f.strategy == "median" {
			f.values = append(f.values, x)
		}
		return ""
	})
}

func (f *imputeFit) Column() (TabularColumn, error) {
	c := f.TabularColumn
	var fill string
	switch {
	case f.n == 0 && len(f.counts) == 0:
		return c, fmt.Errorf("all its values are null, so nothing can stand for them; use `strategy: value`, or leave the column out")
	case f.strategy == "most_frequent":
		fill = frequent(f.counts)[0]
	case f.strategy == "median":
		slices.Sort(f.values)
		low, high := f.values[(len(f.values)-1)/2], f.values[len(f.values)/2]
		fill = fillText(low + (high-low)/2)
	default:
		fill = fillText(f.mean)
	}
	c.Fill = &fill
	return c, nil
}
