package table

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// peerColumns are the columns that the other libraries are to see, and their names for
// the types: pyarrow in Parquet and Arrow, polars, DuckDB.
var peerColumns = []struct {
	name                    string
	typ                     arrow.DataType
	pyarrow, polars, duckdb string
}{
	{"b", arrow.FixedWidthTypes.Boolean, "bool", "Boolean", "BOOLEAN"},
	{"i8", arrow.PrimitiveTypes.Int8, "int8", "Int8", "TINYINT"},
	{"i16", arrow.PrimitiveTypes.Int16, "int16", "Int16", "SMALLINT"},
	{"i32", arrow.PrimitiveTypes.Int32, "int32", "Int32", "INTEGER"},
	{"i64", arrow.PrimitiveTypes.Int64, "int64", "Int64", "BIGINT"},
	{"u8", arrow.PrimitiveTypes.Uint8, "uint8", "UInt8", "UTINYINT"},
	{"u16", arrow.PrimitiveTypes.Uint16, "uint16", "UInt16", "USMALLINT"},
	{"u32", arrow.PrimitiveTypes.Uint32, "uint32", "UInt32", "UINTEGER"},
	{"u64", arrow.PrimitiveTypes.Uint64, "uint64", "UInt64", "UBIGINT"},
	{"f32", arrow.PrimitiveTypes.Float32, "float", "Float32", "FLOAT"},
	{"f64", arrow.PrimitiveTypes.Float64, "double", "Float64", "DOUBLE"},
	{"text", arrow.BinaryTypes.String, "string", "String", "VARCHAR"},
	{"bin", arrow.BinaryTypes.Binary, "binary", "Binary", "BLOB"},
	{"day", arrow.FixedWidthTypes.Date32, "date32[day]", "Date", "DATE"},
	{"ts_ms", &arrow.TimestampType{Unit: arrow.Millisecond}, "timestamp[ms]", "Datetime(time_unit='ms', time_zone=None)", "TIMESTAMP"},
	{"ts_us", &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, "timestamp[us, tz=UTC]", "Datetime(time_unit='us', time_zone='UTC')", "TIMESTAMP WITH TIME ZONE"},
	{"ts_ns", &arrow.TimestampType{Unit: arrow.Nanosecond}, "timestamp[ns]", "Datetime(time_unit='ns', time_zone=None)", "TIMESTAMP_NS"},
	{"dec", &arrow.Decimal128Type{Precision: 20, Scale: 3}, "decimal128(20, 3)", "Decimal(precision=20, scale=3)", "DECIMAL(20,3)"},
	{"ints", list(arrow.PrimitiveTypes.Int32), "list<item: int32>", "List(Int32)", "INTEGER[]"},
	{"texts", list(arrow.BinaryTypes.String), "list<item: string>", "List(String)", "VARCHAR[]"},
	{"vector", fixed(3, arrow.PrimitiveTypes.Float32), "fixed_size_list<item: float>[3]", "Array(Float32, shape=(3,))", "FLOAT[]"},
	{"pair", structure(arrow.PrimitiveTypes.Int64, arrow.BinaryTypes.String), "struct<f0: int64, f1: string>", "Struct({'f0': Int64, 'f1': String})", "STRUCT(f0 BIGINT, f1 VARCHAR)"},
	{"pairs", list(structure(arrow.PrimitiveTypes.Int64, list(arrow.FixedWidthTypes.Boolean))), "list<item: struct<f0: int64, f1: list<item: bool>>>", "List(Struct({'f0': Int64, 'f1': List(Boolean)}))", "STRUCT(f0 BIGINT, f1 BOOLEAN[])[]"},
}

func python(t *testing.T) string {
	name := os.Getenv("PIPE_PYTHON")
	if name == "" {
		name = "python3"
	}
	if out, err := exec.Command(name, "-c", "import pyarrow, polars, duckdb, pandas").CombinedOutput(); err != nil {
		t.Skipf("skipped: %s with pyarrow, polars, duckdb and pandas is needed (set PIPE_PYTHON): %v %s", name, err, lastLine(out))
	}
	return name
}

func lastLine(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

func peerTable() arrow.RecordBatch {
	fields := make([]arrow.Field, len(peerColumns))
	for i, c := range peerColumns {
		fields[i] = arrow.Field{Name: c.name, Type: c.typ, Nullable: true}
	}
	r := newRandom(3)
	s := arrow.NewSchema(fields, nil)
	columns := make([]arrow.Array, len(fields))
	for i := range fields {
		b := array.NewBuilder(memory.DefaultAllocator, fields[i].Type)
		for range 200 {
			r.append(b, 0.15)
		}
		columns[i] = b.NewArray()
	}
	return array.NewRecordBatch(s, columns, 200)
}

func TestPeers(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short, and this starts Python")
	}
	interpreter := python(t)
	dir := t.TempDir()
	ours := peerTable()
	for _, f := range []Format{Parquet, Arrow} {
		write(t, filepath.Join(dir, "ours."+string(f)), encode(t, f, ours.Schema(), ours))
	}
	if out, err := exec.Command(interpreter, "testdata/peers.py", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "peers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var peers struct {
		Read  map[string]struct{ Types, Values []any }
		Wrote map[string][]any
	}
	if err := json.Unmarshal(raw, &peers); err != nil {
		t.Fatal(err)
	}
	if len(peers.Read) != 6 || len(peers.Wrote) < 30 {
		t.Fatalf("%d readings and %d files are too few", len(peers.Read), len(peers.Wrote))
	}
	want := spellTable(ours)
	for how, seen := range peers.Read {
		want := slices.Clone(want)
		for i, c := range peerColumns {
			name := c.pyarrow
			switch {
			case strings.HasSuffix(how, "polars"):
				name = c.polars
			case strings.HasSuffix(how, "duckdb"):
				name = c.duckdb
			}
			// pyarrow names the elements of a list by the file.
			if typ := strings.ReplaceAll(fmt.Sprint(seen.Types[i]), "element", "item"); typ != name {
				t.Errorf("%s: column %s has type %v, want %s", how, c.name, typ, name)
			}
			if how == "parquet duckdb" && c.name == "ts_ms" {
				want[i] = inMicroseconds(want[i])
			}
			if !reflect.DeepEqual(seen.Values[i], want[i]) {
				t.Errorf("%s: column %s is %v, want %v", how, c.name, seen.Values[i], want[i])
			}
		}
	}
	for name, values := range peers.Wrote {
		t.Run(name, func(t *testing.T) { readPeer(t, filepath.Join(dir, name), values) })
	}
}

// inMicroseconds is how DuckDB, which has no other unit below seconds but nanoseconds,
// gives milliseconds.
func inMicroseconds(ms any) []any {
	us := slices.Clone(ms.([]any))
	for i, v := range us {
		if v != nil {
			us[i] = v.(string) + "000"
		}
	}
	return us
}

func readPeer(t *testing.T, path string, want []any) {
	r, err := OpenFile(path, Options{BatchRows: 33})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := collect(r)
	if err != nil {
		t.Fatal(err)
	}
	have := spellTable(b)
	if len(have) != len(want) {
		t.Fatalf("there are %d columns, want %d", len(have), len(want))
	}
	for i := range have {
		if !reflect.DeepEqual(have[i], want[i]) {
			t.Errorf("column %s (%s) is %v, want %v", b.ColumnName(i), b.Column(i).DataType(), have[i], want[i])
		}
	}
}

// spellTable spells values as peers.py does.
func spellTable(b arrow.RecordBatch) []any {
	columns := make([]any, b.NumCols())
	for i, c := range b.Columns() {
		columns[i] = spellRange(c, 0, c.Len())
	}
	return columns
}

func spellRange(a arrow.Array, from, to int) []any {
	out := make([]any, 0, to-from)
	for i := from; i < to; i++ {
		out = append(out, spell(a, i))
	}
	return out
}

func spell(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.String:
		return a.Value(i)
	case *array.Binary:
		return hex.EncodeToString(a.Value(i))
	case *array.Float32:
		return spellFloat(float64(a.Value(i)))
	case *array.Float64:
		return spellFloat(a.Value(i))
	case *array.Date32:
		return strconv.Itoa(int(a.Value(i)))
	case *array.Timestamp:
		return strconv.FormatInt(int64(a.Value(i)), 10)
	case *array.Decimal128:
		return string(appendDecimal(nil, a.Value(i), int(a.DataType().(*arrow.Decimal128Type).Scale)))
	case array.ListLike:
		from, to := a.ValueOffsets(i)
		return spellRange(a.ListValues(), int(from), int(to))
	case *array.Struct:
		fields := make([]any, a.NumField())
		for f := range fields {
			fields[f] = spell(a.Field(f), i)
		}
		return fields
	}
	return a.ValueStr(i)
}

func spellFloat(v float64) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, math.Float64bits(v)))
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
