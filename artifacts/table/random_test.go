package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

func list(t arrow.DataType) arrow.DataType {
	return arrow.ListOfField(arrow.Field{Name: "item", Type: t, Nullable: true})
}

func fixed(n int32, t arrow.DataType) arrow.DataType {
	return arrow.FixedSizeListOfField(n, arrow.Field{Name: "item", Type: t, Nullable: true})
}

func structure(types ...arrow.DataType) arrow.DataType {
	fields := make([]arrow.Field, len(types))
	for i, t := range types {
		fields[i] = arrow.Field{Name: fmt.Sprintf("f%d", i), Type: t, Nullable: true}
	}
	return arrow.StructOf(fields...)
}

var plainTypes = []arrow.DataType{
	arrow.FixedWidthTypes.Boolean,
	arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
	arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64,
	arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64,
	arrow.BinaryTypes.String, arrow.FixedWidthTypes.Date32,
	&arrow.TimestampType{Unit: arrow.Second}, &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"},
	&arrow.TimestampType{Unit: arrow.Microsecond}, &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "Europe/Stockholm"},
	&arrow.Decimal128Type{Precision: 38, Scale: 7}, &arrow.Decimal128Type{Precision: 5, Scale: 0},
}

func jsonTypes() []arrow.DataType {
	return append([]arrow.DataType{
		list(arrow.PrimitiveTypes.Int32), list(arrow.BinaryTypes.String), list(arrow.FixedWidthTypes.Boolean),
		fixed(3, arrow.PrimitiveTypes.Float32), list(&arrow.TimestampType{Unit: arrow.Millisecond}),
	}, plainTypes...)
}

func allTypes() []arrow.DataType {
	return append([]arrow.DataType{
		arrow.BinaryTypes.Binary, list(arrow.BinaryTypes.Binary), list(list(arrow.PrimitiveTypes.Int16)),
		structure(arrow.PrimitiveTypes.Int64, arrow.BinaryTypes.String),
		structure(list(arrow.PrimitiveTypes.Uint8), structure(arrow.FixedWidthTypes.Boolean)),
		list(structure(arrow.PrimitiveTypes.Float64, list(arrow.BinaryTypes.String))),
		fixed(2, structure(arrow.PrimitiveTypes.Int32)),
	}, jsonTypes()...)
}

// random makes tables that differ in everything that a format may get wrong.
type random struct {
	*rand.Rand
	text bool // NUL bytes and infinities are left out
}

func newRandom(seed uint64) random { return random{Rand: rand.New(rand.NewPCG(seed, 1))} }

func (r random) schema(types []arrow.DataType) *arrow.Schema {
	fields := make([]arrow.Field, 1+r.IntN(6))
	for i := range fields {
		fields[i] = arrow.Field{Name: fmt.Sprintf("c%d é.x", i), Type: types[r.IntN(len(types))], Nullable: r.IntN(4) > 0}
	}
	return arrow.NewSchema(fields, nil)
}

func (r random) batch(s *arrow.Schema, rows int) arrow.RecordBatch {
	columns := make([]arrow.Array, s.NumFields())
	for i, f := range s.Fields() {
		b := array.NewBuilder(memory.DefaultAllocator, f.Type)
		nulls := []float64{0, 0.1, 0.5, 1}[r.IntN(4)]
		if !f.Nullable {
			nulls = 0
		}
		for range rows {
			r.append(b, nulls)
		}
		columns[i] = b.NewArray()
		b.Release()
	}
	return array.NewRecordBatch(s, columns, int64(rows))
}

func (r random) append(b array.Builder, nulls float64) {
	if r.Float64() < nulls {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(r.IntN(2) == 0)
	case *array.Int8Builder:
		b.Append(int8(r.Uint32()))
	case *array.Int16Builder:
		b.Append(int16(r.Uint32()))
	case *array.Int32Builder:
		b.Append(int32(r.Uint32()))
	case *array.Int64Builder:
		b.Append(int64(r.Uint64()) >> r.IntN(64))
	case *array.Uint8Builder:
		b.Append(uint8(r.Uint32()))
	case *array.Uint16Builder:
		b.Append(uint16(r.Uint32()))
	case *array.Uint32Builder:
		b.Append(r.Uint32())
	case *array.Uint64Builder:
		b.Append(r.Uint64() >> r.IntN(64))
	case *array.Float32Builder:
		b.Append(float32(r.float(32)))
	case *array.Float64Builder:
		b.Append(r.float(64))
	case *array.StringBuilder:
		b.Append(r.string())
	case *array.BinaryBuilder:
		b.Append([]byte(r.string() + "\xff\x00"))
	case *array.Date32Builder:
		b.Append(arrow.Date32(r.IntN(40000) - 10000))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(r.Int64N(4e9) - 1e9))
	case *array.Decimal128Builder:
		p := b.Type().(*arrow.Decimal128Type).Precision
		b.Append(decimal128.FromI64(r.Int64N(int64(math.Pow10(min(int(p), 18)))) - int64(math.Pow10(min(int(p), 18)))/2))
	case *array.ListBuilder:
		b.Append(true)
		for range r.IntN(4) {
			r.append(b.ValueBuilder(), nulls)
		}
	case *array.FixedSizeListBuilder:
		b.Append(true)
		for range b.Type().(*arrow.FixedSizeListType).Len() {
			r.append(b.ValueBuilder(), nulls)
		}
	case *array.StructBuilder:
		b.Append(true)
		for i := range b.NumField() {
			r.append(b.FieldBuilder(i), nulls)
		}
	default:
		panic(fmt.Sprintf("no random values of %s", b.Type()))
	}
}

func (r random) float(bits int) float64 {
	special := []float64{0, math.Copysign(0, -1), 1, -3, 0.1, 1e16, 123456.75}
	if !r.text {
		special = append(special, math.Inf(1), math.Inf(-1))
	}
	if n := r.IntN(4 * len(special)); n < len(special) {
		return special[n]
	}
	if bits == 32 {
		return float64(math.Float32frombits(r.Uint32() &^ (1 << 30)))
	}
	return math.Float64frombits(r.Uint64() &^ (1 << 62))
}

func (r random) string() string {
	words := []string{"", "a", "é", "日本", "\"", "\"\"", ",", "\t", "\n", "\r\n", "x y", "null", "1", "2026-01-02", "\\", "\x01", strings.Repeat("long ", 40)}
	if !r.text {
		words = append(words, "\x00")
	}
	var b strings.Builder
	for range r.IntN(4) {
		b.WriteString(words[r.IntN(len(words))])
	}
	return b.String()
}

// split gives the rows of b in batches of random size.
func (r random) split(b arrow.RecordBatch) []arrow.RecordBatch {
	var parts []arrow.RecordBatch
	for from := int64(0); from < b.NumRows(); {
		to := min(b.NumRows(), from+1+r.Int64N(b.NumRows()))
		parts = append(parts, b.NewSlice(from, to))
		from = to
	}
	return parts
}

func encode(t *testing.T, f Format, s *arrow.Schema, batches ...arrow.RecordBatch) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, f, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// decode reads a whole table into one batch.
func decode(data []byte, o Options) (arrow.RecordBatch, error) {
	r, err := NewReader(bytes.NewReader(data), int64(len(data)), "file", o)
	if err != nil {
		return nil, err
	}
	b, err := collect(r)
	return b, errors.Join(err, r.Close())
}

func collect(r Reader) (arrow.RecordBatch, error) {
	s := r.Schema()
	pieces := make([][]piece, s.NumFields())
	rows := 0
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if b.NumRows() == 0 || !b.Schema().Equal(s) {
			return nil, fmt.Errorf("a batch of %d rows has the schema %v, the table %v", b.NumRows(), b.Schema(), s)
		}
		for i, c := range b.Columns() {
			c.Retain()
			pieces[i] = append(pieces[i], piece{a: c, to: c.Len()})
		}
		rows += int(b.NumRows())
	}
	columns := make([]arrow.Array, s.NumFields())
	for i, f := range s.Fields() {
		columns[i] = array.MakeFromData(gather(f.Type, pieces[i]))
	}
	return array.NewRecordBatch(s, columns, int64(rows)), nil
}

// same compares two tables to the bit, so that -0 differs from 0 and NaN equals NaN.
func same(t *testing.T, want, have arrow.RecordBatch) {
	t.Helper()
	if !want.Schema().Equal(have.Schema()) {
		t.Fatalf("schema is %v, want %v", have.Schema(), want.Schema())
	}
	if want.NumRows() != have.NumRows() {
		t.Fatalf("there are %d rows, want %d", have.NumRows(), want.NumRows())
	}
	for i := range want.Columns() {
		w, h := want.Column(i), have.Column(i)
		if !array.Equal(w, h) && !bytes.Equal(encode(t, Arrow, want.Schema(), want), encode(t, Arrow, want.Schema(), have)) {
			t.Fatalf("column %q (%s) is\n%v, want\n%v", want.ColumnName(i), w.DataType(), h, w)
		}
	}
}
