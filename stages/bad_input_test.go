package stages

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
)

// tableChain is what bad input has to pass: a CSV file, clean, split and
// text.vectorize.
type tableChain struct {
	clean, split, words string
}

var usual = tableChain{
	clean: `{text: [nfc, collapse_space], drop_null: [text, label], drop_duplicates: [text]}`,
	split: `{train: 0.5, test: 0.5, stratify: label}`,
	words: `{column: text, maxlen: 4}`,
}

// run gives the first error of the chain, or "", with the stage where it was.
func (c tableChain) run(t *testing.T, s *artifacts.Store, csv string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("in.csv", []byte(csv), 0o666); err != nil {
		t.Fatal(err)
	}
	var ref artifacts.Ref
	for _, stage := range []struct {
		kind      dag.Kind
		with, out string
	}{
		{&SourceCSV{}, "path: in.csv", "out"},
		{&Clean{}, c.clean, "out"},
		{&Split{}, c.split, "train"},
		{&TextVectorize{}, c.words, "out"},
	} {
		if problems := dagtest.Decode(stage.kind, stage.with); problems != "" {
			t.Fatal(problems)
		}
		in := map[string]artifacts.Ref{}
		if ref.Digest != "" {
			in["in"] = ref
		}
		out, err := dagtest.TryRun(t, s, stage.kind, in)
		if err != nil {
			return fmt.Sprintf("%T: %v", stage.kind, err)
		}
		ref = out[stage.out]
	}
	return ""
}

// unfinished lists the files that are on their way into a store.
func unfinished(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "tmp", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		switch filepath.Base(f) {
		case "lock", "leases":
		default:
			out = append(out, f)
		}
	}
	return out
}

func TestBadInput(t *testing.T) {
	const good = "text,label\n" + "one a,x\ntwo b,y\nthree c,x\nfour d,y\n"
	for _, c := range []struct{ name, csv, want string }{
		{"good", good, ""},
		{"broken quoting", good + "\"five e,x\nsix f,y\n", `*stages.SourceCSV: in.csv:6: row 5, column "text": broken quoting: the quotation mark that opens this field is never closed; close it, or set quote: none`},
		{"text after a closing quote", good + "\"five\" e,x\n", `*stages.SourceCSV: in.csv:6: row 5, column "text": broken quoting: " e" follows the closing quotation mark of a field; write a quotation mark inside a quoted field twice, or set quote: none`},
		{"too many fields", good + "five,e,x\n", `*stages.SourceCSV: in.csv:6: row 5: has 3 fields, the header has 2; quote fields that contain the delimiter ','`},
		{"too few fields", good + "five\n", `*stages.SourceCSV: in.csv:6: row 5: has 1 field, the header has 2; quote fields that contain the delimiter ','`},
		{"invalid UTF-8", good + "five \xff e,x\n", `*stages.SourceCSV: in.csv:6: row 5, column "text": "five \xff e" is not valid UTF-8: byte 0xff at byte 51 of the file; convert the file to UTF-8`},
		{"a column is missing", strings.Replace(good, "label", "lable", 1), `*stages.Clean: the table has no column "label" (did you mean "lable"?)`},
		{"no byte", "", `*stages.SourceCSV: in.csv: is empty: it has no header row`},
		{"header only", "text,label\n", `*stages.Split: the table has no rows to split`},
		{"one class only", strings.ReplaceAll(good, ",y", ",x"), ""},
		{"a label in one row only", good + "five e,z\n", ""},
		{"no words", "text,label\n!!!,x\n???,y\n...,x\n---,y\n", `*stages.TextVectorize: there is no word in column "text": all 2 texts are empty or hold only what separates words, or every word is rarer than min_count`},
		{"a text of 10 MB", good + strings.Repeat("five ", 2<<20) + ",x\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := artifacts.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if got := usual.run(t, s, c.csv); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if left := unfinished(t, dir); len(left) > 0 {
				t.Errorf("unfinished files are left in the store: %v", left)
			}
		})
	}
}
