package stages

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/drift"
	"pipe/stages/score"
)

var driftSchema = arrow.NewSchema([]arrow.Field{
	{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: "plan", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "code", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "paid", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	{Name: "tags", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
}, nil)

// driftRows are 1000 rows; those of today have squares, a new plan and gaps.
func driftRows(today bool) string {
	var rows []string
	for i := range 1000 {
		x, plan, paid := float64(i)/1000, []string{"basic", "plus"}[i%2], "true"
		if today {
			x *= x
			if i%4 == 0 {
				plan, paid = "pro", "null"
			}
		}
		rows = append(rows, fmt.Sprintf(`{"x":%v,"plan":%q,"code":%d,"paid":%s}`, x, plan, i%3, paid))
	}
	return "[" + strings.Join(rows, ",") + "]"
}

func TestDrift(t *testing.T) {
	s := dagtest.Store(t)
	in := map[string]artifacts.Ref{"reference": dagtest.Table(t, s, driftSchema, driftRows(false)), "data": dagtest.Table(t, s, driftSchema, driftRows(true))}
	k := func(with string) *Drift { return dagtest.New(t, &Drift{}, with) }
	out := dagtest.Run(t, s, k("categorical: [code]"), in)
	b, err := s.ReadAll(out["out"])
	if err != nil {
		t.Fatal(err)
	}
	result, err := score.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"psi.x": 0.3830813706380277, "jensen_shannon.x": 0.2577663230331728, "p_value.x": 7.613348817400856e-28,
		"psi.code": 0, "drifted": 3, "columns": 4, "drifted_share": 0.75, "missing_change_max": 0.25, "rows": 1000} {
		if got := float64(result.Metrics[name]); math.Abs(got-want) > 1e-9*math.Abs(want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	var report drift.Report
	if b, err = s.ReadAll(out["statistics"]); err == nil {
		err = json.Unmarshal(b, &report)
	}
	if err != nil {
		t.Fatal(err)
	}
	if plan := report.Columns[1]; len(plan.New) != 1 || plan.New[0] != "pro" || plan.NewShare != 0.25 || report.Columns[2].Kind != "categorical" {
		t.Errorf("%+v", plan)
	}
	one := map[string]artifacts.Ref{"reference": batched(t, s, in["reference"], 1)["in"], "data": batched(t, s, in["data"], 7)["in"]}
	if again := dagtest.Run(t, s, k("categorical: [code]"), one); again["out"] != out["out"] || again["report"] != out["report"] || again["statistics"] != out["statistics"] {
		t.Error("other bytes when the rows come in other batches")
	}
	dagtest.Run(t, s, k("{severity: fail, max_drifted: 3}"), in)
	for with, want := range map[string]string{
		"severity: fail": `3 of 4 columns have drifted and max_drifted is 0; the first: column "x", psi 0.3831 is not below 0.2`,
		"{severity: fail, columns: [code, plan], measure: p_value}": `1 of 2 columns have drifted and max_drifted is 0; the first: column "plan", p_value`,
		"columns: [tags]": `column "tags" is list<item: utf8, nullable> in the reference and list<item: utf8, nullable> in the data, which cannot be compared`,
		"columns: [y]":    `the table has no column "y"`,
	} {
		if _, err := dagtest.TryRun(t, s, k(with), in); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", with, err, want)
		}
	}
	in["data"] = dagtest.Table(t, s, driftSchema, "[]")
	if _, err := dagtest.TryRun(t, s, k(""), in); err == nil || err.Error() != "there is nothing to compare: the reference has 1000 rows and the data have 0" {
		t.Error(err)
	}
}

func TestDriftCheck(t *testing.T) {
	other := arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.BinaryTypes.String}, {Name: "z", Type: arrow.PrimitiveTypes.Int64}}, nil)
	in := func(data *arrow.Schema) map[string]dag.Schema {
		return map[string]dag.Schema{"reference": {Type: artifacts.Table, Table: driftSchema, Origin: "old"}, "data": {Type: artifacts.Table, Table: data, Origin: "new"}}
	}
	problemsOf(t, driftKind.New, in(driftSchema), map[string]string{
		"":                                 "",
		"columns: [plam]":                  "columns[0]: old has no column \"plam\" (did you mean \"plan\"?)\ncolumns[0]: new has no column \"plam\" (did you mean \"plan\"?)",
		"columns: [tags]":                  `columns[0]: column "tags" has the type list<item: utf8, nullable>, which is neither numbers nor times nor categories`,
		"{measure: p_value, threshold: 5}": "threshold: a p_value is at most 1, is 5",
	})
	problemsOf(t, driftKind.New, in(other), map[string]string{
		"":             ": old and new have no column in common that can be compared",
		"columns: [x]": `columns[0]: column "x" holds float64 in the reference and utf8 in the data`,
	})
	out, _ := dagtest.Check(dagtest.New(t, &Drift{}, ""), in(driftSchema))
	if !out["out"].HasMetric("psi.plan") || out["out"].HasMetric("psi.tags") {
		t.Errorf("metrics: %v", out["out"].Metrics)
	}
}
