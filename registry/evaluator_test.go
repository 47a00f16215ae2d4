package registry

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"pipe/registry/filter"
)

// holds evaluates a filter for one run.
func holds(x filter.Expr, run *Run) bool {
	switch x := x.(type) {
	case filter.And:
		return !slices.ContainsFunc(x, func(e filter.Expr) bool { return !holds(e, run) })
	case filter.Or:
		return slices.ContainsFunc(x, func(e filter.Expr) bool { return holds(e, run) })
	case filter.Not:
		return !holds(x.X, run)
	}
	c := x.(*filter.Compare)
	if c.Field.Kind == filter.Dataset {
		return slices.ContainsFunc(run.Inputs, func(in DatasetInput) bool {
			value := map[string]string{"name": in.Dataset.Name, "digest": in.Dataset.Digest}
			value["context"], _ = Value(in.Tags, "mlflow.data.context")
			return holdsText(c, value[c.Field.Name])
		})
	}
	number, text, there := fieldOf(run, c.Field)
	switch {
	case c.Op == filter.IsNull:
		return !there
	case c.Op == filter.IsNotNull:
		return there
	case !there:
		return false
	case c.Numeric:
		return map[filter.Op]bool{filter.Eq: number == c.Number, filter.Ne: number != c.Number, filter.Lt: number < c.Number,
			filter.Le: number <= c.Number, filter.Gt: number > c.Number, filter.Ge: number >= c.Number}[c.Op]
	}
	return holdsText(c, text)
}

func holdsText(c *filter.Compare, text string) bool {
	switch c.Op {
	case filter.Eq:
		return text == c.Text
	case filter.Ne:
		return text != c.Text
	case filter.In:
		return slices.Contains(c.List, text)
	case filter.NotIn:
		return !slices.Contains(c.List, text)
	}
	pattern := strings.NewReplacer("%", ".*", "_", ".").Replace(regexp.QuoteMeta(c.Text))
	if c.Op == filter.ILike {
		pattern = "(?i)" + pattern
	}
	return regexp.MustCompile("(?s)^" + pattern + "$").MatchString(text)
}

// fieldOf is a field's value, and whether the run has it.
func fieldOf(run *Run, f filter.Field) (number float64, text string, there bool) {
	switch f.Kind {
	case filter.Metric:
		for _, m := range run.Metrics {
			if m.Key == f.Name {
				return m.Value, "", true
			}
		}
		return 0, "", false
	case filter.Param:
		text, there = Value(run.Params, f.Name)
		return 0, text, there
	case filter.Tag:
		text, there = Value(run.Tags, f.Name)
		return 0, text, there
	}
	switch f.Name {
	case "start_time":
		return float64(run.Start.UnixMilli()), "", true
	case "end_time":
		return float64(run.End.UnixMilli()), "", !run.End.IsZero()
	}
	return 0, map[string]string{"run_id": run.ID, "run_name": run.Name, "status": string(run.Status), "user_id": run.User,
		"artifact_uri": run.ArtifactURI, "experiment_id": fmt.Sprint(run.Experiment)}[f.Name], true
}

// compareBy sorts values, then NaN, then what lacks the key, the latter two
// whatever the direction.
func compareBy(k filter.Order, a, b *Run) int {
	x, s, hasA := fieldOf(a, k.Field)
	y, u, hasB := fieldOf(b, k.Field)
	rank := func(x float64, has bool) int {
		switch {
		case !has:
			return 2
		case math.IsNaN(x):
			return 1
		}
		return 0
	}
	if c := cmp.Compare(rank(x, hasA), rank(y, hasB)); c != 0 || !hasA || math.IsNaN(x) {
		return c
	}
	c := cmp.Or(cmp.Compare(x, y), strings.Compare(s, u))
	if k.Desc {
		return -c
	}
	return c
}
