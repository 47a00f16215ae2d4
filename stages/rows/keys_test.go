package rows

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// An Index finds what AppendKey says is equal, for every type of column and for
// two columns together.
func TestIndexFindsEqualKeys(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	key := func(b arrow.RecordBatch, cols []int, row int) string {
		var k []byte
		for _, c := range cols {
			if b.Column(c).IsNull(row) {
				return ""
			}
			k = AppendKey(k, b.Column(c), row)
		}
		return "k" + string(k)
	}
	whole := sample(t, rng, 3000)
	defer whole.Release()
	right := whole.NewSlice(1, 2001)
	defer right.Release()
	left := whole.NewSlice(1003, 3000)
	defer left.Release()
	for c := range int(whole.NumCols()) {
		for _, cols := range [][]int{{c}, {c, 0}} {
			types := make([]arrow.DataType, len(cols))
			for i, c := range cols {
				types[i] = whole.Schema().Field(c).Type
			}
			x := NewIndex(types)
			next := x.Chain(right, cols)
			first := map[string]int32{}
			for i := int(right.NumRows()) - 1; i >= 0; i-- {
				k, want := key(right, cols, i), int32(-1)
				if later, ok := first[k]; ok && k != "" {
					want = later
				}
				if next[i] != want {
					t.Fatalf("%s: after row %d comes %d, want %d", whole.ColumnName(c), i, next[i], want)
				}
				first[k] = int32(i)
			}
			for i, got := range x.Find(left, cols) {
				k, want := key(left, cols, i), int32(-1)
				if at, ok := first[k]; ok && k != "" {
					want = at
				}
				if got != want {
					t.Fatalf("%s: row %d meets %d, want %d", whole.ColumnName(c), i, got, want)
				}
			}
		}
	}
}

func TestMapText(t *testing.T) {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	var want []string
	for i := range 5000 {
		if i%7 == 0 {
			b.AppendNull()
			want = append(want, "")
			continue
		}
		s := strings.Repeat("é", i%5)
		b.Append(s)
		want = append(want, s+s+"!")
	}
	all := b.NewStringArray()
	defer all.Release()
	for _, from := range []int64{0, 3, 4999, 5000} {
		col := array.NewSlice(all, from, 5000).(*array.String)
		got, err := MapText(col, func(dst []byte, s string) []byte { return append(append(append(dst, s...), s...), '!') })
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(got); err != nil || got.NullN() != col.NullN() {
			t.Fatalf("%v, %d nulls, want %d", err, got.NullN(), col.NullN())
		}
		for i := range got.Len() {
			if text := want[int(from)+i]; got.IsNull(i) != (text == "") || text != "" && got.(*array.String).Value(i) != text {
				t.Fatalf("row %d of those from %d: %q, want %q", i, from, got.ValueStr(i), text)
			}
		}
		got.Release()
		col.Release()
	}
}
