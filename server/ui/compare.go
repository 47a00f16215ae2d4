package ui

import (
	"cmp"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"pipe/registry"
)

// compareRuns is how many runs are put side by side.
const compareRuns = 50

// compareData is runs side by side: a column each, in the order of the address.
type compareData struct {
	Runs     []compared
	Params   []compareRow
	Metrics  []compareRow
	Outputs  []compareRow
	About    []compareRow
	Same     int // params that are the same in all
	All      bool
	AllURL   string
	Charts   []chartView
	Parallel *parallel
	Scatter  *scatter
	Keys     []string // what the axes of the scatter may be
	X, Y     string
	Find     string // what the names of listed metrics contain
	Left     int    // metrics that are not listed
	DiffURL  string // of what differs in the data of two runs
	Query    url.Values
}

type compared struct {
	registry.Run
	Label, Took string
	Series      int // of the colours
}

type compareRow struct {
	Name  string
	Diff  bool
	Cells []compareCell
}

type compareCell struct {
	Text, Title, Href string
	Best, Num         bool
}

func (s *Server) comparePage(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	ids := unique(q["run"])
	if len(ids) == 0 {
		return &problem{http.StatusBadRequest, "Select the runs that are to be compared on the page of runs."}
	}
	if len(ids) > compareRuns {
		return &problem{http.StatusBadRequest, "At most " + strconv.Itoa(compareRuns) + " runs are put side by side; group the runs to compare more."}
	}
	d := &compareData{All: q.Get("all") == "1", X: q.Get("x"), Y: q.Get("y"), Find: strings.TrimSpace(q.Get("find")), Query: q}
	var details []registry.RunDetail
	for i, id := range ids {
		run, err := s.w.Registry.Run(r.Context(), id)
		if err != nil {
			return err
		}
		details = append(details, run)
		d.Runs = append(d.Runs, compared{Run: run.Run, Label: cmp.Or(run.Name, short(run.ID)), Took: took(run.Run, s.opt.Now()), Series: i % 8})
	}
	all := maps.Clone(q)
	all.Set("all", "1")
	d.AllURL = "/compare?" + all.Encode()
	d.params()
	d.metrics()
	d.about(details)
	d.outputs(details)
	if err := d.curves(); err != nil {
		return err
	}
	d.Parallel = parallelOf(d)
	d.scatterOf()
	if len(ids) == 2 {
		d.DiffURL = "/compare?part=diff&run=" + url.QueryEscape(details[0].ID) + "&run=" + url.QueryEscape(details[1].ID)
	}
	if q.Get("part") == "diff" {
		return s.diffPart(w, r, details)
	}
	s.render(w, r, http.StatusOK, "compare", &frame{Title: "Compare " + plural(len(ids), "run", "runs"), Room: "runs", Chart: true}, d)
	return nil
}

// diffPart tells what differs in stages and data of two runs; it reads tables,
// so the page asks for it apart.
func (s *Server) diffPart(w http.ResponseWriter, r *http.Request, runs []registry.RunDetail) error {
	if len(runs) != 2 {
		return &problem{http.StatusBadRequest, "Two runs are compared in this way."}
	}
	diff, err := s.w.Diff(r.Context(), runs[0].ID, runs[1].ID)
	if err != nil {
		return err
	}
	if r.Header.Get("X-Part") != "" {
		return s.part(w, r, "diff", "diff", diff)
	}
	s.render(w, r, http.StatusOK, "diff", &frame{Title: "What differs", Room: "runs"}, diff)
	return nil
}

func unique(list []string) []string {
	var out []string
	for _, x := range list {
		if x != "" && !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// table makes the rows of names that any run has, in order, from each run's
// values.
func (d *compareData) table(names []string, value func(run *registry.Run, name string) (compareCell, bool)) []compareRow {
	var rows []compareRow
	for _, name := range names {
		row := compareRow{Name: name}
		for i := range d.Runs {
			c, ok := value(&d.Runs[i].Run, name)
			if !ok {
				c.Text = "–"
			}
			row.Cells = append(row.Cells, c)
			row.Diff = row.Diff || c.Text != row.Cells[0].Text || c.Title != row.Cells[0].Title
		}
		rows = append(rows, row)
	}
	return rows
}

func (d *compareData) params() {
	names := map[string]bool{}
	for _, r := range d.Runs {
		for _, p := range r.Params {
			names[p.Key] = true
		}
	}
	rows := d.table(sortedKeys(names), func(r *registry.Run, name string) (compareCell, bool) {
		v, ok := registry.Value(r.Params, name)
		return compareCell{Text: clip(80, v), Title: v}, ok
	})
	d.Same = 0
	for _, row := range rows {
		if !row.Diff {
			d.Same++
		}
	}
	if !d.All && len(d.Runs) > 1 {
		rows = slices.DeleteFunc(rows, func(r compareRow) bool { return !r.Diff })
	}
	d.Params = rows
}

func (d *compareData) metricNames() []string {
	names := map[string]bool{}
	for _, r := range d.Runs {
		for _, m := range r.Metrics {
			names[m.Key] = true
		}
	}
	keys := sortedKeys(names)
	ranked(keys, telling)
	return keys
}

// smaller reports whether less of a metric is better, by its name.
func smaller(name string) bool {
	name = strings.ToLower(name)
	for _, w := range []string{"loss", "error", "rmse", "mae", "mse", "perplexity", "latency", "seconds", "wer", "cer"} {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}

func (d *compareData) metrics() {
	d.Keys = d.metricNames()
	found := d.Keys
	if find := strings.ToLower(d.Find); find != "" {
		found = slices.DeleteFunc(slices.Clone(found), func(name string) bool { return !strings.Contains(strings.ToLower(name), find) })
	}
	d.Left = max(0, len(found)-listed)
	rows := d.table(found[:min(listed, len(found))], func(r *registry.Run, name string) (compareCell, bool) {
		m, ok := metricOf(r.Metrics, name)
		return compareCell{Text: number(m.Value), Title: strconv.FormatFloat(m.Value, 'g', -1, 64), Num: true}, ok
	})
	for i := range rows {
		if telling(rows[i].Name) > 3 || !rows[i].Diff {
			continue // which way is better is only known of these
		}
		best, at := math.Inf(1), -1
		for j := range d.Runs {
			if m, ok := metricOf(d.Runs[j].Metrics, rows[i].Name); ok {
				v := m.Value
				if !smaller(rows[i].Name) {
					v = -v
				}
				if v < best {
					best, at = v, j
				}
			}
		}
		if at >= 0 {
			rows[i].Cells[at].Best = true
		}
	}
	d.Metrics = rows
}

func (d *compareData) about(details []registry.RunDetail) {
	d.About = d.table([]string{"status", "took", "started", "user", "pipeline", "pipeline text", "commit"}, func(r *registry.Run, name string) (compareCell, bool) {
		c := compareCell{}
		switch name {
		case "status":
			c.Text = stateName(r.Status)
		case "took":
			c.Text = took(*r, r.End)
		case "started":
			c.Text = clock(r.Start)
		case "user":
			c.Text = r.User
		case "pipeline":
			c.Text = r.Pipeline
		case "pipeline text":
			c.Text, c.Title = r.PipelineDigest.Short(), string(r.PipelineDigest)
			if c.Text != "" {
				c.Href = "/runs/" + r.ID + "/pipeline"
			}
		case "commit":
			c.Text, c.Title = short(r.Git.Commit), r.Git.Commit
			if r.Git.Dirty {
				c.Text += " + changes"
			}
		}
		return c, c.Text != ""
	})
	for i := range d.About {
		d.About[i].Diff = d.About[i].Diff && i > 3 // that times differ says nothing
	}
}

// outputs compares the artifacts that stages of the same name gave.
func (d *compareData) outputs(details []registry.RunDetail) {
	type place struct{ stage, port string }
	var order []place
	found := map[place]map[string]compareCell{}
	for _, run := range details {
		for _, st := range run.Stages {
			for _, port := range sortedKeys(st.Outputs) {
				p := place{st.Name, port}
				if found[p] == nil {
					found[p] = map[string]compareCell{}
					order = append(order, p)
				}
				ref := st.Outputs[port]
				found[p][run.ID] = compareCell{Text: ref.Digest.Short(), Title: aboutRef(ref), Href: "/artifacts/" + string(ref.Digest)}
			}
		}
	}
	for _, p := range order {
		row := d.table([]string{p.stage + "." + p.port}, func(r *registry.Run, _ string) (compareCell, bool) {
			c, ok := found[p][r.ID]
			return c, ok
		})
		d.Outputs = append(d.Outputs, row...)
	}
}

// curves are the charts of the metrics that more than one step has, of all runs.
func (d *compareData) curves() error {
	const most = 12
	seen := map[string]bool{}
	for _, r := range d.Runs {
		for _, m := range r.Metrics {
			if m.Step != 0 {
				seen[m.Key] = true
			}
		}
	}
	var ids []string
	for _, r := range d.Runs {
		ids = append(ids, r.ID)
	}
	for _, key := range d.Keys {
		if seen[key] && len(d.Charts) < most {
			d.Charts = append(d.Charts, chartView{Key: key, Points: "/metrics.json?" + chartQuery(key, ids...)})
		}
	}
	return nil
}

func chartQuery(key string, ids ...string) string {
	return url.Values{"key": {key}, "run": ids}.Encode()
}
