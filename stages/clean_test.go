package stages

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/dag/text"
)

var docsSchema = arrow.NewSchema([]arrow.Field{
	{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "label", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
}, nil)

// cleaned runs clean and gives "text/label/n" of each row.
func cleaned(t *testing.T, with, rows string) (string, error) {
	t.Helper()
	s := dagtest.Store(t)
	out, err := dagtest.TryRun(t, s, dagtest.New(t, &Clean{}, with), map[string]artifacts.Ref{"in": dagtest.Table(t, s, docsSchema, rows)})
	if err != nil {
		return "", err
	}
	r := strings.NewReplacer(`{"label":`, "", `,"n":`, "/", `,"text":`, "/", `"`, "", "}\n", " ")
	return strings.TrimSpace(r.Replace(dagtest.Rows(t, s, out["out"]))), nil
}

func TestClean(t *testing.T) {
	const rows = `[
		{"text":" Ab  C","label":"X","n":1}, {"text":"ab c","label":"Y","n":2}, {"text":null,"label":"X","n":3},
		{"text":"long enough","label":null,"n":null}, {"text":"AB C","label":"X","n":1}, {"text":"ab c","label":"Y","n":2}]`
	for _, c := range []struct{ with, want string }{
		{"{}", "X/1/ Ab  C Y/2/ab c X/3/null null/null/long enough X/1/AB C Y/2/ab c"},
		{"text: [lowercase, collapse_space]", "X/1/ab c Y/2/ab c X/3/null null/null/long enough X/1/ab c Y/2/ab c"},
		{"{text: lowercase, columns: [label, text]}", "x/1/ ab  c y/2/ab c x/3/null null/null/long enough x/1/ab c y/2/ab c"},
		{"drop_null: [text]", "X/1/ Ab  C Y/2/ab c null/null/long enough X/1/AB C Y/2/ab c"},
		{"drop_null: [text, label]", "X/1/ Ab  C Y/2/ab c X/1/AB C Y/2/ab c"},
		{"drop_duplicates: [text]", "X/1/ Ab  C Y/2/ab c X/3/null null/null/long enough X/1/AB C"},
		{"{text: [lowercase, collapse_space], drop_duplicates: [text]}", "X/1/ab c X/3/null null/null/long enough"},
		{"{text: [lowercase, collapse_space], drop_duplicates: [text, label]}", "X/1/ab c Y/2/ab c X/3/null null/null/long enough"},
		{"drop_duplicates: [n]", "X/1/ Ab  C Y/2/ab c X/3/null null/null/long enough"},
		{"where: size(text) >= 5", "X/1/ Ab  C null/null/long enough"},
		{"where: 'n > 1'", "Y/2/ab c X/3/null Y/2/ab c"},
		{"where: 'n > 1 || label == \"X\"'", "X/1/ Ab  C Y/2/ab c X/3/null X/1/AB C Y/2/ab c"},
		{"where: 'row.n != null && row[\"label\"] == \"Y\"'", "Y/2/ab c Y/2/ab c"},
		{"where: 'false'", ""},
	} {
		got, err := cleaned(t, c.with, rows)
		if err != nil || got != c.want {
			t.Errorf("%s:\n got %s (%v)\nwant %s", c.with, got, err, c.want)
		}
	}
}

func TestCleanFailsAtARow(t *testing.T) {
	_, err := cleaned(t, "where: '10 / n > 1'", `[{"text":"a","label":"x","n":null}, {"text":"b","label":"x","n":3}, {"text":"c","label":"x","n":0}]`)
	if want := "row 3: 10 / n > 1: division by zero"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestCleanCheck(t *testing.T) {
	in := map[string]dag.Schema{"in": {Type: artifacts.Table, Table: docsSchema, Origin: "docs"}}
	for _, c := range []struct{ with, want string }{
		{"{text: nfc, drop_null: [text, label], drop_duplicates: text, where: size(text) > 3}", ""},
		{"{text: nfc, columns: [texd, n]}", "columns[0]: docs has no column \"texd\" (did you mean \"text\"?)\ncolumns[1]: the text steps need a column of text; \"n\" is int64"},
		{"{drop_null: [lable], drop_duplicates: [nn]}", "drop_null[0]: docs has no column \"lable\" (did you mean \"label\"?)\ndrop_duplicates[0]: docs has no column \"nn\" (did you mean \"n\"?)"},
		{"where: size(texd) > 3", "where@1:6: nothing is named \"texd\" here (did you mean \"text\"?)"},
		{"where: n + 1", "where@1:1: the expression gives int where bool is wanted"},
	} {
		out, got := dagtest.Check(dagtest.New(t, &Clean{}, c.with), in)
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.with, got, c.want)
		}
		if c.want == "" {
			s := out["out"].Table
			if s.Field(0).Nullable || s.Field(1).Nullable || !s.Field(2).Nullable {
				t.Errorf("nullability of the output: %v", s)
			}
		}
	}
	if got, want := dagtest.Decode(&Clean{}, "text: [shout]"), `1:8: text must be one of nfc, nfkc, lowercase, collapse_space, strip, strip_html, strip_control, is "shout"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// clean and text.vectorize have the same steps.
func TestCleanTakesTheStepsOfTransforms(t *testing.T) {
	enum := func(typ reflect.Type, name string) []string {
		for _, f := range text.Fields(typ) {
			if f.Name == name {
				return f.Enum
			}
		}
		return nil
	}
	if a, b := enum(reflect.TypeFor[Clean](), "text"), enum(reflect.TypeFor[TextVectorize](), "normalize"); len(a) == 0 || !slices.Equal(a, b) {
		t.Errorf("clean takes %v, text.vectorize %v", a, b)
	}
}

// What comes out does not depend on how the rows came in batches.
func TestCleanAndSplitIgnoreBatches(t *testing.T) {
	s := dagtest.Store(t)
	var rows []string
	for i := range 500 {
		rows = append(rows, fmt.Sprintf(`{"text":"text %d","label":"l%d","n":%d}`, i%450, i%7, i))
	}
	one := dagtest.Table(t, s, docsSchema, "["+strings.Join(rows, ",")+"]")
	var first map[string]artifacts.Ref
	for _, size := range []int{1, 7, 64, 499, 500} {
		in := batched(t, s, one, size)
		out := dagtest.Run(t, s, dagtest.New(t, &Clean{}, "{drop_duplicates: [text], where: n % 10 != 3}"), in)
		out = dagtest.Run(t, s, dagtest.New(t, &Split{}, "{train: 0.8, test: 0.2, stratify: label}"), map[string]artifacts.Ref{"in": out["out"]})
		if first == nil {
			first = out
		}
		if out["train"] != first["train"] || out["test"] != first["test"] {
			t.Errorf("batches of %d rows: %v, in batches of 1 row: %v", size, out, first)
		}
	}
}
