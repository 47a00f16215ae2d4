package ui

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"pipe/registry"
)

func (s *Server) runRoutes() {
	s.get("/runs", s.runsPage)
	s.get("/runs/rows", s.runRows)
	s.get("/runs/stamp", s.runsStamp)
	s.get("/runs/columns", s.runColumns)
	s.get("/runs.csv", s.runsCSV)
	s.post("/runs/bulk", s.bulk)
	s.get("/runs/{id}", s.runPage)
	s.get("/runs/{id}/metrics", s.runMetrics)
	s.get("/runs/{id}/logs", s.runLogs)
	s.get("/runs/{id}/log.txt", s.runLogText)
	s.get("/runs/{id}/artifacts", s.runArtifacts)
	s.get("/runs/{id}/files/{path...}", s.runFile)
	s.get("/runs/{id}/raw/{path...}", s.runRaw)
	s.get("/runs/{id}/pipeline", s.runPipeline)
	s.get("/runs/{id}/stages/{stage}", s.stagePage)
	s.get("/runs/{id}/events", s.runEvents)
	s.post("/runs/{id}/edit", s.editRun)
	s.post("/runs/{id}/retry", s.retryRun)
	s.post("/runs/{id}/cancel", s.cancelRun)
	s.get("/metrics.json", s.metricsJSON)
	s.get("/compare", s.comparePage)
}

// pageRows is how many rows a page, and each further piece of it, has: somewhat more
// than a screen, because layout of the rows is most of what the first view takes.
const pageRows = 50

// runsData is what the page of runs shows.
type runsData struct {
	View        runsView
	Experiments []registry.Experiment
	Columns     []column
	Offers      []column
	Rows        []runRow
	Total       int
	Size        int // of a piece
	Offset      int
	Next, Prev  string // for browsers without scripts
	Problem     string // what is wrong with the filter
	Groups      []group
	Any         bool // the registry has runs at all
	Path        string
	Stamp       string
}

func (s *Server) runsPage(w http.ResponseWriter, r *http.Request) error {
	d, err := s.runsDataOf(r)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if d.Problem != "" {
		status = http.StatusBadRequest
	}
	s.render(w, r, status, "runs", &frame{Title: "Runs", Room: "runs"}, d)
	return nil
}

func (s *Server) runsDataOf(r *http.Request) (*runsData, error) {
	ctx := r.Context()
	d := &runsData{View: viewOf(r.URL.Query()), Size: pageRows}
	d.Offset, _ = strconv.Atoi(r.URL.Query().Get("offset"))
	d.Offset = max(0, d.Offset)
	experiments, names, err := s.experiments(ctx)
	if err != nil {
		return nil, err
	}
	d.Experiments = experiments
	q := d.View.query()
	d.Total, err = s.w.Registry.CountRuns(ctx, q)
	if errors.Is(err, registry.ErrInvalid) {
		d.Problem = sentence(err)
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	if d.View.Group != "" {
		d.Groups, d.Columns, err = s.groups(ctx, d.View)
		d.Any = true
		return d, err
	}
	q.Limit, q.Offset = pageRows, d.Offset
	runs, _, err := s.w.Registry.Runs(ctx, q)
	if errors.Is(err, registry.ErrInvalid) {
		d.Problem = sentence(err)
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	d.Columns, d.Offers = columnsOf(d.View, runs)
	d.Rows = s.rows(runs, d.Columns, names, s.opt.Now())
	d.Stamp = stampOf(runs)
	d.View.Columns = nil
	if len(r.URL.Query()["col"])+len(r.URL.Query()["cols"]) > 0 {
		d.View = viewOf(r.URL.Query())
	}
	if d.Offset+len(runs) < d.Total {
		d.Next = d.View.URL("/runs", "offset", strconv.Itoa(d.Offset+pageRows))
	}
	if d.Offset > 0 {
		d.Prev = d.View.URL("/runs", "offset", strconv.Itoa(max(0, d.Offset-pageRows)))
	}
	d.Any = d.Total > 0 || len(experiments) > 0 && s.anyRun(ctx)
	return d, nil
}

func (s *Server) anyRun(ctx context.Context) bool {
	runs, _, err := s.w.Registry.Runs(ctx, registry.RunQuery{View: registry.All, Limit: 1})
	return err == nil && len(runs) > 0
}

func (s *Server) experiments(ctx context.Context) ([]registry.Experiment, map[int64]string, error) {
	list, _, err := s.w.Registry.SearchExperiments(ctx, registry.Query{Limit: 500})
	if err != nil {
		return nil, nil, err
	}
	names := make(map[int64]string, len(list))
	for _, e := range list {
		names[e.ID] = e.Name
	}
	return list, names, nil
}

// runRows is a piece of the table, for the script that scrolls it. The columns
// are always in its address.
func (s *Server) runRows(w http.ResponseWriter, r *http.Request) error {
	v := viewOf(r.URL.Query())
	q := v.query()
	q.Limit = pageRows
	q.Offset, _ = strconv.Atoi(r.URL.Query().Get("offset"))
	_, names, err := s.experiments(r.Context())
	if err != nil {
		return err
	}
	runs, _, err := s.w.Registry.Runs(r.Context(), q)
	if err != nil {
		return err
	}
	columns := make([]column, len(v.Columns))
	for i, c := range v.Columns {
		columns[i] = newColumn(c)
	}
	return s.part(w, r, "runs", "rows", s.rows(runs, columns, names, s.opt.Now()))
}
