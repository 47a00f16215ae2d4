package table

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

func smallTable() arrow.RecordBatch {
	b, err := decode([]byte("id,text,ok\n1,one,true\n2,,false\n3,\"three, drei\",\n"), Options{Format: CSV})
	if err != nil {
		panic(err)
	}
	return b
}

func TestFormatOf(t *testing.T) {
	for path, want := range map[string]Format{"a.csv": CSV, "b/a.TSV.gz": TSV, "a.jsonl.zst": JSONL, "a.b.ndjson": JSONL, "a.parquet": Parquet, "a.feather": Arrow, "a.arrow.xz": Arrow} {
		if have, err := FormatOf(path); err != nil || have != want {
			t.Errorf("%s is %s, %v; want %s", path, have, err, want)
		}
	}
	_, err := FormatOf("a.xlsx.gz")
	if err == nil || !strings.Contains(err.Error(), `".xlsx"`) || !strings.Contains(err.Error(), ".parquet") {
		t.Errorf("a.xlsx.gz: %v", err)
	}
}

// Every format in every compression, told by the first bytes and not by the name.
func TestCompressed(t *testing.T) {
	table := smallTable()
	codecs := map[string]func(io.Writer) (io.WriteCloser, error){
		"none": func(w io.Writer) (io.WriteCloser, error) { return nopCloser{w}, nil },
		"gzip": func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
		"zstd": func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
		"lz4":  func(w io.Writer) (io.WriteCloser, error) { return lz4.NewWriter(w), nil },
		"xz":   func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
	}
	for name, codec := range codecs {
		for _, f := range []Format{CSV, TSV, JSONL, Parquet, Arrow} {
			var out bytes.Buffer
			w, err := codec(&out)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(encode(t, f, table.Schema(), table)); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "data."+string(f))
			write(t, path, out.Bytes())
			have, err := readFile(path)
			if err != nil {
				t.Errorf("%s in %s: %v", f, name, err)
				continue
			}
			same(t, table, have)
			if name == "none" {
				continue
			}
			write(t, path, out.Bytes()[:out.Len()-5])
			if _, err := readFile(path); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s in %s that is cut short: %v", f, name, err)
			}
		}
	}
}

func TestBzip2(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.csv")
	write(t, path, []byte("a\n1\n"))
	if out, err := exec.Command("bzip2", path).CombinedOutput(); err != nil {
		t.Skipf("skipped: bzip2 is needed to write the input: %v %s", err, out)
	}
	if b, err := readFile(path + ".bz2"); err != nil || b.NumRows() != 1 {
		t.Errorf("%v, %v", b, err)
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func readFile(path string) (arrow.RecordBatch, error) {
	r, err := OpenFile(path, Options{})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return collect(r)
}

func TestCreate(t *testing.T) {
	table := smallTable()
	for _, name := range []string{"a.csv", "a.tsv.gz", "a.jsonl.zst", "a.parquet", "a.arrow"} {
		path := filepath.Join(t.TempDir(), name)
		for range 2 { // the second replaces the first
			f, err := Create(path, table.Schema())
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Write(table); err != nil {
				t.Fatal(err)
			}
			if err := f.Commit(); err != nil {
				t.Fatal(err)
			}
			if err := f.Discard(); err != nil {
				t.Fatal(err)
			}
		}
		have, err := readFile(path)
		if err != nil {
			t.Fatal(err)
		}
		same(t, table, have)
		if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
			t.Errorf("%s: beside the table are %v", name, files)
		}
	}
}

func TestCreateLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	table := smallTable()
	for _, name := range []string{"a.csv", "a.bz2", "a.csv.bz2", "a"} {
		f, err := Create(filepath.Join(dir, name), table.Schema())
		if name == "a.csv" {
			if err := f.Write(table); err != nil {
				t.Fatal(err)
			}
			if err := f.Discard(); err != nil {
				t.Fatal(err)
			}
		} else if err == nil {
			t.Errorf("%s can be created", name)
		}
	}
	lists := arrow.NewSchema([]arrow.Field{{Name: "l", Type: list(arrow.PrimitiveTypes.Int8)}}, nil)
	if _, err := Create(filepath.Join(dir, "b.csv"), lists); err == nil || !strings.Contains(err.Error(), `column "l"`) {
		t.Errorf("lists in CSV: %v", err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("left behind are %v", files)
	}
}

func TestSniffAgreesWithOpen(t *testing.T) {
	table := smallTable()
	for _, f := range []Format{CSV, TSV, JSONL, Parquet, Arrow} {
		path := filepath.Join(t.TempDir(), "data."+string(f))
		write(t, path, encode(t, f, table.Schema(), table))
		s, err := Sniff(path, Options{})
		if err != nil || !s.Equal(table.Schema()) {
			t.Errorf("%s: %v, %v", f, s, err)
		}
	}
	if _, err := Sniff(t.TempDir(), Options{}); err == nil {
		t.Error("a folder is a table")
	}
}

func TestProject(t *testing.T) {
	table := smallTable()
	for _, f := range []Format{CSV, JSONL, Parquet, Arrow} {
		path := filepath.Join(t.TempDir(), "data."+string(f))
		write(t, path, encode(t, f, table.Schema(), table))
		r, err := OpenFile(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Project(r, []string{"id", "txt"}); err == nil || !strings.Contains(err.Error(), "id, text, ok") {
			t.Errorf("%s: a missing column: %v", f, err)
		}
		p, err := Project(r, []string{"ok", "id"})
		if err != nil {
			t.Fatal(err)
		}
		have, err := collect(p)
		if err != nil {
			t.Fatal(err)
		}
		s, picked, _ := pick(table.Schema(), []string{"ok", "id"})
		same(t, array.NewRecordBatch(s, []arrow.Array{table.Column(picked[0]), table.Column(picked[1])}, table.NumRows()), have)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestEmptyTables(t *testing.T) {
	s := smallTable().Schema()
	for _, f := range []Format{CSV, TSV, Parquet, Arrow} {
		b, err := decode(encode(t, f, s), Options{Format: f, Schema: s})
		if err != nil || b.NumRows() != 0 || !b.Schema().Equal(s) {
			t.Errorf("%s: %v, %v", f, b, err)
		}
	}
	b, err := decode(nil, Options{Format: JSONL, Schema: s})
	if err != nil || b.NumRows() != 0 {
		t.Errorf("jsonl: %v, %v", b, err)
	}
	for _, f := range []Format{CSV, TSV, JSONL, Parquet, Arrow} {
		if _, err := NewWriter(io.Discard, f, arrow.NewSchema(nil, nil)); err == nil {
			t.Errorf("%s: a table without columns can be written", f)
		}
	}
}

func TestHugeText(t *testing.T) {
	huge := strings.Repeat("0123456789 \"quoted\" \n", 500_000) // 10 MB
	s := arrow.NewSchema([]arrow.Field{{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	b := array.NewStringBuilder(memory.DefaultAllocator)
	b.AppendValues([]string{"small", huge, "small again"}, nil)
	table := array.NewRecordBatch(s, []arrow.Array{b.NewArray()}, 3)
	for _, f := range []Format{CSV, JSONL, Parquet, Arrow} {
		have, err := decode(encode(t, f, s, table), Options{Format: f})
		if err != nil {
			t.Fatal(err)
		}
		same(t, table, have)
	}
}

func TestDeclaredTypesOfParquet(t *testing.T) {
	table := smallTable()
	data := encode(t, Parquet, table.Schema(), table)
	if _, err := decode(data, Options{Schema: declared("id", "int64")}); err != nil {
		t.Error(err)
	}
	_, err := decode(data, Options{Schema: declared("id", "string")})
	if want := `file: column "id" is declared string and the file says int64`; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestAllEndsAfterAnError(t *testing.T) {
	data := "n\n1\n2\nx\n"
	r, err := NewReader(strings.NewReader(data), int64(len(data)), "x.csv", Options{SampleRows: 1, BatchRows: 1})
	if err != nil {
		t.Fatal(err)
	}
	var seen []bool
	for _, err := range All(r) {
		seen = append(seen, err == nil)
	}
	if !slices.Equal(seen, []bool{true, true, false}) {
		t.Errorf("batches are good: %v, want two good ones and an error", seen)
	}
}
