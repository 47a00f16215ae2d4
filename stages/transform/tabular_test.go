package transform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

var tabularSchema = arrow.NewSchema([]arrow.Field{
	{Name: "age", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: "plan", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "paid", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	{Name: "code", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
}, nil)

func tabularBatch(t testing.TB, rows string) arrow.RecordBatch {
	t.Helper()
	b, _, err := array.RecordFromJSON(memory.DefaultAllocator, tabularSchema, strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Release)
	return b
}

// step fits one more column of a batch.
func step(t testing.TB, before *Tabular, b arrow.RecordBatch, fit func(before *Tabular) (ColumnFit, error)) *Tabular {
	t.Helper()
	f, err := fit(before)
	if err == nil {
		err = f.Add(b, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	after, err := before.With([]ColumnFit{f})
	if err != nil {
		t.Fatal(err)
	}
	return after
}

var float, asText, boolean, whole = arrow.PrimitiveTypes.Float64, arrow.BinaryTypes.String, arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int64

func impute(name string, d arrow.DataType, strategy string) func(*Tabular) (ColumnFit, error) {
	return func(t *Tabular) (ColumnFit, error) { return t.FitImpute(name, d, strategy) }
}

func oneHot(name string, d arrow.DataType, most int, unknown string) func(*Tabular) (ColumnFit, error) {
	return func(t *Tabular) (ColumnFit, error) { return t.FitOneHot(name, d, most, unknown) }
}

func scale(name string, d arrow.DataType, method string) func(*Tabular) (ColumnFit, error) {
	return func(t *Tabular) (ColumnFit, error) { return t.FitScale(name, d, method) }
}

func TestTabularEqualsScikitLearn(t *testing.T) {
	b, err := os.ReadFile("testdata/tabular.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Age   []*float64
		Plan  []*string
		Fit   int
		Cases []struct {
			Strategy, Method string
			Rows             [][]float64
		}
	}
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for i := range g.Age {
		row, err := json.Marshal(map[string]any{"age": g.Age[i], "plan": g.Plan[i]})
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, string(row))
	}
	fit := tabularBatch(t, "["+strings.Join(rows[:g.Fit], ",")+"]")
	all := tabularBatch(t, "["+strings.Join(rows, ",")+"]")
	if len(g.Cases) == 0 {
		t.Fatal("the golden has no cases")
	}
	for _, c := range g.Cases {
		tr := step(t, NewTabular(), fit, impute("age", float, c.Strategy))
		tr = step(t, tr, fit, impute("plan", asText, "most_frequent"))
		tr = step(t, tr, fit, scale("age", float, c.Method))
		tr = step(t, tr, fit, oneHot("plan", asText, 100, "zeros"))
		var in, byRow Input
		if err := tr.Apply(&in, all, 1); err != nil {
			t.Fatal(err)
		}
		for i, want := range c.Rows {
			request := map[string]any{"age": nil, "plan": nil}
			if g.Age[i] != nil {
				request["age"] = *g.Age[i]
			}
			if g.Plan[i] != nil {
				request["plan"] = *g.Plan[i]
			}
			if err := tr.ApplyRow(&byRow, request); err != nil {
				t.Fatal(err)
			}
			for j, w := range want {
				if got := in.Values[i*len(want)+j]; math.Abs(float64(got)-w) > 1e-6 || got != byRow.Values[i*len(want)+j] {
					t.Errorf("%s, %s: row %d, number %d is %v, by row %v; scikit-learn has %v", c.Strategy, c.Method, i, j, got, byRow.Values[i*len(want)+j], w)
				}
			}
		}
	}
}

const customers = `[{"age":41,"plan":"plus","paid":true,"code":7},{"age":null,"plan":"basic","paid":null,"code":9},{"age":7,"plan":"plus","paid":false,"code":7}]`

// fittedTabular has every step.
func fittedTabular(t testing.TB) *Tabular {
	b := tabularBatch(t, customers)
	tr := step(t, NewTabular(), b, func(t *Tabular) (ColumnFit, error) { return t.FillWith("age", float, "0") })
	tr = step(t, tr, b, scale("age", float, "min_max"))
	tr = step(t, tr, b, impute("paid", boolean, "most_frequent"))
	tr = step(t, tr, b, oneHot("code", whole, 1, "zeros"))
	return step(t, tr, b, oneHot("plan", asText, 10, "error"))
}

func TestTabularRewrites(t *testing.T) {
	tr, b := fittedTabular(t), tabularBatch(t, customers)
	s, err := tr.Schema(tabularSchema)
	if err != nil {
		t.Fatal(err)
	}
	out, err := tr.Rewrite(s, b, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	got, err := out.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"age":1,"code_7":true,"paid":true,"plan_basic":false,"plan_plus":true},{"age":0,"code_7":false,"paid":false,"plan_basic":true,"plan_plus":false},{"age":0.17073170731707318,"code_7":true,"paid":false,"plan_basic":false,"plan_plus":true}]`
	var compact bytes.Buffer
	if err := json.Compact(&compact, got); err != nil || strings.ReplaceAll(compact.String(), "\n", "") != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
	if f := s.Field(0); f.Nullable || f.Name != "age" {
		t.Errorf("age: %v", f)
	}
	clash := arrow.NewSchema(append(tabularSchema.Fields(), arrow.Field{Name: "code_7", Type: asText}), nil)
	if _, err := tr.Schema(clash); err == nil || err.Error() != `two columns would be named "code_7"` {
		t.Error(err)
	}
}

func TestTabularBadValues(t *testing.T) {
	tr := fittedTabular(t)
	for rows, want := range map[string]string{
		`[{"plan":"plus","paid":true,"code":1},{"plan":null,"paid":true,"code":1}]`:                 `row 42, column "plan": it is null; fill such gaps with impute, or drop such rows with clean's drop_null`,
		`[{"plan":"plus","paid":true,"code":1},{"plan":"gold","paid":true,"code":1}]`:               `row 42, column "plan": "gold" is none of the categories that were learnt; with ` + "`unknown: zeros` it would count as none of them",
		`[{"plan":"plus","paid":true,"code":1},{"plan":null,"paid":true,"code":1},{"plan":"gold"}]`: `row 42, column "plan": it is null; fill such gaps with impute, or drop such rows with clean's drop_null`,
	} {
		var in Input
		if err := tr.Apply(&in, tabularBatch(t, rows), 41); err == nil || err.Error() != want || in.Rows != 1 || len(in.Values) != tr.Signature().Shape[0] {
			t.Errorf("%v after %d rows\nwant %s", err, in.Rows, want)
		}
	}
	for _, c := range []struct {
		row  map[string]any
		want string
	}{
		{map[string]any{"age": 1.5, "paid": true, "code": 7.0}, "it is missing"},
		{map[string]any{"plan": "plus", "age": "old", "code": 7.0}, "it must be a number, is old"},
		{map[string]any{"plan": 3.0, "code": 7.0}, "it must be text, is 3"},
		{map[string]any{"plan": "plus", "code": 7.0, "paid": "yes"}, "it must be true or false, is yes"},
		{map[string]any{"plan": "plus", "code": true}, "it must be a number, is true"},
		{map[string]any{"plan": "plus", "code": []any{}}, "it must be a number, is [] ([]interface {})"},
		{map[string]any{"plan": "plus", "code": json.Number("1e999")}, "it must be a number, is 1e999"},
		{map[string]any{"plan": "plus", "code": 7.0, "age": math.Inf(1)}, "it is +Inf, which is no number to compute with"},
	} {
		var re *RowError
		var in Input
		if err := tr.ApplyRow(&in, c.row); !errors.As(err, &re) || re.Msg != c.want || in.Rows != 0 || len(in.Values) != 0 {
			t.Errorf("%v: %v, want %s", c.row, err, c.want)
		}
	}
	var in Input
	if err := tr.ApplyRow(&in, map[string]any{"plan": "plus", "code": json.Number("7")}); err != nil || fmt.Sprint(in.Values) != "[0 0 1 0 1]" {
		t.Errorf("%v %v", err, in.Values)
	}
}

// Steps that make no sense after others are refused.
func TestTabularOrder(t *testing.T) {
	tr := fittedTabular(t)
	for want, f := range map[string]func(*Tabular) (ColumnFit, error){
		`column "plan" is zeros and ones already, which are not scaled`:                    scale("plan", asText, "standard"),
		`column "age" is scaled already`:                                                   scale("age", float, "standard"),
		`column "age" is scaled already; let one_hot come before normalize`:                oneHot("age", float, 3, "zeros"),
		`the gaps of column "paid" are filled already`:                                     impute("paid", boolean, "most_frequent"),
		`column "plan" is encoded or scaled already; let impute come first`:                impute("plan", asText, "most_frequent"),
		`column "age" is int64 here and was float64 where the transform was fitted`:        scale("age", whole, "standard"),
		`column "other" holds text; make numbers of it with one_hot`:                       scale("other", asText, "standard"),
		`column "other" is utf8 and has no mean; use most_frequent or value`:               impute("other", asText, "mean"),
		`column "day" is date32, and only numbers, text and true/false can be transformed`: scale("day", arrow.FixedWidthTypes.Date32, "standard"),
		`column "n": it is filled with "many", which is no number`:                         func(t *Tabular) (ColumnFit, error) { return t.FillWith("n", whole, "many") },
	} {
		if _, err := f(tr); err == nil || err.Error() != want {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	empty := tabularBatch(t, `[{"age":null}]`)
	f, err := NewTabular().FitImpute("age", float, "median")
	if err == nil {
		err = f.Add(empty, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewTabular().With([]ColumnFit{f}); err == nil || !strings.HasPrefix(err.Error(), `column "age": all its values are null`) {
		t.Error(err)
	}
}

func TestTabularSaveAndLoad(t *testing.T) {
	good := folder{}
	if err := Save(good, fittedTabular(t)); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(fstest.MapFS(good))
	if err != nil {
		t.Fatal(err)
	}
	again := folder{}
	if err := Save(again, loaded); err != nil {
		t.Fatal(err)
	}
	data := good[manifestName].Data
	if !bytes.Equal(data, again[manifestName].Data) {
		t.Error("other bytes after it was loaded and saved")
	}
	var in, same Input
	b := tabularBatch(t, customers)
	if err := errors.Join(loaded.Apply(&in, b, 1), fittedTabular(t).Apply(&same, b, 1)); err != nil || fmt.Sprint(in) != fmt.Sprint(same) {
		t.Errorf("%v: %v before and %v after", err, same, in)
	}
	for from, to := range map[string]string{
		`"width": 41`:     `"width": 0`,
		`"name": "paid"`:  `"name": "age"`,
		`"type": "int64"`: `"type": "decimal"`,
		`"basic",`:        `"zebra",`,
		`"fill": "0"`:     `"fill": "NaN"`,
	} {
		if !bytes.Contains(data, []byte(from)) {
			t.Fatalf("%s has no %s:\n%s", manifestName, from, data)
		}
		bad := fstest.MapFS{manifestName: {Data: bytes.Replace(data, []byte(from), []byte(to), 1)}}
		if _, err := Load(bad); err == nil || !strings.Contains(err.Error(), "column") {
			t.Errorf("%s: %v", to, err)
		}
	}
}
