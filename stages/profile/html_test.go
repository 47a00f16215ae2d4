package profile

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
)

// numbers profiles a column of whole numbers.
func numbers(t *testing.T, values ...int) (*Column, card) {
	t.Helper()
	rows := make([]string, len(values))
	for i, v := range values {
		rows[i] = fmt.Sprintf(`{"n":%d}`, v)
	}
	s := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	c := of(batch(t, s, "["+strings.Join(rows, ",")+"]"), 1000).Columns[0]
	return c, newCard(c, int64(len(values)))
}

func TestFewNumbersAreListed(t *testing.T) {
	_, c := numbers(t, 0, 0, 0, 1)
	if c.Chart != nil || fmt.Sprint(c.Values) != "[{0 3 75.0\u202f% 100} {1 1 25.0\u202f% 33.3}]" {
		t.Errorf("%+v", c)
	}
	if fmt.Sprint(c.Facts) != "[{mean 0.25} {standard deviation 0.5}]" || c.Note != "2 different values · no nulls" {
		t.Errorf("%s: %v", c.Note, c.Facts)
	}
}

func TestHistogramHasAxes(t *testing.T) {
	values := make([]int, 500)
	for i := range values {
		values[i] = i * i % 997
	}
	column, c := numbers(t, values...)
	if c.Values != nil || c.Chart == nil {
		t.Fatalf("%+v", c)
	}
	if first := c.Chart.X[0].Label; len(c.Chart.X) < 2 || first != "0" {
		t.Errorf("the axis is %v", c.Chart.X)
	}
	if n := len(c.Chart.Y); n < 3 || n > 5 || c.Chart.Y[0].Label != "0" {
		t.Errorf("the axis is %v", c.Chart.Y)
	}
	if len(c.Chart.Bars) == 0 || len(c.Chart.Bars) > len(column.Numbers.Histogram.Counts) {
		t.Errorf("%d bars", len(c.Chart.Bars))
	}
	for _, b := range c.Chart.Bars {
		y, err := strconv.ParseFloat(b.Y, 64)
		if err != nil || y < plotTop || y > plotBottom {
			t.Errorf("a bar begins at %s", b.Y)
		}
	}
	names := make([]string, len(c.Facts))
	for i, f := range c.Facts {
		names[i] = f.Name
	}
	if got := strings.ReplaceAll(strings.Join(names, ", "), "\u202f", " "); got != "mean, standard deviation, minimum, 5 % are below, 25 % are below, median, 75 % are below, 95 % are below, maximum" {
		t.Error(got)
	}
}

func TestAxes(t *testing.T) {
	for _, c := range []struct {
		n, step int64
		last    string
	}{{1, 1, "1"}, {4, 1, "4"}, {5, 2, "6"}, {3100, 1000, "4\u202f000"}, {36_000, 10_000, "40k"}, {3_000_000, 1_000_000, "3M"}} {
		step := roundStep(c.n)
		if step != c.step {
			t.Errorf("%d: steps of %d, want %d", c.n, step, c.step)
		}
		if got := axisCount((c.n + step - 1) / step * step); got != c.last {
			t.Errorf("%d: the axis ends with %s, want %s", c.n, got, c.last)
		}
	}
}
