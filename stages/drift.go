package stages

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/drift"
	"pipe/stages/score"
)

var driftKind = dag.Info{
	Name:    "drift",
	Version: 1,
	Seeded:  true,
	Doc: "Compares the columns of a table with those of a reference, such as today's data with those that a model learnt from. " +
		"Numbers, dates and times are compared in bins that are quantiles of the reference (PSI, Jensen-Shannon distance to the base 2), by the test of Kolmogorov and Smirnov and by the Wasserstein distance; " +
		"text and true/false by category (PSI, Jensen-Shannon, chi²), with the categories that are new; and each by the share of values that are missing. " +
		"The figures are those of scipy. Memory is bounded: of more than 100,000 numbers a sample is compared, and beyond 10,000 categories they count as one.",
	Example: `moved: { uses: drift, in: { reference: split.train, data: today } }`,
	New:     func() dag.Kind { return &Drift{} },
}

// Drift is the kind drift.
type Drift struct {
	Columns       []string `yaml:"columns" doc:"the columns to compare; without it, those that both tables have and that hold numbers, times, text or true/false" example:"[age, plan]"`
	Categorical   []string `yaml:"categorical" doc:"columns of whole numbers that are codes and are compared as categories" example:"[zip]"`
	Measure       string   `yaml:"measure" doc:"the figure by which a column is judged" default:"psi" enum:"psi,jensen_shannon,p_value"`
	Threshold     *float64 `yaml:"threshold" doc:"from where on a column has drifted; by default 0.2 of psi, 0.1 of jensen_shannon, and below 0.05 of p_value" min:"0"`
	MissingChange float64  `yaml:"missing_change" doc:"by how much the share of missing values may rise or fall" default:"0.1" min:"0" max:"1"`
	Bins          int      `yaml:"bins" doc:"how many bins numbers are compared in" default:"10" min:"2" max:"1000"`
	MaxDrifted    int      `yaml:"max_drifted" doc:"how many columns may drift before the severity counts" default:"0" min:"0"`
	Severity      string   `yaml:"severity" doc:"what too many drifted columns do: warn says so in the log, fail fails the stage" default:"warn" enum:"fail,warn"`
}

// Ports implements dag.Kind.
func (k *Drift) Ports() (in, out []dag.Port) {
	return []dag.Port{
			{Name: "reference", Type: artifacts.Table, Doc: "rows as they are to be"},
			{Name: "data", Type: artifacts.Table, Doc: "rows as they are now"},
		}, []dag.Port{
			{Name: dag.Out, Type: artifacts.Metrics, Doc: "the figures, for conditions (JSON)"},
			{Name: "report", Type: artifacts.Report, Doc: "a page for people (HTML)"},
			{Name: "statistics", Type: artifacts.File, Doc: "the same for programs, with every bin (JSON)"},
		}
}

// driftNames are the metrics that are about the whole table.
var driftNames = []string{"drifted", "drifted_share", "columns", "psi_max", "jensen_shannon_max", "p_value_min", "missing_change_max", "rows"}

// Check implements dag.Kind.
func (k *Drift) Check(c *dag.Check) {
	if k.Threshold != nil && k.Measure != string(drift.ByPSI) && *k.Threshold > 1 {
		c.Errorf("threshold", "a %s is at most 1, is %g", k.Measure, *k.Threshold)
	}
	ref, cur := c.Columns("reference"), c.Columns("data")
	metrics := dag.Schema{Type: artifacts.Metrics}
	for i, name := range k.Columns {
		k.checkColumn(c, fmt.Sprintf("columns[%d]", i), name)
	}
	for i, name := range k.Categorical {
		k.checkColumn(c, fmt.Sprintf("categorical[%d]", i), name)
	}
	if ref != nil && cur != nil {
		names := k.columns(ref, cur)
		if len(names) == 0 {
			c.Errorf("", "%s and %s have no column in common that can be compared", c.In["reference"].Origin, c.In["data"].Origin)
		}
		metrics.Metrics = slices.Clone(driftNames)
		for _, name := range names {
			metrics.Metrics = append(metrics.Metrics, "psi."+name, "jensen_shannon."+name, "p_value."+name)
		}
	}
	c.Out[dag.Out] = metrics
}

// checkColumn reports a column that one table lacks, or that cannot be compared.
func (k *Drift) checkColumn(c *dag.Check, field, name string) {
	a, haveA := c.Column("reference", field, name)
	b, haveB := c.Column("data", field, name)
	switch {
	case !haveA || !haveB:
	case driftForm(a.Type) == "":
		c.Errorf(field, "column %q has the type %s, which is neither numbers nor times nor categories", name, a.Type)
	case driftForm(a.Type) != driftForm(b.Type):
		c.Errorf(field, "column %q holds %s in the reference and %s in the data", name, a.Type, b.Type)
	}
}

// driftForm says how a type is compared: as "numbers" or "categories", or not.
func driftForm(t arrow.DataType) string {
	switch id := t.ID(); {
	case arrow.IsInteger(id), arrow.IsFloating(id), arrow.IsDecimal(id), id == arrow.DATE32, id == arrow.TIMESTAMP:
		return "numbers"
	case id == arrow.STRING, id == arrow.BOOL:
		return "categories"
	}
	return ""
}

// columns lists what is compared.
func (k *Drift) columns(ref, cur *arrow.Schema) []string {
	if len(k.Columns) > 0 {
		return k.Columns
	}
	var names []string
	for _, f := range ref.Fields() {
		if other, ok := cur.FieldsByName(f.Name); ok && driftForm(f.Type) != "" && driftForm(f.Type) == driftForm(other[0].Type) {
			names = append(names, f.Name)
		}
	}
	return names
}

// Run implements dag.Kind.
func (k *Drift) Run(ctx context.Context, env *dag.Env) error {
	names, err := k.comparable(env)
	if err != nil {
		return err
	}
	reference, err := k.gather(ctx, env, "reference", names)
	if err != nil {
		return err
	}
	data, err := k.gather(ctx, env, "data", names)
	if err != nil {
		return err
	}
	rule := drift.Rule{Measure: drift.Measure(k.Measure), MissingChange: k.MissingChange, Bins: k.Bins}
	if rule.Threshold = rule.Measure.Threshold(); k.Threshold != nil {
		rule.Threshold = *k.Threshold
	}
	report := drift.Compare(reference, data, rule)
	if report.Rows == 0 || report.ReferenceRows == 0 {
		return fmt.Errorf("there is nothing to compare: the reference has %d rows and the data have %d", report.ReferenceRows, report.Rows)
	}
	if err := k.verdict(env, report); err != nil {
		return err
	}
	return k.write(env, report)
}

// verdict tells which columns have drifted, and fails where that is too many.
func (k *Drift) verdict(env *dag.Env, r *drift.Report) error {
	for _, c := range r.Columns {
		for _, why := range c.Why {
			env.Logf("column %q has drifted: %s", c.Name, why)
		}
	}
	env.Logf("%d of %d columns have drifted, in %d rows against %d", r.Drifted, len(r.Columns), r.Rows, r.ReferenceRows)
	if k.Severity != "fail" || r.Drifted <= k.MaxDrifted {
		return nil
	}
	var worst *drift.Result
	for _, c := range r.Columns {
		if c.Drifted && worst == nil {
			worst = c
		}
	}
	return fmt.Errorf("%d of %d columns have drifted and max_drifted is %d; the first: column %q, %s", r.Drifted, len(r.Columns), k.MaxDrifted, worst.Name, worst.Why[0])
}

// driftMetrics are the figures of a report by their names.
func driftMetrics(r *drift.Report) map[string]dag.Float {
	m := map[string]dag.Float{"drifted": dag.Float(r.Drifted), "columns": dag.Float(len(r.Columns)), "rows": dag.Float(r.Rows), "psi_max": 0, "jensen_shannon_max": 0, "p_value_min": 1, "missing_change_max": 0}
	m["drifted_share"] = m["drifted"] / m["columns"]
	for _, c := range r.Columns {
		for name, v := range map[string]*float64{"psi": c.PSI, "jensen_shannon": c.JensenShannon, "p_value": c.PValue} {
			if v != nil {
				m[name+"."+c.Name] = dag.Float(*v)
			}
		}
		if c.PSI != nil {
			m["psi_max"] = max(m["psi_max"], dag.Float(*c.PSI))
			m["jensen_shannon_max"] = max(m["jensen_shannon_max"], dag.Float(*c.JensenShannon))
		}
		if c.PValue != nil {
			m["p_value_min"] = min(m["p_value_min"], dag.Float(*c.PValue))
		}
		m["missing_change_max"] = max(m["missing_change_max"], dag.Float(c.Missing-c.ReferenceMissing), dag.Float(c.ReferenceMissing-c.Missing))
	}
	return m
}

// write stores the three outputs.
func (k *Drift) write(env *dag.Env, r *drift.Report) error {
	result := &score.Result{Version: score.Version, Task: "drift", Rows: r.Rows, Metrics: driftMetrics(r)}
	for _, name := range result.ScalarNames() {
		env.Metric(name, float64(result.Metrics[name]), 0)
	}
	b, err := result.Encode()
	if err != nil {
		return err
	}
	w, err := env.CreateFile(dag.Out, artifacts.Metrics, "json")
	if err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	if w, err = env.CreateFile("report", artifacts.Report, "html"); err != nil {
		return err
	}
	if err := r.WriteHTML(w); err != nil {
		return err
	}
	if w, err = env.CreateFile("statistics", artifacts.File, "json"); err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("write the statistics: %w", err)
	}
	return nil
}
