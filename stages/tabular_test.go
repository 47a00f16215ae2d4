package stages

import (
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/transform"
)

// The three steps, one after the other, over the same raw rows.
func TestTabularSteps(t *testing.T) {
	s := dagtest.Store(t)
	in := dagtest.Table(t, s, peopleSchema, people)
	filled := dagtest.Run(t, s, dagtest.New(t, &Impute{}, "{columns: [age], strategy: median}"), map[string]artifacts.Ref{"in": in})
	coded := dagtest.Run(t, s, dagtest.New(t, &OneHot{}, "columns: [name]"), map[string]artifacts.Ref{"in": in, "after": filled["transform"]})
	both := map[string]artifacts.Ref{"in": in, "after": coded["transform"]}
	scaled := dagtest.Run(t, s, dagtest.New(t, &Normalize{}, "method: min_max"), both)
	want := `{"age":1,"full name":"Ann A","name_ann":true,"name_bo":false,"name_cy":false,"since":"2026-01-02"}
{"age":0.5,"full name":null,"name_ann":false,"name_bo":true,"name_cy":false,"since":null}
{"age":0,"full name":"Cy C","name_ann":false,"name_bo":false,"name_cy":true,"since":"2025-12-31"}
`
	if got := dagtest.Rows(t, s, scaled["out"]); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	folder, err := s.OpenFolder(scaled["transform"])
	if err != nil {
		t.Fatal(err)
	}
	tr, err := transform.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	if sig := tr.Signature(); len(sig.Inputs) != 2 || sig.Shape[0] != 4 {
		t.Errorf("signature %+v", sig)
	}
	one := map[string]artifacts.Ref{"in": batched(t, s, in, 1)["in"], "after": coded["transform"]}
	if again := dagtest.Run(t, s, dagtest.New(t, &Normalize{}, "method: min_max"), one); again["out"] != scaled["out"] || again["transform"] != scaled["transform"] {
		t.Error("other bytes when the rows come one by one")
	}
	// What is learnt from others is used for these.
	fit := dagtest.Table(t, s, peopleSchema, `[{"name":"x","age":0},{"name":"y","age":100}]`)
	out := dagtest.Run(t, s, dagtest.New(t, &Impute{}, "columns: [age]"), map[string]artifacts.Ref{"in": in, "fit": fit})
	if got := dagtest.Rows(t, s, out["out"]); !strings.Contains(got, `{"age":50,"full name":null`) {
		t.Errorf("got %s", got)
	}
	if _, err := dagtest.TryRun(t, s, dagtest.New(t, &Normalize{}, ""), map[string]artifacts.Ref{"in": in}); err == nil || !strings.HasPrefix(err.Error(), `in: row 2, column "age": it is null; fill such gaps with impute`) {
		t.Error(err)
	}
}

func TestTabularCheck(t *testing.T) {
	problemsOf(t, normalizeKind.New, peopleIn, map[string]string{
		"":                                "",
		"columns: [aeg]":                  `columns[0]: people has no column "aeg" (did you mean "age"?)`,
		"columns: [name]":                 `columns[0]: column "name" is string; numbers are scaled`,
		"except: [age]":                   `: people has no column that suits: numbers are scaled`,
		"{columns: [age], except: [age]}": "except: is for steps that do not name their columns",
	})
	problemsOf(t, imputeKind.New, peopleIn, map[string]string{
		"{columns: [name], strategy: median}":         `columns[0]: column "name" is string; text and true/false have no median; use most_frequent or value`,
		"{columns: [age], strategy: value}":           `value: goes with strategy: value`,
		"{columns: [age], value: x}":                  `value: goes with strategy: value`,
		"{columns: [age], value: x, strategy: value}": `value: column "age": it is filled with "x", which is no number`,
		"columns: [since]":                            `columns[0]: column "since" is date; gaps are filled in numbers, text and true/false`,
	})
	problemsOf(t, oneHotKind.New, peopleIn, map[string]string{
		"columns: [since]": `columns[0]: column "since" is date; categories are text, true/false, or whole numbers where those are named`,
	})
	out, _ := dagtest.Check(dagtest.New(t, &Normalize{}, ""), peopleIn)
	if f, _ := out["out"].Table.FieldsByName("age"); f[0].Type.String() != "float64" || f[0].Nullable || out["transform"].Signature.Shape[0] != 1 {
		t.Errorf("%+v", out)
	}
	in := map[string]dag.Schema{"in": peopleIn["in"], "after": out["transform"]}
	if out, _ = dagtest.Check(dagtest.New(t, &OneHot{}, "columns: [name]"), in); out["transform"].Signature.Shape[0] != -1 || len(out["transform"].Signature.Inputs) != 2 || out["out"].Table != nil {
		t.Errorf("%+v", out)
	}
}
