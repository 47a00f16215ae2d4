package rows

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

var kernelSchema = arrow.NewSchema([]arrow.Field{
	{Name: "i", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "j", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true}, {Name: "y", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "t", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "p", Type: arrow.FixedWidthTypes.Boolean, Nullable: true}, {Name: "q", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
}, nil)

// kernelBatch draws rows with nulls and with values that make errors; calm rows
// have none of the latter.
func kernelBatch(rng *rand.Rand, n int, calm bool) arrow.RecordBatch {
	ints := []int64{0, 1, -1, 2, 7, 1000, math.MaxInt64, math.MinInt64}
	floats := []float64{0, 1, -1.5, 2, 1e300, math.Inf(1), math.NaN()}
	if calm {
		ints, floats = ints[1:6], floats[:4]
	}
	texts := []string{"", "a", "ab", "äb", "b", "abc"}
	b := array.NewRecordBuilder(memory.DefaultAllocator, kernelSchema)
	defer b.Release()
	for range n {
		for f, field := range b.Fields() {
			if f%2 == 0 && rng.IntN(5) == 0 {
				field.AppendNull()
				continue
			}
			switch c := field.(type) {
			case *array.Int64Builder:
				c.Append(ints[rng.IntN(len(ints))])
			case *array.Float64Builder:
				c.Append(floats[rng.IntN(len(floats))])
			case *array.StringBuilder:
				c.Append(texts[rng.IntN(len(texts))])
			case *array.BooleanBuilder:
				c.Append(rng.IntN(2) == 0)
			}
		}
	}
	return b.NewRecordBatch()
}

// drawn writes an expression of a type.
func drawn(rng *rand.Rand, typ string, depth int) string {
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	sub := func(typ string) string { return drawn(rng, typ, depth-1) }
	if depth == 0 {
		switch typ {
		case "int":
			return pick("i", "j", "0", "3", "-1", "9223372036854775807")
		case "float":
			return pick("x", "y", "0.5", "-2.0")
		case "text":
			return pick("s", "t", `"a"`, `"äb"`)
		}
		return pick("p", "q", "true")
	}
	switch typ {
	case "int":
		return pick("("+sub("int")+pick(" + ", " - ", " * ", " / ", " % ")+sub("int")+")", "size("+sub("text")+")")
	case "float":
		return pick("("+sub("float")+pick(" + ", " - ", " * ", " / ")+sub("float")+")", "double("+sub("int")+")", "-("+sub("float")+")")
	case "text":
		return sub("text")
	}
	of := pick("int", "float", "text", "bool")
	compare := pick(" == ", " != ", " < ", " <= ", " > ", " >= ")
	if of == "bool" {
		compare = pick(" == ", " != ")
	}
	return pick("("+sub(of)+compare+sub(of)+")", "("+sub("bool")+pick(" && ", " || ")+sub("bool")+")", "!("+sub("bool")+")",
		sub("text")+pick(".startsWith(", ".endsWith(", ".contains(")+sub("text")+")", "("+sub("float")+pick(" < ", " <= ", " > ", " >= ")+pick("2", "-1")+")")
}

// A kernel gives what the evaluation row by row gives: the same rows, values and
// errors.
func TestKernelsEqualRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	batches := []arrow.RecordBatch{kernelBatch(rng, 60, true), kernelBatch(rng, 60, false), kernelBatch(rng, 1, false)}
	used := 0
	for range 3000 {
		source := drawn(rng, []string{"int", "float", "text", "bool"}[rng.IntN(4)], 1+rng.IntN(3))
		fast, err := NewColumn(kernelSchema, source)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		if fast.team[0].kernel == nil {
			t.Fatalf("%s has no kernel", source)
		}
		slow, err := NewColumn(kernelSchema, source)
		if err != nil {
			t.Fatal(err)
		}
		slow.team[0].kernel = nil
		for k, b := range batches {
			if _, ok := fast.team[0].kernel(b, 0, int(b.NumRows())); ok {
				used++
			}
			for _, lenient := range []bool{false, true} {
				x, xf, xe := fast.Compute(b, 5, lenient)
				y, yf, ye := slow.Compute(b, 5, lenient)
				if fmt.Sprint(xe) != fmt.Sprint(ye) || xf != yf {
					t.Fatalf("%s, batch %d: %v and %d by kernels, %v and %d by rows", source, k, xe, xf, ye, yf)
				}
				if xe == nil && fmt.Sprint(x) != fmt.Sprint(y) {
					t.Fatalf("%s, batch %d:\n%v by kernels\n%v by rows", source, k, x, y)
				}
			}
			if fast.team[0].form != formBool {
				continue
			}
			var kept [2][]int
			var errs [2]error
			for w, e := range []*Evaluator{fast.team[0], slow.team[0]} {
				all := make([]int, 0, b.NumRows())
				for i := range int(b.NumRows()) {
					if i%3 != 1 {
						all = append(all, i)
					}
				}
				kept[w], errs[w] = (&Filter{team{e}}).Select(b, all, 5)
			}
			if !slices.Equal(kept[0], kept[1]) || fmt.Sprint(errs[0]) != fmt.Sprint(errs[1]) {
				t.Fatalf("%s, batch %d: %v and %v by kernels, %v and %v by rows", source, k, kept[0], errs[0], kept[1], errs[1])
			}
		}
	}
	if used < 3000 {
		t.Errorf("kernels gave a result for %d of 9000 batches only", used)
	}
}

// What has no kernel is not miscompiled.
func TestNoKernels(t *testing.T) {
	for _, source := range []string{"s + t", "p ? i : j", "i in [1, 2]", "row.i > 1", "double(i) < j", "s.matches('a')", "[i][0] > 1", "i < x", "timestamp('2026-01-01T00:00:00Z') < timestamp('2026-01-01T00:00:00Z')"} {
		c, err := NewColumn(kernelSchema, source)
		if err != nil {
			t.Fatal(err)
		}
		if c.team[0].kernel != nil {
			t.Errorf("%s has a kernel", source)
		}
	}
}

func BenchmarkFilter(b *testing.B) {
	batch := kernelBatch(rand.New(rand.NewPCG(1, 2)), 1<<16, true)
	defer batch.Release()
	for _, kernels := range []bool{true, false} {
		b.Run(strings.ReplaceAll(fmt.Sprintf("kernels=%t", kernels), " ", ""), func(b *testing.B) {
			f, err := NewFilter(kernelSchema, `x * 2.0 > y + 1.0 && s != "ab"`)
			if err != nil {
				b.Fatal(err)
			}
			if !kernels {
				f.team[0].kernel = nil
			}
			all := make([]int, batch.NumRows())
			for b.Loop() {
				for i := range all {
					all[i] = i
				}
				if _, err := f.Select(batch, all, 1); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*float64(batch.NumRows())/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
