package ui

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"hash/fnv"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pipe/registry"
	"pipe/server/auth"
)

// runsCSV writes all runs of a view with everything they have, or those that
// were selected.
func (s *Server) runsCSV(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	var runs []registry.Run
	if ids := r.URL.Query()["run"]; len(ids) > 0 {
		for _, id := range ids {
			run, err := s.w.Registry.RunByID(ctx, id)
			if err != nil {
				return err
			}
			runs = append(runs, run)
		}
	} else {
		q := viewOf(r.URL.Query()).query()
		for {
			page, next, err := s.w.Registry.Runs(ctx, q)
			if err != nil {
				return err
			}
			runs = append(runs, page...)
			if q.PageToken = next; next == "" {
				break
			}
		}
	}
	_, names, err := s.experiments(ctx)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := writeRuns(&b, runs, names); err != nil {
		return err
	}
	w.Header().Set("Content-Disposition", `attachment; filename="runs.csv"`)
	s.send(w, r, http.StatusOK, "text/csv; charset=utf-8", b.Bytes())
	return nil
}

// writeRuns writes one line for each run, and one column for each param, metric
// and tag that any of them has. Numbers are written to the last bit.
func writeRuns(b *bytes.Buffer, runs []registry.Run, experiments map[int64]string) error {
	var columns []string
	at := map[string]int{}
	column := func(name string) int {
		i, ok := at[name]
		if !ok {
			i = len(columns)
			at[name], columns = i, append(columns, name)
		}
		return i
	}
	rows := make([]map[int]string, len(runs))
	for i, r := range runs {
		row := map[int]string{}
		set := func(name, value string) { row[column(name)] = guardFormula(value) }
		set("run_id", r.ID)
		set("name", r.Name)
		set("experiment", experiments[r.Experiment])
		set("status", string(r.Status))
		set("start", csvTime(r.Start))
		set("end", csvTime(r.End))
		set("user", r.User)
		set("pipeline", r.Pipeline)
		set("git_commit", r.Git.Commit)
		for _, p := range r.Params {
			set("params."+p.Key, p.Value)
		}
		for _, m := range r.Metrics {
			row[column("metrics."+m.Key)] = strconv.FormatFloat(m.Value, 'g', -1, 64)
		}
		for _, t := range r.Tags {
			set("tags."+t.Key, t.Value)
		}
		rows[i] = row
	}
	w := csv.NewWriter(b)
	if err := w.Write(columns); err != nil {
		return err
	}
	line := make([]string, len(columns))
	for _, row := range rows {
		for i := range line {
			line[i] = row[i]
		}
		if err := w.Write(line); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// guardFormula keeps a spreadsheet from computing a text that somebody named a
// run. Numbers stay numbers.
func guardFormula(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return s
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && !math.IsNaN(f) {
		return s
	}
	return "'" + s
}

func csvTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// bulk does one thing to all selected runs.
func (s *Server) bulk(w http.ResponseWriter, r *http.Request) error {
	ids := r.PostForm["run"]
	if len(ids) == 0 {
		return &problem{http.StatusBadRequest, "No run is selected: tick the boxes of the runs that are meant."}
	}
	ctx := r.Context()
	for _, id := range ids {
		if action := r.PostFormValue("do"); action == "compare" || action == "csv" {
			break
		}
		if err := s.mayChangeRun(ctx, id); err != nil {
			return err
		}
	}
	var do func(id string) error
	switch action := r.PostFormValue("do"); action {
	case "compare", "csv":
		q := url.Values{"run": ids}
		to := map[string]string{"compare": "/compare?", "csv": "/runs.csv?"}[action]
		http.Redirect(w, r, to+q.Encode(), http.StatusSeeOther)
		return nil
	case "tag":
		key, value, _ := strings.Cut(r.PostFormValue("tag"), "=")
		if key = strings.TrimSpace(key); key == "" {
			return &problem{http.StatusBadRequest, "A tag is written as name=value."}
		}
		do = func(id string) error {
			return s.w.Registry.SetTags(ctx, id, []registry.Pair{{Key: key, Value: strings.TrimSpace(value)}})
		}
	case "delete":
		do = func(id string) error { return s.w.Registry.DeleteRun(ctx, id, s.audit(r, "")) }
	case "restore":
		do = func(id string) error { return s.w.Registry.RestoreRun(ctx, id) }
	default:
		return &problem{http.StatusBadRequest, "There is no such action."}
	}
	for _, id := range ids {
		if err := do(id); err != nil {
			return fmt.Errorf("run %s: %w", short(id), err)
		}
	}
	return back(w, r, "/runs")
}

func (s *Server) audit(r *http.Request, why string) registry.Audit {
	if why == "" {
		why = "on a page of pipe up"
	}
	return registry.Audit{Who: auth.From(r.Context()).Name, Why: why}
}

// stampOf is a text that changes when a list of runs does.
func stampOf(runs []registry.Run) string {
	h := fnv.New64a()
	for _, r := range runs {
		fmt.Fprintln(h, r.ID, r.Status, r.Name, len(r.Tags))
		if r.Status == registry.Running {
			for _, m := range r.Metrics {
				fmt.Fprint(h, m.Step, m.Value)
			}
		}
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// liveEvery is how often what is watched is looked at.
const liveEvery = 700 * time.Millisecond

// runsStamp tells, as an event stream, when the first page of a view changes.
func (s *Server) runsStamp(w http.ResponseWriter, r *http.Request) error {
	q := viewOf(r.URL.Query()).query()
	q.Limit = pageRows
	look := func(ctx context.Context) (string, int, error) {
		runs, _, err := s.w.Registry.Runs(ctx, q)
		if err != nil {
			return "", 0, err
		}
		n, err := s.w.Registry.CountRuns(ctx, q)
		return stampOf(runs), n, err
	}
	last, _, err := look(r.Context())
	if err != nil {
		return err
	}
	if known := r.URL.Query().Get("stamp"); known != "" {
		last = known
	}
	stream, err := s.newStream(w, r)
	if err != nil {
		return err
	}
	return stream.every(liveEvery, func() error {
		now, n, err := look(r.Context())
		if err != nil || now == last {
			return err
		}
		last = now
		return stream.send("change", map[string]any{"total": n})
	})
}
