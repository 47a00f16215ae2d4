package table

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
)

func TestInference(t *testing.T) {
	for _, c := range []struct{ values, typ string }{
		{"1 -2 30", "int64"},
		{"1 - 3", "string"},
		{"9223372036854775807 -9223372036854775808", "int64"},
		{"9223372036854775808", "string"},      // would lose digits
		{"9223372036854775808 0.5", "float64"}, // has none to lose any more
		{"1 2.5", "float64"}, {"1e3 .5 -1.", "float64"}, {"nan 1", "float64"}, {"inf -inf", "float64"},
		{"0x10", "string"}, {"1_000", "string"}, {"+1", "string"}, {"1e", "string"},
		{"007", "string"}, {"0 0.5 -0.25", "float64"}, {"00.5", "string"}, {"-01", "string"},
		{"true false TRUE False", "bool"}, {"true yes", "string"}, {"true 1", "string"},
		{"2026-02-28 1969-12-31", "date"}, {"2026-02-29", "string"}, {"2024-02-29", "date"}, {"26-01-01", "string"},
		{"2026-01-01T10:00", "timestamp"}, {"2026-01-01T10:00:00.123456 2026-01-01", "timestamp"},
		{"2026-01-01T10:00:00Z 2026-01-01T10:00:00+01:00", "timestamp[us, UTC]"},
		{"2026-01-01T10:00:00.123456789", "timestamp[ns]"}, {"2026-01-01T10:00:00Z 2026-01-01T10:00:00", "string"},
		{"2026-01-01T24:00:00", "string"}, {"2026-01-01T10:00:00.1234567891", "string"},
		{"2026-01-01 1", "string"}, {"a", "string"}, {"", "string"},
	} {
		data := "x,y\n"
		for _, v := range strings.Fields(c.values) {
			data += v + ",\n"
		}
		r, err := NewReader(strings.NewReader(data), int64(len(data)), "x.csv", Options{})
		if err != nil {
			t.Errorf("%s: %v", c.values, err)
			continue
		}
		if have := TypeName(r.Schema().Field(0).Type); have != c.typ {
			t.Errorf("%s is %s, want %s", c.values, have, c.typ)
		}
		if _, err := collect(r); err != nil {
			t.Errorf("%s: %v", c.values, err)
		}
	}
}

func TestTypeNames(t *testing.T) {
	for _, typ := range allTypes() {
		name := TypeName(typ)
		if have, err := ParseType(name); err != nil || TypeName(have) != name {
			t.Errorf("%s is read as %v: %v", name, have, err)
		}
	}
	for _, bad := range []string{"", "integer64", "list", "list<>", "list<x>", "list<int8>[0]", "list<int8>[", "decimal(39, 1)", "decimal(3, 4)", "decimal", "timestamp[h]", "struct<>", "struct<a>", "map<int8>", "int8>", "<int8>"} {
		if have, err := ParseType(bad); err == nil {
			t.Errorf("%q is read as %v", bad, have)
		}
	}
}

// The short ways through the parsers agree with strconv.
func TestNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	spell := func() string {
		digits := func(n int) string {
			var b strings.Builder
			for range r.IntN(n) {
				b.WriteByte(byte('0' + r.IntN(10)))
			}
			return b.String()
		}
		s := []string{"", "-", "+"}[r.IntN(3)] + digits(22)
		if r.IntN(2) == 0 {
			s += "." + digits(12)
		}
		if r.IntN(3) == 0 {
			s += []string{"e", "E-", "e+"}[r.IntN(3)] + digits(3)
		}
		return s
	}
	for range 100_000 {
		s := spell()
		i, ok := parseInt64([]byte(s))
		if want, err := strconv.ParseInt(s, 10, 64); ok != (err == nil) || ok && i != want {
			t.Fatalf("int64 %q is %d, %v", s, i, ok)
		}
		u, ok := parseUint64([]byte(s))
		if want, err := strconv.ParseUint(strings.TrimPrefix(s, "+"), 10, 64); ok != (err == nil) || ok && u != want {
			t.Fatalf("uint64 %q is %d, %v", s, u, ok)
		}
		f, ok := parseFloat64([]byte(s))
		if want, err := strconv.ParseFloat(s, 64); ok != (err == nil) || ok && math.Float64bits(f) != math.Float64bits(want) {
			t.Fatalf("float64 %q is %v, %v", s, f, ok)
		}
		g, ok := parseFloat32([]byte(s))
		if want, err := strconv.ParseFloat(s, 32); ok != (err == nil) || ok && g != float32(want) {
			t.Fatalf("float32 %q is %v, %v, want %v", s, g, ok, want)
		}
	}
}

// TestLongNumbersOfJSON: as in CSV, whole numbers beyond 64 bits are text with all
// digits.
func TestLongNumbersOfJSON(t *testing.T) {
	b, err := decode([]byte("{\"a\":12345678901234567890,\"l\":[12345678901234567890,1]}\n{\"a\":7,\"l\":[]}\n"), Options{Format: JSONL})
	if err != nil {
		t.Fatal(err)
	}
	if s := b.Column(0).(*array.String); s.Value(0) != "12345678901234567890" || s.Value(1) != "7" {
		t.Errorf("numbers are %v", s)
	}
	if l := b.Column(1).(*array.List).ListValues().(*array.String); l.Value(0) != "12345678901234567890" || l.Value(1) != "1" {
		t.Errorf("lists are %v", l)
	}
}

func TestNullsAndEmptyStrings(t *testing.T) {
	data := "s,n\r\n,\r\n\"\",\"\"\r\nNA,NA\r\n\"NA\",3\r\n"
	b, err := decode([]byte(data), Options{Format: CSV, Nulls: []string{"NA"}})
	if err != nil {
		t.Fatal(err)
	}
	s, n := b.Column(0).(*array.String), b.Column(1).(*array.Int64)
	if !s.IsNull(0) || s.IsNull(1) || s.Value(1) != "" || !s.IsNull(2) || s.Value(3) != "NA" {
		t.Errorf("strings are %v, want [null \"\" null \"NA\"]", s)
	}
	if n.NullN() != 3 || n.Value(3) != 3 {
		t.Errorf("numbers are %v, want [null null null 3]", n)
	}
}
