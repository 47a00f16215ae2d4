package stages

import (
	"context"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
)

func TestConcat(t *testing.T) {
	text := arrow.Field{Name: "text", Type: arrow.BinaryTypes.String}
	n := arrow.Field{Name: "n", Type: arrow.PrimitiveTypes.Int64}
	price := arrow.Field{Name: "price", Type: arrow.PrimitiveTypes.Float64}
	wrong := arrow.Field{Name: "n", Type: arrow.BinaryTypes.String}
	a := input{arrow.NewSchema([]arrow.Field{text, n}, nil), `[{"text":"a","n":1},{"text":"b","n":2}]`}
	b := input{arrow.NewSchema([]arrow.Field{n, text}, nil), `[{"text":"c","n":3}]`}
	c := input{arrow.NewSchema([]arrow.Field{price, text}, nil), `[{"text":"d","price":0.5}]`}
	d := input{arrow.NewSchema([]arrow.Field{text, wrong}, nil), `[{"text":"e","n":"5"}]`}
	empty := input{a.schema, `[]`}
	for _, test := range []struct {
		with        string
		in          []input
		schema, out string
		problem     string
	}{
		{"{}", []input{a}, "text: string, n: int64", "1/a 2/b", ""},
		{"{}", []input{b, a, empty, b}, "n: int64, text: string", "3/c 1/a 2/b 3/c", ""},
		{"source: part", []input{a, b}, "text: string, n: int64, part: int64", "1/1/a 2/1/b 3/2/c", ""},
		{"columns: union", []input{a, c}, "text: string, n: int64, price: float64", "1/null/a 2/null/b null/0.5/d", ""},
		{"columns: intersection", []input{a, c, b}, "text: string", "a b d c", ""},
		{"{}", []input{empty}, "text: string, n: int64", "", ""},
		{"{}", []input{a, c}, "", "", "the tables have different columns: B lacks n, A lacks price; set columns to union or intersection if that is meant"},
		{"columns: union", []input{a, b, d}, "", "", `column "n" is int64 before and string in C; make them one type with derive`},
		{"source: n", []input{a}, "", "", `a column is named "n" already; choose another name for source`},
	} {
		s := dagtest.Store(t)
		k := dagtest.New(t, &Concat{}, test.with)
		var problem string
		check := dag.NewCheck(nil, func(code, field, message, hint string) { problem = message })
		var refs []artifacts.Ref
		for i, in := range test.in {
			check.InMany["in"] = append(check.InMany["in"], dag.Schema{Table: in.schema, Origin: string(rune('A' + i))})
			refs = append(refs, dagtest.Table(t, s, in.schema, in.rows))
		}
		k.Check(check)
		if problem != test.problem {
			t.Errorf("%s: %s, want %s", test.with, problem, test.problem)
		}
		out, _, err := dag.RunKind(context.Background(), s, k, map[string][]artifacts.Ref{"in": refs}, 7, nil, t.TempDir(), nil)
		if test.problem != "" {
			if err == nil {
				t.Errorf("%s: it ran in spite of %s", test.with, test.problem)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := columnList(check.Out["out"].Table); got != test.schema {
			t.Errorf("%s: schema %s, want %s", test.with, got, test.schema)
		}
		clean := strings.NewReplacer(`{`, "", `"n":`, "", `,"text":`, "/", `"text":`, "", `,"part":`, "/", `,"price":`, "/", `"`, "", "}\n", " ")
		if got := strings.TrimSpace(clean.Replace(dagtest.Rows(t, s, out["out"]))); got != test.out {
			t.Errorf("%s: %s, want %s", test.with, got, test.out)
		}
	}
}

// input is a table in memory.
type input struct {
	schema *arrow.Schema
	rows   string
}
