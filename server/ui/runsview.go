package ui

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"pipe/registry"
)

// runsView is what the address of a table of runs says: every view can be
// shared, and the script keeps nothing that the address does not.
type runsView struct {
	Filter     string   // as it was typed
	Sort       string   // "metrics.accuracy DESC"; "" is newest first
	Columns    []string // "metrics.accuracy", "params.units"; none: chosen from what is there
	Group      string   // "params.units"; "" for a table of runs
	Experiment string   // an id; "" for all
	Deleted    bool
}

func viewOf(q url.Values) runsView {
	v := runsView{Filter: strings.TrimSpace(q.Get("q")), Sort: q.Get("sort"), Group: strings.TrimSpace(q.Get("group")), Experiment: q.Get("exp"), Deleted: q.Get("deleted") == "1"}
	for _, c := range append(q["col"], strings.Split(q.Get("cols"), ",")...) {
		if c = strings.TrimSpace(c); c != "" && !slices.Contains(v.Columns, c) && len(v.Columns) < maxColumns {
			v.Columns = append(v.Columns, c)
		}
	}
	return v
}

// maxColumns bounds a table's columns of metrics and params.
const maxColumns = 40

func (v runsView) values() url.Values {
	q := url.Values{}
	set := func(key, value string) {
		if value != "" {
			q.Set(key, value)
		}
	}
	set("q", v.Filter)
	set("sort", v.Sort)
	set("group", v.Group)
	set("exp", v.Experiment)
	if v.Deleted {
		q.Set("deleted", "1")
	}
	for _, c := range v.Columns {
		q.Add("col", c)
	}
	return q
}

// URL is the address of the view, with other values for some keys: pairs of a
// key and a value, "" to leave it out.
func (v runsView) URL(path string, pairs ...string) string {
	q := v.values()
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		} else {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// query is the view as the registry takes it.
func (v runsView) query() registry.RunQuery {
	q := registry.RunQuery{Filter: filterOf(v.Filter)}
	if id, err := strconv.ParseInt(v.Experiment, 10, 64); err == nil {
		q.Experiments = []int64{id}
	}
	if v.Sort != "" {
		q.OrderBy = []string{v.Sort}
	}
	if v.Deleted {
		q.View = registry.DeletedOnly
	}
	return q
}

// filterOf lets plain words search the names of runs: what has none of the
// signs and words that every comparison has is no filter.
func filterOf(text string) string {
	if text == "" || strings.ContainsAny(text, "=<>'\"`()") || len(text) > 200 {
		return text
	}
	for _, w := range strings.Fields(text) {
		switch strings.ToLower(w) {
		case "is", "like", "ilike", "in", "not", "and", "or", "null":
			return text
		}
	}
	return "attributes.run_name ILIKE '%" + text + "%'"
}

// spell writes a name such as metrics.accuracy as the filter language takes it,
// which needs quotes around what has other letters.
func spell(column string) string {
	kind, name, ok := strings.Cut(column, ".")
	if !ok {
		return column
	}
	if strings.Contains(name, "`") {
		return kind + `."` + name + `"`
	}
	return kind + ".`" + name + "`"
}

// quote writes a value as a string of the filter language.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
