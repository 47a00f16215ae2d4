package schedule

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/text"
	"pipe/registry"
	"pipe/stages/drift"
	"pipe/stages/rows"
)

// driftFigures are the results of a comparison, by column.
type driftFigures struct {
	columns map[string]*drift.Result
	report  *drift.Report
}

// lengthSuffix names the length of a text, in characters: the column "text" has
// a length "text_length" that can drift as a number does.
const lengthSuffix = "_length"

// newest is the last file of a pattern, in the order of names.
func newest(pattern string) (string, error) {
	paths, err := matches(pattern)
	if err != nil {
		return "", err
	}
	if len(paths) == 0 {
		return "", fmt.Errorf("data: there is no file %s: %w", pattern, fs.ErrNotExist)
	}
	return paths[len(paths)-1], nil
}

// drift gives a measure of a column.
func (c *condition) drift(measure string) func(args []any) (any, error) {
	return func(args []any) (any, error) {
		column, _ := args[1].(string)
		figures, err := c.figures()
		if err != nil {
			return nil, err
		}
		r := figures.columns[column]
		if r == nil {
			return nil, fmt.Errorf("drift: there is no column %q in both the data and what the model learnt from (%s)", column, text.List(slices.Sorted(maps.Keys(figures.columns))))
		}
		value := map[string]*float64{"psi": r.PSI, "p_value": r.PValue, "jensen_shannon": r.JensenShannon}[measure]
		if measure == "missing" {
			change := r.Missing - r.ReferenceMissing
			value = &change
		}
		if value == nil {
			return nil, fmt.Errorf("drift: column %q has no %s: one of the sides is empty", column, measure)
		}
		c.say("%s of %s is %.3g", measure, column, *value)
		return *value, nil
	}
}

// driftObject is `drift` itself.
func (c *condition) driftObject() (any, error) {
	if _, err := c.version(); errors.Is(err, registry.ErrNotFound) {
		return nil, fmt.Errorf("drift: %w; run the pipeline once, so that there is a model to compare with", err)
	}
	f, err := c.figures()
	if err != nil {
		return nil, err
	}
	worst := 0.0
	for _, r := range f.columns {
		if r.PSI != nil {
			worst = max(worst, *r.PSI)
		}
	}
	c.say("the largest PSI is %.3g", worst)
	return map[string]any{"rows": f.report.Rows, "drifted": int64(f.report.Drifted), "psi_max": worst}, nil
}

// figures compares the newest data with what the model learnt from, once for
// each pair of them.
func (c *condition) figures() (driftFigures, error) {
	key, err := c.identity()
	if err != nil {
		return driftFigures{}, err
	}
	key = c.subject.Spec.Model + " " + key
	c.sight.mu.Lock()
	known, ok := c.sight.compared[key]
	c.sight.mu.Unlock()
	if ok {
		return known, nil
	}
	f, err := c.compare()
	if err != nil {
		return f, err
	}
	c.sight.mu.Lock()
	defer c.sight.mu.Unlock()
	if c.sight.compared == nil || len(c.sight.compared) > 100 {
		c.sight.compared = map[string]driftFigures{}
	}
	c.sight.compared[key] = f
	return f, nil
}

func (c *condition) compare() (driftFigures, error) {
	v, err := c.version()
	if err != nil {
		return driftFigures{}, err
	}
	ref, err := c.trainedOn(v)
	if err != nil {
		return driftFigures{}, err
	}
	before, err := dag.OpenTable(c.sight.Workspace.Store, ref, "what "+v.Model+" learnt from")
	if err != nil {
		return driftFigures{}, err
	}
	path, err := newest(c.subject.Spec.Data)
	if err != nil {
		return driftFigures{}, errors.Join(err, before.Close())
	}
	now, err := table.OpenFile(path, table.Options{})
	if err != nil {
		return driftFigures{}, errors.Join(err, before.Close())
	}
	a, err1 := gather(before, now.Schema())
	b, err2 := gather(now, before.Schema())
	if err := errors.Join(err1, err2, before.Close(), now.Close()); err != nil {
		return driftFigures{}, err
	}
	if len(a) == 0 {
		return driftFigures{}, fmt.Errorf("drift: %s and what %s learnt from have no column in common", path, v.Model)
	}
	report := drift.Compare(a, b, drift.Rule{Measure: drift.ByPSI, Threshold: drift.ByPSI.Threshold(), MissingChange: 0.1, Bins: 10})
	f := driftFigures{columns: map[string]*drift.Result{}, report: report}
	for _, r := range report.Columns {
		f.columns[r.Name] = r
	}
	return f, nil
}

// trainedOn finds the table that a version learnt from: the lineage tells it.
func (c *condition) trainedOn(v registry.ModelVersion) (artifacts.Ref, error) {
	run, err := c.sight.Workspace.Registry.Run(c.ctx, v.RunID)
	if err != nil {
		return artifacts.Ref{}, fmt.Errorf("drift: what version %d of %s learnt from: %w", v.Version, v.Model, err)
	}
	for _, s := range run.Stages {
		for _, out := range s.Outputs {
			if out.Digest != v.Ref.Digest {
				continue
			}
			if ref, ok := s.Inputs["train"]; ok && ref.Type == artifacts.Table {
				return ref, nil
			}
			for _, port := range slices.Sorted(maps.Keys(s.Inputs)) {
				if ref := s.Inputs[port]; ref.Type == artifacts.Table {
					return ref, nil
				}
			}
		}
	}
	return artifacts.Ref{}, fmt.Errorf("drift: the registry does not tell what version %d of %s learnt from", v.Version, v.Model)
}

// gather reads the columns of a table that the other one has as well.
func gather(r table.Reader, other *arrow.Schema) (out []*drift.Column, err error) {
	type target struct {
		at     int
		column *drift.Column
		length bool
	}
	var targets []target
	for i, f := range r.Schema().Fields() {
		fs, ok := other.FieldsByName(f.Name)
		if !ok || form(f.Type) == "" || form(f.Type) != form(fs[0].Type) {
			continue
		}
		if form(f.Type) == "numbers" {
			targets = append(targets, target{i, drift.NewNumbers(f.Name, 1), false})
			continue
		}
		targets = append(targets, target{i, drift.NewCategories(f.Name), false})
		if _, taken := other.FieldsByName(f.Name + lengthSuffix); !taken && f.Type.ID() == arrow.STRING {
			targets = append(targets, target{i, drift.NewNumbers(f.Name+lengthSuffix, 1), true})
		}
	}
	for batch, err := range table.All(r) {
		if err != nil {
			return nil, fmt.Errorf("drift: %w", err)
		}
		for _, t := range targets {
			col := batch.Column(t.at)
			for i := range col.Len() {
				add(t.column, rows.Value(col, i), t.length)
			}
		}
	}
	for _, t := range targets {
		out = append(out, t.column)
	}
	return out, nil
}

// form says how a type is compared: as numbers, as categories, or not.
func form(t arrow.DataType) string {
	switch id := t.ID(); {
	case arrow.IsInteger(id), arrow.IsFloating(id), arrow.IsDecimal(id), id == arrow.DATE32, id == arrow.TIMESTAMP:
		return "numbers"
	case id == arrow.STRING, id == arrow.BOOL:
		return "categories"
	}
	return ""
}

func add(c *drift.Column, v any, length bool) {
	switch x := v.(type) {
	case nil:
		c.AddMissing()
	case int64:
		c.AddNumber(float64(x))
	case float64:
		c.AddNumber(x)
	case time.Time:
		c.AddNumber(float64(x.UnixMilli()) / 1000)
	case bool:
		c.AddCategory(strconv.FormatBool(x))
	case string:
		if length {
			c.AddNumber(float64(utf8.RuneCountInString(x)))
		} else {
			c.AddCategory(strings.ToValidUTF8(x, "\uFFFD"))
		}
	default:
		c.AddMissing()
	}
}
