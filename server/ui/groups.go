package ui

import (
	"cmp"
	"context"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"pipe/registry"
)

// group is runs that share a value.
type group struct {
	Value   string
	Missing bool // the runs have no such value
	URL     string
	Runs    int
	States  []stateCount
	Last    time.Time
	Ago     string
	Cells   []groupCell
}

type stateCount struct {
	State string
	N     int
}

// groupCell is a metric over the runs of a group.
type groupCell struct {
	N               int
	Mean, Low, High float64
}

// groups folds the runs of a view by a param, tag, metric or attribute.
func (s *Server) groups(ctx context.Context, v runsView) ([]group, []column, error) {
	kind, name, ok := strings.Cut(v.Group, ".")
	if !ok || kind != "params" && kind != "tags" && kind != "attributes" {
		return nil, nil, &problem{http.StatusBadRequest, "Runs are grouped by params.NAME, tags.NAME or attributes.NAME."}
	}
	_, experiments, err := s.experiments(ctx)
	if err != nil {
		return nil, nil, err
	}
	valueOf := func(r *registry.Run) (string, bool) {
		switch kind + "." + name {
		case "attributes.experiment_id":
			return experiments[r.Experiment], true
		case "attributes.status":
			return string(r.Status), true
		case "attributes.user_id":
			return r.User, true
		case "attributes.pipeline":
			return r.Pipeline, true
		case "attributes.git_commit":
			return r.Git.Commit, true
		}
		if kind == "params" {
			return registry.Value(r.Params, name)
		}
		return registry.Value(r.Tags, name)
	}
	q := v.query()
	q.OrderBy = nil
	var runs []registry.Run
	for {
		page, next, err := s.w.Registry.Runs(ctx, q)
		if err != nil {
			return nil, nil, err
		}
		runs = append(runs, page...)
		if q.PageToken = next; next == "" {
			break
		}
	}
	all, _ := columnsOf(v, runs[:min(len(runs), pageRows)])
	columns := slices.DeleteFunc(all, func(c column) bool { return !c.Num })
	type bin struct {
		value string
		ok    bool
	}
	bins := map[bin][]registry.Run{}
	for _, r := range runs {
		value, ok := valueOf(&r)
		bins[bin{value, ok}] = append(bins[bin{value, ok}], r)
	}
	var out []group
	for b, members := range bins { // sorted below
		out = append(out, foldGroup(v, b.value, b.ok, members, columns, s.opt.Now()))
	}
	slices.SortFunc(out, func(a, b group) int { return cmp.Or(cmp.Compare(b.Runs, a.Runs), cmp.Compare(a.Value, b.Value)) })
	return out, columns, nil
}

func foldGroup(v runsView, value string, ok bool, members []registry.Run, columns []column, now time.Time) group {
	condition := spell(v.Group) + " = " + quote(value)
	if !ok {
		condition = spell(v.Group) + " IS NULL"
	}
	if v.Group == "attributes.experiment_id" {
		condition = ""
	}
	g := group{Value: value, Missing: !ok, Runs: len(members), Last: members[0].Start, Ago: ago(members[0].Start, now)}
	inner := v
	inner.Group = ""
	switch {
	case condition == "":
		inner.Experiment = strconv.FormatInt(members[0].Experiment, 10)
	case v.Filter == "":
		inner.Filter = condition
	default:
		inner.Filter = "(" + filterOf(v.Filter) + ") and " + condition
	}
	g.URL = inner.URL("/runs")
	states := map[string]int{}
	for _, r := range members {
		states[stateName(r.Status)]++
	}
	for _, name := range slices.Sorted(maps.Keys(states)) {
		g.States = append(g.States, stateCount{name, states[name]})
	}
	for _, c := range columns {
		_, key, _ := strings.Cut(c.ID, ".")
		cell := groupCell{Low: math.Inf(1), High: math.Inf(-1)}
		sum := 0.0
		for _, r := range members {
			if m, ok := metricOf(r.Metrics, key); ok && !math.IsNaN(m.Value) {
				cell.N++
				sum += m.Value
				cell.Low, cell.High = min(cell.Low, m.Value), max(cell.High, m.Value)
			}
		}
		if cell.N > 0 {
			cell.Mean = sum / float64(cell.N)
		}
		g.Cells = append(g.Cells, cell)
	}
	return g
}
