package ui

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"pipe/registry"
)

// column is one of a table of runs, beside the fixed ones.
type column struct {
	ID     string // "metrics.accuracy", "params.units", "tags.team", "attributes.user_id"
	Prefix string // of its name: the stage, mostly
	Title  string
	Num    bool
	Sort   string // what sorting by it asks of the registry
	Shown  bool
}

func newColumn(id string) column {
	kind, name, _ := strings.Cut(id, ".")
	cut := strings.LastIndexAny(name[:max(0, len(name)-1)], "./") + 1
	return column{ID: id, Prefix: strings.TrimRight(name[:cut], "./"), Title: name[cut:], Num: kind == "metrics", Sort: spell(id), Shown: true}
}

// The columns that are shown where nobody chose: so many metrics and params.
const (
	defaultMetrics = 4
	defaultParams  = 4
	offered        = 60 // how many are offered for choice; others are searched for
)

// columnsOf chooses the columns of a table from the first of its runs: metrics
// that most of them have, the more telling names first, and params that are not
// the same in all. offers are all that were found.
func columnsOf(v runsView, runs []registry.Run) (shown, offers []column) {
	metrics, params, tags := map[string]int{}, map[string]int{}, map[string]int{}
	values := map[string]map[string]bool{}
	for _, r := range runs {
		for _, m := range r.Metrics {
			metrics[m.Key]++
		}
		for _, p := range r.Params {
			params[p.Key]++
			if values[p.Key] == nil {
				values[p.Key] = map[string]bool{}
			}
			values[p.Key][p.Value] = true
		}
		for _, t := range r.Tags {
			if !strings.HasPrefix(t.Key, "mlflow.") {
				tags[t.Key]++
			}
		}
	}
	byUse := func(uses map[string]int, rank func(string) int) []string {
		names := slices.SortedFunc(maps.Keys(uses), func(a, b string) int { return cmp.Or(cmp.Compare(uses[b], uses[a]), cmp.Compare(a, b)) })
		ranked(names, rank)
		return names
	}
	metricNames := byUse(metrics, telling)
	differs := func(param string) bool { return len(values[param]) > 1 || params[param] < len(runs) }
	paramNames := byUse(params, func(name string) int { return boolInt(!differs(name)) })
	chosen := v.Columns
	if len(chosen) == 0 {
		for _, m := range metricNames[:min(defaultMetrics, len(metricNames))] {
			chosen = append(chosen, "metrics."+m)
		}
		for _, p := range paramNames[:min(defaultParams, len(paramNames))] {
			if differs(p) || len(runs) == 1 {
				chosen = append(chosen, "params."+p)
			}
		}
	}
	for _, id := range chosen {
		shown = append(shown, newColumn(id))
	}
	offers = slices.Clone(shown)
	add := func(id string) {
		if len(offers) < offered && !slices.Contains(chosen, id) {
			c := newColumn(id)
			c.Shown = false
			offers = append(offers, c)
		}
	}
	for _, m := range metricNames {
		add("metrics." + m)
	}
	for _, p := range paramNames {
		add("params." + p)
	}
	for _, t := range byUse(tags, func(string) int { return 0 }) {
		add("tags." + t)
	}
	add("attributes.user_id")
	add("attributes.git_commit")
	return shown, offers
}

// ranked sorts a list by a rank that is asked of each element once, as there may be
// thousands; of equal ones the order stays.
func ranked[T any](list []T, rank func(T) int) {
	type place struct {
		rank int
		item T
	}
	places := make([]place, len(list))
	for i, x := range list {
		places[i] = place{rank(x), x}
	}
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.rank, b.rank) })
	for i, p := range places {
		list[i] = p.item
	}
}

// telling ranks names of metrics: what models are judged by, before what
// training reports, before counts.
func telling(name string) int {
	last := strings.ToLower(name[strings.LastIndexAny(name, "./")+1:])
	if strings.HasPrefix(name, "system/") {
		return 9
	}
	if last == "wer" { // which is a part of other words
		return 0
	}
	for i, words := range [][]string{{"accuracy", "f1", "auc", "r2", "bleu", "mrr"}, {"loss", "rmse", "mae", "error", "precision", "recall"}} {
		for _, w := range words {
			if strings.Contains(last, w) {
				rank := 2 * i
				if strings.HasPrefix(name, "train") {
					rank++
				}
				return rank
			}
		}
	}
	return 5
}

// cell is one value of a row.
type cell struct {
	Text, Title string
	Num         bool
}

// runRow is a run in a table.
type runRow struct {
	registry.Run
	Cells      []cell
	Took       string
	Ago        string
	Experiment string
	Short      []registry.Pair // tags that people have given
}

func (s *Server) rows(runs []registry.Run, columns []column, experiments map[int64]string, now time.Time) []runRow {
	rows := make([]runRow, len(runs))
	for i, r := range runs {
		row := runRow{Run: r, Took: took(r, now), Ago: ago(r.Start, now), Experiment: experiments[r.Experiment], Cells: make([]cell, len(columns))}
		for j, c := range columns {
			row.Cells[j] = cellOf(&r, c)
		}
		for _, t := range r.Tags {
			if !strings.HasPrefix(t.Key, "mlflow.") && !strings.HasPrefix(t.Key, "pipe.") {
				row.Short = append(row.Short, t)
			}
		}
		rows[i] = row
	}
	return rows
}

func took(r registry.Run, now time.Time) string {
	switch {
	case r.Start.IsZero():
		return ""
	case r.Error == registry.NoLastWord:
		return "≥ " + duration(r.End.Sub(r.Start)) // up to the last sign of life
	case !r.End.IsZero():
		return duration(r.End.Sub(r.Start))
	case r.Status == registry.Running:
		return duration(now.Sub(r.Start))
	}
	return ""
}

func cellOf(r *registry.Run, c column) cell {
	kind, name, _ := strings.Cut(c.ID, ".")
	switch kind {
	case "metrics":
		if m, ok := metricOf(r.Metrics, name); ok {
			return cell{Text: number(m.Value), Num: true}
		}
	case "params":
		v, _ := registry.Value(r.Params, name)
		return cell{Text: clip(60, v), Title: v}
	case "tags":
		v, _ := registry.Value(r.Tags, name)
		return cell{Text: clip(60, v), Title: v}
	case "attributes":
		switch name {
		case "user_id":
			return cell{Text: r.User, Title: r.User}
		case "git_commit":
			return cell{Text: short(r.Git.Commit), Title: r.Git.Commit}
		case "pipeline":
			return cell{Text: r.Pipeline, Title: r.Pipeline}
		}
	}
	return cell{Num: kind == "metrics"}
}

// metricOf finds a metric in a list that is sorted by key.
func metricOf(list []registry.Metric, key string) (registry.Metric, bool) {
	i, ok := slices.BinarySearchFunc(list, key, func(m registry.Metric, key string) int { return cmp.Compare(m.Key, key) })
	if !ok {
		return registry.Metric{}, false
	}
	return list[i], true
}

// foundColumns are how many a search for columns lists.
const foundColumns = 40

// runColumns finds columns by a part of their name, among all that any run has:
// tables do not list what may be thousands.
func (s *Server) runColumns(w http.ResponseWriter, r *http.Request) error {
	find := strings.TrimSpace(r.URL.Query().Get("find"))
	chosen := r.URL.Query()["col"]
	var found []column
	for _, kind := range []string{"metrics", "params", "tags"} {
		name := find
		if k, rest, ok := strings.Cut(find, "."); ok && k == kind {
			name = rest
		}
		names, err := s.w.Registry.Names(r.Context(), kind, name, foundColumns+len(chosen))
		if err != nil {
			return err
		}
		for _, n := range names {
			if c := newColumn(kind + "." + n); len(found) < foundColumns && !slices.Contains(chosen, c.ID) && !strings.HasPrefix(n, "mlflow.") {
				c.Shown = false
				found = append(found, c)
			}
		}
	}
	return s.part(w, r, "runs", "offers", found)
}
