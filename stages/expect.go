package stages

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/expr"
)

var expectKind = dag.Info{
	Name:    "expect",
	Version: 1,
	Doc: "Checks that data are as they should be, and hands them on unchanged. An expectation that is not met fails the stage, or warns where its severity is warn. " +
		"Nulls are judged by max_null_rate alone. Memory is bounded by the batch, but for unique, which keeps some 40 bytes for each row.",
	Example: `checked: { uses: expect, in: orders, with: { rows: { min: 100 }, columns: { id: { unique: true, max_null_rate: 0 }, age: { min: 0, max: 120, severity: warn } }, rules: [{ where: "price >= cost" }] } }`,
	New:     func() dag.Kind { return &Expect{} },
}

// Expect is the kind expect.
type Expect struct {
	Rows    RowCount              `yaml:"rows" doc:"how many rows there must be" example:"{min: 100, max: 100000}"`
	Columns map[string]ColumnRule `yaml:"columns" doc:"what must hold for the values of a column, by its name" example:"{age: {min: 0, max: 120}}"`
	Rules   []RowRule             `yaml:"rules" doc:"what must hold for each row" example:"[{where: price >= cost}]"`
}

// RowCount bounds the number of rows.
type RowCount struct {
	Min      *int64 `yaml:"min" doc:"the fewest rows" min:"0"`
	Max      *int64 `yaml:"max" doc:"the most rows" min:"0"`
	Severity string `yaml:"severity" doc:"what an unmet expectation does" default:"fail" enum:"fail,warn"`
}

// ColumnRule is what must hold for the values of a column.
type ColumnRule struct {
	Type        *ColumnType `yaml:"type" doc:"the column's type"`
	MaxNullRate *float64    `yaml:"max_null_rate" doc:"the largest share of nulls; 0 allows none" min:"0" max:"1"`
	Min         *float64    `yaml:"min" doc:"the smallest number"`
	Max         *float64    `yaml:"max" doc:"the largest number"`
	In          []string    `yaml:"in" doc:"the values that are allowed, written as text" example:"[spam, ham]"`
	Matches     string      `yaml:"matches" doc:"a regular expression (RE2) that matches in the text; anchor it with ^ and $" example:"^[a-z]+$"`
	MinLength   *int        `yaml:"min_length" doc:"the fewest characters of a text" min:"0"`
	MaxLength   *int        `yaml:"max_length" doc:"the most characters of a text" min:"0"`
	Unique      bool        `yaml:"unique" doc:"whether no value may come twice"`
	NewestAfter string      `yaml:"newest_after" doc:"a date or time that the newest value must be after, so that old data are noticed; give today's as a parameter" example:"2026-11-01"`
	MaxFailing  float64     `yaml:"max_failing" doc:"the share of the rows that may fail a test of values" default:"0" min:"0" below:"1"`
	Severity    string      `yaml:"severity" doc:"what an unmet expectation does" default:"fail" enum:"fail,warn"`
}

// RowRule is what must hold for each row.
type RowRule struct {
	Where      string  `yaml:"where" doc:"an expression over the columns (CEL) that must be true; a row for which it cannot be computed because of a null counts as met" required:"true" example:"price >= cost"`
	MaxFailing float64 `yaml:"max_failing" doc:"the share of the rows that may fail" default:"0" min:"0" below:"1"`
	Severity   string  `yaml:"severity" doc:"what an unmet expectation does" default:"fail" enum:"fail,warn"`
}

// Ports implements dag.Kind.
func (k *Expect) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "in", Type: artifacts.Table, Doc: "rows"}},
		[]dag.Port{
			{Name: dag.Out, Type: artifacts.Table, Doc: "the same table"},
			{Name: "report", Type: artifacts.Report, Doc: "what was expected and found (JSON)"},
		}
}

// Check implements dag.Kind.
func (k *Expect) Check(c *dag.Check) {
	if k.Rows.Min == nil && k.Rows.Max == nil && len(k.Columns) == 0 && len(k.Rules) == 0 {
		c.Errorf("", "nothing is expected; give rows, columns or rules")
		return
	}
	for _, name := range sortedNames(k.Columns) {
		k.Columns[name].check(c, name)
	}
	s := c.Columns("in")
	if s == nil {
		return
	}
	for i, r := range k.Rules {
		c.Expr(fmt.Sprintf("rules[%d].where", i), r.Where, dag.RowVars(s), expr.Bool)
	}
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Table, Table: s, First: c.In["in"].First}
}

// check reports what cannot be asked of a column.
func (r ColumnRule) check(c *dag.Check, name string) {
	field := "columns." + name
	if _, err := regexp.Compile(r.Matches); err != nil {
		c.Errorf(field+".matches", "%v", err)
	}
	if _, err := parseTime(r.NewestAfter); err != nil {
		c.Errorf(field+".newest_after", "%v", err)
	}
	if r.Min != nil && r.Max != nil && *r.Min > *r.Max {
		c.Errorf(field+".min", "must not be above max, is %g and max is %g", *r.Min, *r.Max)
	}
	f, ok := c.Column("in", field, name)
	if !ok {
		return
	}
	if r.Type != nil && r.Severity == "fail" && !arrow.TypeEqual(r.Type.DataType, f.Type) {
		c.Errorf(field+".type", "%q is %s", name, table.TypeName(f.Type))
	}
	for _, need := range []struct {
		key   string
		asked bool
		fits  bool
		what  string
	}{
		{"min", r.Min != nil, isNumber(f.Type), "numbers"},
		{"max", r.Max != nil, isNumber(f.Type), "numbers"},
		{"matches", r.Matches != "", f.Type.ID() == arrow.STRING, "text"},
		{"min_length", r.MinLength != nil, f.Type.ID() == arrow.STRING, "text"},
		{"max_length", r.MaxLength != nil, f.Type.ID() == arrow.STRING, "text"},
		{"newest_after", r.NewestAfter != "", f.Type.ID() == arrow.TIMESTAMP || f.Type.ID() == arrow.DATE32, "dates or times"},
	} {
		if need.asked && !need.fits {
			c.Errorf(field+"."+need.key, "is for %s; %q is %s", need.what, name, table.TypeName(f.Type))
		}
	}
}

func isNumber(t arrow.DataType) bool {
	return arrow.IsInteger(t.ID()) || arrow.IsFloating(t.ID()) || arrow.IsDecimal(t.ID())
}

// expectReport is what stands in the report, in the order of the expectations.
type expectReport struct {
	Version int        `json:"version"`
	Rows    int64      `json:"rows"`
	Met     bool       `json:"met"` // all that do not merely warn
	Checks  []*finding `json:"checks"`
}

const expectReportVersion = 1

// Run implements dag.Kind.
func (k *Expect) Run(ctx context.Context, env *dag.Env) (err error) {
	s, err := openStream(env)
	if err != nil {
		return err
	}
	defer s.close(&err)
	checks, err := k.checks(s.Schema())
	if err != nil {
		return err
	}
	err = s.each(ctx, func(b batch) error {
		for _, c := range checks {
			if err := c.batch(b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	report := expectReport{Version: expectReportVersion, Rows: s.in, Met: true}
	var unmet []string
	warned := 0
	for _, c := range checks {
		f := c.finish(s.in)
		report.Checks = append(report.Checks, f)
		switch {
		case f.Met:
		case f.Severity == "warn":
			warned++
			env.Logf("warning: %s", f)
		default:
			report.Met = false
			unmet = append(unmet, f.String())
		}
	}
	env.Metric("rows", float64(s.in), 0)
	env.Metric("expectations", float64(len(checks)), 0)
	env.Metric("warnings", float64(warned), 0)
	if len(unmet) > 0 {
		return fmt.Errorf("%d of %d expectations are not met: %s", len(unmet), len(checks), strings.Join(unmet, "; "))
	}
	env.Logf("%d of %d expectations are met by %d rows", len(checks)-warned, len(checks), s.in)
	return k.write(env, &report)
}

func (k *Expect) write(env *dag.Env, report *expectReport) error {
	w, err := env.CreateFile("report", artifacts.Report, "json")
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(report); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	ref, err := env.Input("in")
	if err != nil {
		return err
	}
	return env.Forward(dag.Out, ref)
}
