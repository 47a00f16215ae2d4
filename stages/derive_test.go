package stages

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
)

var peopleSchema = arrow.NewSchema([]arrow.Field{
	{Name: "name", Type: arrow.BinaryTypes.String},
	{Name: "age", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "full name", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "since", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
}, nil)

const people = `[{"name":"ann","age":41,"full name":"Ann A","since":"2026-01-02"}, {"name":"bo","age":null,"full name":null,"since":null}, {"name":"cy","age":7,"full name":"Cy C","since":"2025-12-31"}]`

var peopleIn = map[string]dag.Schema{"in": {Type: artifacts.Table, Table: peopleSchema, Origin: "people"}}

// runOn runs a kind on rows and gives the rows that come out.
func runOn(t *testing.T, k dag.Kind, with string, s *arrow.Schema, rows string) (string, *arrow.Schema, error) {
	t.Helper()
	store := dagtest.Store(t)
	out, err := dagtest.TryRun(t, store, dagtest.New(t, k, with), map[string]artifacts.Ref{"in": dagtest.Table(t, store, s, rows)})
	if err != nil {
		return "", nil, err
	}
	r, err := dag.OpenTable(store, out["out"], "out")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return dagtest.Rows(t, store, out["out"]), r.Schema(), nil
}

// tableCase is a configuration, and the rows or the error of the run.
type tableCase struct{ with, want, err string }

// checkAndRun runs the cases of a kind on people, and holds the schema that was
// promised against the one that came.
func checkAndRun(t *testing.T, newKind func() dag.Kind, cases []tableCase) {
	t.Helper()
	for _, c := range cases {
		k := dagtest.New(t, newKind(), c.with)
		promised, problems := dagtest.Check(k, peopleIn)
		if problems != "" {
			t.Errorf("%s: %s", c.with, problems)
			continue
		}
		got, schema, err := runOn(t, newKind(), c.with, peopleSchema, people)
		if message := errorText(err); got != c.want || message != c.err {
			t.Errorf("%s:\n got %s%s\nwant %s%s", c.with, got, message, c.want, c.err)
		}
		if err == nil && !schema.Equal(promised["out"].Table) {
			t.Errorf("%s: checked as\n%v, came as\n%v", c.with, promised["out"].Table, schema)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// problemsOf compares what a kind's check says.
func problemsOf(t *testing.T, newKind func() dag.Kind, in map[string]dag.Schema, cases map[string]string) {
	t.Helper()
	for with, want := range cases {
		if _, got := dagtest.Check(dagtest.New(t, newKind(), with), in); got != want {
			t.Errorf("%s:\n got %s\nwant %s", with, got, want)
		}
	}
}

func TestDerive(t *testing.T) {
	checkAndRun(t, deriveKind.New, []tableCase{
		{with: "columns: {old: age >= 18}", want: `{"age":41,"full name":"Ann A","name":"ann","old":true,"since":"2026-01-02"}
{"age":null,"full name":null,"name":"bo","old":null,"since":null}
{"age":7,"full name":"Cy C","name":"cy","old":false,"since":"2025-12-31"}
`},
		{with: "{columns: {n: size(name), age: n + 1, since: 'since.getFullYear()', full name: 'name.upperAscii()'}}", want: `{"age":4,"full name":"ANN","n":3,"name":"ann","since":2026}
{"age":3,"full name":"BO","n":2,"name":"bo","since":null}
{"age":3,"full name":"CY","n":2,"name":"cy","since":2025}
`},
		{with: "columns: {x: '1.0 / double(age - 7)', y: 'age / (age - 7)'}", err: `column "y": row 3: age / (age - 7): division by zero`},
		{with: "{columns: {y: 'age / (age - 7)'}, on_error: 'null'}", want: `{"age":41,"full name":"Ann A","name":"ann","since":"2026-01-02","y":1}
{"age":null,"full name":null,"name":"bo","since":null,"y":null}
{"age":7,"full name":"Cy C","name":"cy","since":"2025-12-31","y":null}
`},
		{with: "columns: {parts: 'name.split(\"n\")', at: timestamp(since), full name: '\"x\"'}", want: `{"age":41,"at":"2026-01-02T00:00:00Z","full name":"x","name":"ann","parts":["a","",""],"since":"2026-01-02"}
{"age":null,"at":null,"full name":"x","name":"bo","parts":["bo"],"since":null}
{"age":7,"at":"2025-12-31T00:00:00Z","full name":"x","name":"cy","parts":["cy"],"since":"2025-12-31"}
`},
	})
	problemsOf(t, deriveKind.New, peopleIn, map[string]string{
		"columns: {x: aeg + 1}":                      `columns.x@1:1: nothing is named "aeg" here (did you mean "age"?)`,
		"columns: {x: age + 1, y: xx + 1}":           `columns.y@1:1: nothing is named "xx" here (did you mean "x"?)`,
		"columns: {x: 'row[\"full name\"]'}":         `columns.x: the expression gives dyn, which is no type of a column; make it one with string(), int(), double() or bool()`,
		"columns: {x: 'string(row[\"full name\"])'}": "",
	})
	for with, want := range map[string]string{
		"columns: [a]":      "1:10: columns: expected a map of names and expressions, found a list",
		"columns: {a: [1]}": "1:14: columns.a: expected an expression, found a list",
		"{}":                "1:1: columns is missing (expressions over the columns (CEL), by the names of the columns that they make, in the order in which they are computed)",
	} {
		if got := dagtest.Decode(&Derive{}, with); got != want {
			t.Errorf("%s:\n got %s\nwant %s", with, got, want)
		}
	}
}

func TestFilter(t *testing.T) {
	const ann, cy = `{"age":41,"full name":"Ann A","name":"ann","since":"2026-01-02"}` + "\n", `{"age":7,"full name":"Cy C","name":"cy","since":"2025-12-31"}` + "\n"
	checkAndRun(t, filterKind.New, []tableCase{
		{with: "where: age >= 18", want: ann},
		{with: "where: since < timestamp('2026-01-01T00:00:00Z')", want: cy},
		{with: `where: 'row["full name"].startsWith("Ann") || age == 7'`, want: ann + cy},
		{with: "where: name in ['cy', 'di']", want: cy},
		{with: "where: 1 / (age - 7) == 0", err: "row 3: 1 / (age - 7) == 0: division by zero"},
	})
	problemsOf(t, filterKind.New, peopleIn, map[string]string{
		"where: age":      "where@1:1: the expression gives int where bool is wanted",
		"where: aeg == 1": `where@1:1: nothing is named "aeg" here (did you mean "age"?)`,
	})
}

func TestSelect(t *testing.T) {
	checkAndRun(t, selectKind.New, []tableCase{
		{with: "columns: [age, name]", want: `{"age":41,"name":"ann"}` + "\n" + `{"age":null,"name":"bo"}` + "\n" + `{"age":7,"name":"cy"}` + "\n"},
		{with: "{drop: [since, age], rename: {full name: full}}", want: `{"full":"Ann A","name":"ann"}` + "\n" + `{"full":null,"name":"bo"}` + "\n" + `{"full":"Cy C","name":"cy"}` + "\n"},
		{with: "{columns: [name, age], rename: {name: age, age: name}}", want: `{"age":"ann","name":41}` + "\n" + `{"age":"bo","name":null}` + "\n" + `{"age":"cy","name":7}` + "\n"},
	})
	problemsOf(t, selectKind.New, peopleIn, map[string]string{
		"columns: [nam]":                          `columns[0]: people has no column "nam" (did you mean "name"?)`,
		"{columns: [name], drop: [age]}":          "drop: cannot be used together with columns, which says already what is kept",
		"rename: {name: age}":                     `rename: two columns would be named "age"`,
		"{columns: [name], rename: {age: years}}": `rename.age: the column "age" is not kept`,
	})
}
