package stages

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/stages/rows"
)

// finding is what came of an expectation.
type finding struct {
	Column   string  `json:"column,omitempty"` // "" where it is about rows
	Expected string  `json:"expected"`
	Severity string  `json:"severity"`
	Met      bool    `json:"met"`
	Failing  int64   `json:"failing_rows"`
	First    []int64 `json:"first_failing_rows,omitempty"` // from 1
	Found    string  `json:"found,omitempty"`
}

// mostFirst is how many failing rows are named.
const mostFirst = 5

func (f *finding) String() string {
	var b strings.Builder
	if f.Column != "" {
		fmt.Fprintf(&b, "column %q: ", f.Column)
	}
	b.WriteString(f.Expected)
	if f.Failing > 0 {
		names := make([]string, len(f.First))
		for i, n := range f.First {
			names[i] = fmt.Sprint(n)
		}
		verb := "rows fail"
		if f.Failing == 1 {
			verb = "row fails"
		}
		fmt.Fprintf(&b, ": %d %s, the first %s", f.Failing, verb, strings.Join(names, ", "))
	}
	if f.Found != "" {
		fmt.Fprintf(&b, " (found %s)", f.Found)
	}
	return b.String()
}

func (f *finding) fail(row int64, found func() string) {
	if len(f.First) == 0 {
		f.Found = found()
	}
	if len(f.First) < mostFirst {
		f.First = append(f.First, row)
	}
	f.Failing++
}

// expectation is one thing that is checked while the rows pass.
type expectation interface {
	batch(b batch) error
	finish(rows int64) *finding
}

// checks lists the expectations in the order of the configuration's fields.
func (k *Expect) checks(s *arrow.Schema) ([]expectation, error) {
	var out []expectation
	if k.Rows.Min != nil || k.Rows.Max != nil {
		out = append(out, &rowCountCheck{k.Rows})
	}
	for _, name := range sortedNames(k.Columns) {
		at, err := columnsOf(s, []string{name})
		if err != nil {
			return nil, err
		}
		checks, err := k.Columns[name].checks(name, at[0], s.Field(at[0]).Type)
		if err != nil {
			return nil, err
		}
		out = append(out, checks...)
	}
	for _, r := range k.Rules {
		e, err := rows.NewEvaluator(s, r.Where)
		if err != nil {
			return nil, err
		}
		out = append(out, &ruleCheck{finding: finding{Expected: r.Where, Severity: r.Severity}, eval: e, maxFailing: r.MaxFailing})
	}
	return out, nil
}

// rowCountCheck bounds the number of rows.
type rowCountCheck struct{ RowCount }

func (c *rowCountCheck) batch(batch) error { return nil }

func (c *rowCountCheck) finish(n int64) *finding {
	f := &finding{Severity: c.Severity, Met: true, Found: fmt.Sprintf("%d rows", n)}
	switch {
	case c.Min != nil && c.Max != nil:
		f.Expected = fmt.Sprintf("%d to %d rows", *c.Min, *c.Max)
	case c.Min != nil:
		f.Expected = fmt.Sprintf("at least %d rows", *c.Min)
	default:
		f.Expected = fmt.Sprintf("at most %d rows", *c.Max)
	}
	f.Met = (c.Min == nil || n >= *c.Min) && (c.Max == nil || n <= *c.Max)
	return f
}

// ruleCheck is an expression over each row.
type ruleCheck struct {
	finding
	eval       *rows.Evaluator
	maxFailing float64
}

func (c *ruleCheck) batch(b batch) error {
	for i := range int(b.NumRows()) {
		v, null, err := c.eval.Eval(b, i)
		if err != nil && null {
			continue
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", b.first+int64(i), err)
		}
		if ok, _ := v.(bool); !ok {
			c.fail(b.first+int64(i), func() string { return "" })
		}
	}
	return nil
}

func (c *ruleCheck) finish(n int64) *finding { return within(&c.finding, n, c.maxFailing) }

// within judges by the share of failing rows.
func within(f *finding, rows int64, most float64) *finding {
	f.Met = float64(f.Failing) <= most*float64(rows)
	if most > 0 {
		f.Expected += fmt.Sprintf(", but for %.4g %% of the rows", 100*most)
	}
	return f
}
