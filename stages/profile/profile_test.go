package profile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

func batch(t testing.TB, s *arrow.Schema, rows string) arrow.RecordBatch {
	t.Helper()
	b, _, err := array.RecordFromJSON(memory.DefaultAllocator, s, strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Release)
	return b
}

// of profiles a batch that comes in parts.
func of(b arrow.RecordBatch, size int64) *Profile {
	p := NewBuilder(b.Schema(), 7)
	each := func(f func(arrow.RecordBatch)) {
		for from := int64(0); from < b.NumRows(); from += size {
			part := b.NewSlice(from, min(from+size, b.NumRows()))
			f(part)
			part.Release()
		}
	}
	each(p.Add)
	if p.Again() {
		each(p.AddAgain)
	}
	return p.Profile()
}

var small = arrow.NewSchema([]arrow.Field{
	{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "<b>text", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "day", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
	{Name: "yes", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	{Name: "tags", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
}, nil)

const smallRows = `[
	{"n":1,"<b>text":"a","day":"2026-01-01","yes":true,"tags":["x"]}, {"n":2,"<b>text":"äöü","day":"2026-01-03","yes":true,"tags":[]},
	{"n":4,"<b>text":"a","day":null,"yes":false,"tags":["x"]}, {"n":null,"<b>text":null,"day":null,"yes":null,"tags":null}]`

func TestProfile(t *testing.T) {
	p := of(batch(t, small, smallRows), 4)
	n, text, day, yes, tags := p.Columns[0], p.Columns[1], p.Columns[2], p.Columns[3], p.Columns[4]
	if p.Rows != 4 || n.Nulls != 1 || n.Distinct != 3 || !n.DistinctExact || n.Top != nil || n.Type != "int64" {
		t.Errorf("n: %+v of %d rows", n, p.Rows)
	}
	if x := n.Numbers; x.Min != 1 || x.Max != 4 || math.Abs(x.Mean-7.0/3) > 1e-15 || math.Abs(x.Std-math.Sqrt(7.0/3)) > 1e-15 || x.Quantiles[4] != (Quantile{0.5, 2}) || x.Quantiles[5] != (Quantile{0.75, 3}) {
		t.Errorf("n: %+v", x)
	}
	if h := n.Numbers.Histogram; len(h.Counts) != 20 || h.Counts[0] != 1 || h.Counts[6] != 1 || h.Counts[19] != 1 || h.Edges[20] != 4 {
		t.Errorf("histogram of n: %+v", h)
	}
	if !reflect.DeepEqual(text.Length, &Length{1, 3, 5.0 / 3}) || !reflect.DeepEqual(text.Top, []Count{{"a", 2}, {"äöü", 1}}) {
		t.Errorf("text: %+v %+v", text.Length, text.Top)
	}
	if day.Numbers.Max-day.Numbers.Min != 2*86400 || day.Nulls != 2 {
		t.Errorf("day: %+v", day.Numbers)
	}
	if !reflect.DeepEqual(yes.Top, []Count{{"true", 2}, {"false", 1}}) || yes.Numbers != nil {
		t.Errorf("yes: %+v", yes)
	}
	if tags.Distinct != 2 || tags.Nulls != 1 {
		t.Errorf("tags: %+v", tags)
	}
}

func TestProfileOfNothing(t *testing.T) {
	for _, rows := range []string{`[]`, `[{"n":null}]`} {
		p := of(batch(t, small, rows), 1)
		if c := p.Columns[0]; c.Numbers != nil || c.Distinct != 0 {
			t.Errorf("%s: %+v", rows, c)
		}
		if err := p.WriteHTML(new(bytes.Buffer)); err != nil {
			t.Error(err)
		}
	}
}

func TestNotFinite(t *testing.T) {
	s := arrow.NewSchema([]arrow.Field{{Name: "f", Type: arrow.PrimitiveTypes.Float64}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	b.Field(0).(*array.Float64Builder).AppendValues([]float64{math.NaN(), 1, math.Inf(1), math.Inf(-1), 1}, nil)
	p := of(b.NewRecordBatch(), 5)
	c := p.Columns[0]
	if c.NotFinite != 3 || c.Numbers.Mean != 1 || !reflect.DeepEqual(c.Numbers.Histogram, Histogram{Edges: []float64{1, 1}, Counts: []int64{2}}) {
		t.Errorf("%+v %+v", c, c.Numbers)
	}
	if _, err := json.Marshal(p); err != nil {
		t.Error(err)
	}
}

// The figures equal those of plain loops over all values, and the batches do
// not matter.
func TestProfileOfManyNumbers(t *testing.T) {
	const n = 130_000
	s := arrow.NewSchema([]arrow.Field{{Name: "f", Type: arrow.PrimitiveTypes.Float64}, {Name: "id", Type: arrow.PrimitiveTypes.Int64}}, nil)
	rng := rand.New(rand.NewPCG(1, 2))
	values := make([]float64, n)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	for i := range values {
		values[i] = math.Round(rng.NormFloat64()*1e4) / 100
		b.Field(0).(*array.Float64Builder).Append(values[i])
		b.Field(1).(*array.Int64Builder).Append(int64(i))
	}
	whole := b.NewRecordBatch()
	defer whole.Release()
	p := of(whole, n)
	if again := of(whole, 777); !reflect.DeepEqual(p, again) {
		t.Error("another profile in other batches")
	}
	sum, squares := 0.0, 0.0
	for _, v := range values {
		sum += v
	}
	for _, v := range values {
		squares += (v - sum/n) * (v - sum/n)
	}
	x := p.Columns[0].Numbers
	if math.Abs(x.Mean-sum/n) > 1e-9 || math.Abs(x.Std-math.Sqrt(squares/(n-1))) > 1e-9 {
		t.Errorf("mean %g and deviation %g, want %g and %g", x.Mean, x.Std, sum/n, math.Sqrt(squares/(n-1)))
	}
	h, total := x.Histogram, int64(0)
	for i, c := range h.Counts {
		want := int64(0)
		for _, v := range values {
			if v >= h.Edges[i] && (v < h.Edges[i+1] || i == len(h.Counts)-1) {
				want++
			}
		}
		if c != want {
			t.Errorf("bin %d has %d values, want %d", i, c, want)
		}
		total += c
	}
	if total != n {
		t.Errorf("the bins have %d values", total)
	}
	sorted := slices.Sorted(slices.Values(values))
	for _, q := range x.Quantiles {
		rank, _ := slices.BinarySearch(sorted, q.Value)
		if off := math.Abs(float64(rank)/n - q.Share); off > 0.01 || !x.Sampled {
			t.Errorf("the %g quantile %g has rank %g", q.Share, q.Value, float64(rank)/n)
		}
	}
	id := p.Columns[1]
	if off := math.Abs(float64(id.Distinct)/n - 1); off > 0.03 || id.DistinctExact || id.Top != nil {
		t.Errorf("%d different ids of %d", id.Distinct, n)
	}
}

func TestHTML(t *testing.T) {
	p := of(batch(t, small, smallRows), 4)
	var b bytes.Buffer
	if err := p.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"4 rows, 5 columns", "&lt;b&gt;text", "2026-01-02", "· 1 null (25.0\u202f%)", "<title>1 to 1.15: 1</title>"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(b.String(), "<b>text") || strings.Contains(b.String(), "http:") || strings.Contains(b.String(), "https:") {
		t.Error("the page has markup from the data, or a link")
	}
}

func BenchmarkAdd(b *testing.B) {
	var rows []string
	for i := range 4096 {
		rows = append(rows, fmt.Sprintf(`{"n":%d,"<b>text":"text %d","day":"2026-01-%02d","yes":%t}`, i, i%500, 1+i%28, i%2 == 0))
	}
	x := batch(b, small, "["+strings.Join(rows, ",")+"]")
	p := NewBuilder(small, 1)
	for b.Loop() {
		p.Add(x)
	}
	b.ReportMetric(float64(b.N)*4096/b.Elapsed().Seconds(), "rows/s")
}
