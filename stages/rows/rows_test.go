package rows

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// everyType has a column of each type that a table may hold.
var everyType = arrow.NewSchema([]arrow.Field{
	{Name: "bool", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	{Name: "i8", Type: arrow.PrimitiveTypes.Int8, Nullable: true},
	{Name: "i16", Type: arrow.PrimitiveTypes.Int16, Nullable: true},
	{Name: "i32", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
	{Name: "i64", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "u8", Type: arrow.PrimitiveTypes.Uint8, Nullable: true},
	{Name: "u64", Type: arrow.PrimitiveTypes.Uint64, Nullable: true},
	{Name: "f32", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
	{Name: "f64", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: "utf8", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "binary", Type: arrow.BinaryTypes.Binary, Nullable: true},
	{Name: "date", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
	{Name: "time", Type: &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}, Nullable: true},
	{Name: "decimal", Type: &arrow.Decimal128Type{Precision: 10, Scale: 2}, Nullable: true},
	{Name: "list", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
	{Name: "pair", Type: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int64), Nullable: true},
	{Name: "struct", Type: arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, arrow.Field{Name: "b", Type: arrow.ListOf(arrow.FixedWidthTypes.Boolean), Nullable: true}), Nullable: true},
}, nil)

// sample makes a batch of every type, with nulls in between.
func sample(t testing.TB, rng *rand.Rand, n int) arrow.RecordBatch {
	t.Helper()
	value := func(format string, args ...any) string {
		if rng.IntN(4) == 0 {
			return "null"
		}
		return fmt.Sprintf(format, args...)
	}
	var rows []string
	for i := range n {
		k := rng.IntN(100)
		rows = append(rows, "{"+strings.Join([]string{
			`"bool":` + value("%t", k%2 == 0), `"i8":` + value("%d", -k), `"i16":` + value("%d", k), `"i32":` + value("%d", k*1000), `"i64":` + value("%d", k<<40),
			`"u8":` + value("%d", k), `"u64":` + value("%d", k), `"f32":` + value("%d.5", k), `"f64":` + value("%d.25", k), `"utf8":` + value("%q", strings.Repeat("ä", k%5)),
			`"binary":` + value(`"AQID"`), `"date":` + value(`"2026-11-%02d"`, 1+k%28), `"time":` + value(`"2026-11-23T10:00:%02dZ"`, k%60), `"decimal":` + value(`"%d.25"`, k),
			`"list":` + value(`["x",null,"%d"]`, k), `"pair":` + value(`[%d,null]`, k), `"struct":` + value(`{"a":%d,"b":[true,%t]}`, i, k%2 == 0),
		}, ",")+"}")
	}
	b, _, err := array.RecordFromJSON(memory.DefaultAllocator, everyType, strings.NewReader("["+strings.Join(rows, ",")+"]"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Take equals the pieces of the batch one behind the other.
func TestTakeEqualsConcatenation(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		whole := sample(t, rng, 40)
		from := rng.Int64N(20)
		batch := whole.NewSlice(from, from+20) // an offset, not on a byte's border
		indices := make([]int, rng.IntN(50))
		for i := range indices {
			indices[i] = rng.IntN(20)
		}
		got := Take(batch, indices)
		if got.NumRows() != int64(len(indices)) {
			t.Fatalf("%d rows, want %d", got.NumRows(), len(indices))
		}
		for c := range int(batch.NumCols()) {
			col := batch.Column(c)
			if err := validate(got.Column(c)); err != nil {
				t.Fatalf("%s: %v", everyType.Field(c).Name, err)
			}
			for to, i := range indices {
				if !array.SliceEqual(col, int64(i), int64(i+1), got.Column(c), int64(to), int64(to+1)) {
					t.Fatalf("%s: row %d is %s, want row %d, %s", everyType.Field(c).Name, to, got.Column(c).ValueStr(to), i, col.ValueStr(i))
				}
			}
		}
		got.Release()
		batch.Release()
		whole.Release()
	}
}

// validate asks Arrow whether an array that was put together by hand is sound.
func validate(a arrow.Array) error {
	if v, ok := a.(interface{ ValidateFull() error }); ok {
		return v.ValidateFull()
	}
	return nil
}

func TestTakeOfNoRow(t *testing.T) {
	batch := sample(t, rand.New(rand.NewPCG(1, 2)), 3)
	defer batch.Release()
	got := Take(batch, []int{-1, 0, -1})
	defer got.Release()
	for c := range int(got.NumCols()) {
		if col := got.Column(c); !col.IsNull(0) || !col.IsNull(2) || col.IsNull(1) != batch.Column(c).IsNull(0) {
			t.Errorf("%s: %v", everyType.Field(c).Name, col)
		}
	}
}

func TestValue(t *testing.T) {
	b, _, err := array.RecordFromJSON(memory.DefaultAllocator, everyType, strings.NewReader(`[{"bool":true,"i8":-1,"i16":2,"i32":3,"i64":4,"u8":5,"u64":18446744073709551615,"f32":0.5,"f64":0.25,"utf8":"ä",
		"binary":"AQID","date":"2026-11-23","time":"2026-11-23T10:00:01Z","decimal":"7.25","list":["x",null],"pair":[1,2],"struct":{"a":1,"b":[true]}}]`))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	want := []any{true, int64(-1), int64(2), int64(3), int64(4), int64(5), float64(math.MaxUint64), 0.5, 0.25, "ä", []byte{1, 2, 3}, day, day.Add(10*time.Hour + time.Second), 7.25,
		[]any{"x", nil}, []any{int64(1), int64(2)}, map[string]any{"a": int64(1), "b": []any{true}}}
	for i, w := range want {
		if got := Value(b.Column(i), 0); !reflect.DeepEqual(got, w) {
			t.Errorf("%s: %#v, want %#v", everyType.Field(i).Name, got, w)
		}
	}
}

// Two rows have one key if and only if their values are equal.
func TestKeysTellRowsApart(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	batch := sample(t, rng, 300)
	defer batch.Release()
	for c := range int(batch.NumCols()) {
		col := batch.Column(c)
		for range 2000 {
			i, j := rng.IntN(300), rng.IntN(300)
			same := string(AppendKey(nil, col, i)) == string(AppendKey(nil, col, j))
			if want := array.SliceEqual(col, int64(i), int64(i+1), col, int64(j), int64(j+1)); same != want {
				t.Fatalf("%s: %s and %s have one key: %t", everyType.Field(c).Name, col.ValueStr(i), col.ValueStr(j), same)
			}
		}
	}
}

func TestKeysOfFloats(t *testing.T) {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	b.AppendValues([]float64{0, math.Copysign(0, -1), math.NaN(), math.Float64frombits(0x7ff8000000000123), 1}, nil)
	col := b.NewArray()
	key := func(i int) string { return string(AppendKey(nil, col, i)) }
	if key(0) != key(1) || key(2) != key(3) || key(0) == key(2) || key(0) == key(4) {
		t.Error("the zeros must be equal, and the NaNs, and nothing else")
	}
}

// The keys of two columns, one behind the other, do not run into one another.
func TestKeysOfSeveralColumns(t *testing.T) {
	s := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.BinaryTypes.String}, {Name: "b", Type: arrow.BinaryTypes.String}}, nil)
	b, _, err := array.RecordFromJSON(memory.DefaultAllocator, s, strings.NewReader(`[{"a":"x","b":"yz"},{"a":"xy","b":"z"},{"a":"x","b":"yz"}]`))
	if err != nil {
		t.Fatal(err)
	}
	set := NewSet()
	if got := set.Distinct(b, []int{0, 1}, []int{0, 1, 2}); !reflect.DeepEqual(got, []int{0, 1}) || set.Len() != 2 {
		t.Errorf("distinct rows %v of %d", got, set.Len())
	}
}

// The number of cores changes neither what is kept and computed nor which row
// is blamed.
func TestCoresDoNotMatter(t *testing.T) {
	batch := sample(t, rand.New(rand.NewPCG(1, 2)), 5000)
	defer batch.Release()
	type outcome struct {
		kept   []int
		column string
		err    string
	}
	run := func(cores int) (o outcome) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		f, err := NewFilter(everyType, `i16 > 50 && utf8 != ""`)
		if err != nil {
			t.Fatal(err)
		}
		all := make([]int, 5000)
		for i := range all {
			all[i] = i
		}
		if o.kept, err = f.Select(batch, all, 1); err != nil {
			t.Fatal(err)
		}
		c, err := NewColumn(everyType, `100 / (i16 - 50)`)
		if err != nil {
			t.Fatal(err)
		}
		col, failed, err := c.Compute(batch, 1, true)
		if err != nil {
			t.Fatal(err)
		}
		o.column = fmt.Sprint(col, failed)
		_, _, err = c.Compute(batch, 1, false)
		o.err = fmt.Sprint(err)
		return o
	}
	one := run(1)
	if len(one.kept) < 500 || !strings.HasPrefix(one.err, "row ") {
		t.Fatalf("%d rows kept, error %s", len(one.kept), one.err)
	}
	for _, cores := range []int{2, 3, 8} {
		if got := run(cores); !reflect.DeepEqual(got, one) {
			t.Errorf("with %d cores: error %s, %d rows; with one: error %s, %d rows", cores, got.err, len(got.kept), one.err, len(one.kept))
		}
	}
}

func BenchmarkTake(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	batch := sample(b, rng, 4096)
	var indices []int
	for i := range 4096 {
		if rng.IntN(2) == 0 {
			indices = append(indices, i)
		}
	}
	for b.Loop() {
		Take(batch, indices).Release()
	}
	b.ReportMetric(float64(b.N)*float64(len(indices))/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkSelect(b *testing.B) {
	batch := sample(b, rand.New(rand.NewPCG(1, 2)), 4096)
	f, err := NewFilter(everyType, `i16 > 50 && utf8 != ""`)
	if err != nil {
		b.Fatal(err)
	}
	all := make([]int, 4096)
	for b.Loop() {
		for i := range all {
			all[i] = i
		}
		if _, err := f.Select(batch, all, 1); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*4096/b.Elapsed().Seconds(), "rows/s")
}
