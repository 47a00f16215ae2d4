package stages

import (
	"bytes"
	"compress/gzip"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/dagtest"
)

// inFolder makes a folder with files the working folder.
func inFolder(t testing.TB, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range files {
		if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// columnList writes a schema as "text: string, n: int64".
func columnList(s *arrow.Schema) string {
	var parts []string
	for _, f := range s.Fields() {
		parts = append(parts, f.Name+": "+table.TypeName(f.Type))
	}
	return strings.Join(parts, ", ")
}

func gzipped(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSources(t *testing.T) {
	const csv = "text,label,n\nhello,x,1\nworld,y,2\n"
	files := map[string]string{
		"a.csv":    csv,
		"a.csv.gz": gzipped(t, csv),
		"semi.csv": "text;n\nhello;NA\nworld;2\n",
		"a.tsv":    "x\t\"hello\ny\tworld\n",
		"a.jsonl":  `{"text":"hello","label":"x","n":1}` + "\n" + `{"text":"world","label":"y","n":2}` + "\n",
		"data":     csv,
	}
	const both = `{"label":"x","n":1,"text":"hello"}` + "\n" + `{"label":"y","n":2,"text":"world"}` + "\n"
	for _, c := range []struct {
		kind               dag.Kind
		with, schema, rows string
	}{
		{&SourceCSV{}, "path: a.csv", "text: string, label: string, n: int64", both},
		{&SourceCSV{}, "path: a.csv.gz", "text: string, label: string, n: int64", both},
		{&SourceFile{}, "path: a.csv.gz", "text: string, label: string, n: int64", both},
		{&SourceFile{}, "path: a.jsonl", "text: string, label: string, n: int64", both},
		{&SourceJSONL{}, "path: a.jsonl", "text: string, label: string, n: int64", both},
		{&SourceCSV{}, "{path: a.csv, schema: {n: string}, columns: [n, text], rename: {n: number}}", "number: string, text: string",
			`{"number":"1","text":"hello"}` + "\n" + `{"number":"2","text":"world"}` + "\n"},
		{&SourceCSV{}, `{path: semi.csv, delimiter: ";", nulls: [NA]}`, "text: string, n: int64", `{"n":null,"text":"hello"}` + "\n" + `{"n":2,"text":"world"}` + "\n"},
		{&SourceTSV{}, "{path: a.tsv, names: [label, text], quote: none}", "label: string, text: string", `{"label":"x","text":"\"hello"}` + "\n" + `{"label":"y","text":"world"}` + "\n"},
		{&SourceCSV{}, "{path: data, header: false, names: [a, b, c], columns: [b]}", "b: string", `{"b":"label"}` + "\n" + `{"b":"x"}` + "\n" + `{"b":"y"}` + "\n"},
	} {
		t.Run(c.with, func(t *testing.T) {
			inFolder(t, files)
			s := dagtest.Store(t)
			out, problems := dagtest.Check(dagtest.New(t, c.kind, c.with), nil)
			if problems != "" {
				t.Fatal(problems)
			}
			if got := columnList(out["out"].Table); got != c.schema {
				t.Errorf("checked schema %s, want %s", got, c.schema)
			}
			ref := dagtest.Run(t, s, c.kind, nil)["out"]
			if got := dagtest.Rows(t, s, ref); got != c.rows {
				t.Errorf("rows\n%swant\n%s", got, c.rows)
			}
		})
	}
}

// Parquet and Arrow files are read back as they were written.
func TestBinarySources(t *testing.T) {
	inFolder(t, map[string]string{"a.csv": "text,n\nhello,1\nworld,\n"})
	s := dagtest.Store(t)
	csv := dagtest.Run(t, s, dagtest.New(t, &SourceCSV{}, "path: a.csv"), nil)["out"]
	for path, kind := range map[string]dag.Kind{"a.parquet": &SourceParquet{}, "a.arrow": &SourceArrow{}} {
		writeTable(t, path, "a.csv")
		got := dagtest.Run(t, s, dagtest.New(t, kind, "path: "+path), nil)["out"]
		if got != csv {
			t.Errorf("%s: %+v, and from CSV %+v", path, got, csv)
		}
		any := dagtest.Run(t, s, dagtest.New(t, &SourceFile{}, "path: "+path), nil)["out"]
		if any != csv {
			t.Errorf("source.file of %s: %+v, and from CSV %+v", path, any, csv)
		}
	}
}

func writeTable(t testing.TB, to, from string) {
	t.Helper()
	r, err := table.OpenFile(from, table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f, err := table.Create(to, r.Schema())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Discard()
	for batch, err := range table.All(r) {
		if err == nil {
			err = f.Write(batch)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
}

func TestSourceProblems(t *testing.T) {
	files := map[string]string{"reviews.csv": "text,label\nhello,x\n", "empty.csv": "", "bad.parquet": "PAR1 and no more"}
	for _, c := range []struct {
		kind       dag.Kind
		with, want string
	}{
		{&SourceCSV{}, "path: review.csv", `path: there is no file "review.csv" (did you mean "reviews.csv"?)`},
		{&SourceCSV{}, "path: else.csv", `path: there is no file "else.csv" (files in ".": bad.parquet, empty.csv, reviews.csv)`},
		{&SourceCSV{}, "path: nowhere/a.csv", `path: there is no file "nowhere/a.csv" (there is no folder "nowhere" either)`},
		{&SourceCSV{}, "path: empty.csv", `path: empty.csv: is empty: it has no header row`},
		{&SourceParquet{}, "path: bad.parquet", `path: bad.parquet: is no Parquet file, or is damaged or cut short: it does not end in PAR1`},
		{&SourceCSV{}, "{path: reviews.csv, columns: [texd]}", `columns[0]: reviews.csv has no column "texd" (did you mean "text"?)`},
		{&SourceCSV{}, "{path: reviews.csv, rename: {lable: y}}", `rename.lable: reviews.csv has no column "lable" (did you mean "label"?)`},
		{&SourceCSV{}, "{path: reviews.csv, rename: {label: text}}", `rename: two columns would be named "text"`},
		{&SourceCSV{}, "{path: reviews.csv, delimiter: ';;'}", `delimiter: must be one character, is ";;"`},
		{&SourceCSV{}, "{path: reviews.csv, header: true, names: [a, b]}", `names: are for a file without a header; use rename to change names that a header gives`},
	} {
		inFolder(t, files)
		if _, got := dagtest.Check(dagtest.New(t, c.kind, c.with), nil); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.with, got, c.want)
		}
	}
	for with, want := range map[string]string{
		"{}":                                  `1:1: path is missing (the file, relative to the working folder; it may be compressed with gzip, zstd, bzip2, lz4 or xz)`,
		"{path: a.csv, schema: {n: integer}}": `1:27: schema.n: "integer" is no column type (known: bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64, string, binary, date, timestamp, timestamp[s|ms|us|ns], timestamp[us, ZONE], decimal(PRECISION, SCALE), list<T>, list<T>[LENGTH], struct<NAME: T, …>)`,
		"{path: a.csv, quote: single}":        `1:22: quote must be one of double, none, is "single"`,
	} {
		if got := dagtest.Decode(&SourceCSV{}, with); got != want {
			t.Errorf("%s:\n got %s\nwant %s", with, got, want)
		}
	}
}
