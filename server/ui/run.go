package ui

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"pipe/dag"
	"pipe/dag/text"
	"pipe/registry"
	"pipe/server/auth"
	"pipe/workspace"
)

// runData is what all pages of a run have.
type runData struct {
	registry.RunDetail
	Tab        string
	Experiment registry.Experiment
	Took, Ago  string
	Request    *workspace.Request // nil for a run of another tool
	CanRetry   bool
	CanCancel  bool
	Note       string
	Tags       []registry.Pair // without those that tools keep to themselves
	Done       int             // stages that need nothing more
	Files      int             // artifacts
	Curves     int
	Now        time.Time
	Previous   string // the run of the same pipeline before this one
	Champion   []registry.ModelVersion

	Waits       []dag.Event // stages that wait for a person
	Decided     []decided
	WaitProblem string // why that cannot be told
	Continues   string // the run that waited, which this one goes on with
	ContinuedBy string
}

// runOf reads a run for a page. A shortened id leads to the whole one.
func (s *Server) runOf(r *http.Request, tab string) (*runData, error) {
	return s.runByID(r.Context(), r.PathValue("id"), tab)
}

func (s *Server) runByID(ctx context.Context, id, tab string) (*runData, error) {
	detail, err := s.w.Registry.Run(ctx, id)
	if err != nil {
		return nil, err
	}
	now := s.opt.Now()
	d := &runData{RunDetail: detail, Tab: tab, Took: took(detail.Run, now), Ago: ago(detail.Start, now), Now: now}
	if d.Experiment, err = s.w.Registry.Experiment(ctx, d.Run.Experiment); err != nil {
		return nil, err
	}
	if req, err := s.w.Request(d.ID); err == nil {
		d.Request = req
	}
	d.CanRetry = s.opt.Launcher != nil && d.Request != nil && d.Status != registry.Running && !d.Queued
	d.CanCancel = d.Request != nil && (d.Status == registry.Running || d.Queued)
	for _, t := range d.RunDetail.Tags {
		switch {
		case t.Key == noteTag:
			d.Note = t.Value
		case !strings.HasPrefix(t.Key, "mlflow."):
			d.Tags = append(d.Tags, t)
		}
	}
	for _, st := range d.Stages {
		if st.State == registry.StageDone || st.State == registry.StageCached {
			d.Done++
		}
		d.Files += len(st.Outputs)
	}
	for _, m := range d.Metrics {
		if m.Step != 0 {
			d.Curves++
		}
	}
	d.Previous = s.before(ctx, &d.Run)
	d.Continues, _ = registry.Value(d.RunDetail.Tags, workspace.ContinuesTag)
	d.ContinuedBy, _ = registry.Value(d.RunDetail.Tags, workspace.ContinuedTag)
	s.waitsOf(d)
	return d, nil
}

// noteTag is where MLflow's clients keep the description of a run.
const noteTag = "mlflow.note.content"

// before finds the run of the same pipeline, or else of the same experiment,
// that is next older.
func (s *Server) before(ctx context.Context, run *registry.Run) string {
	q := registry.RunQuery{Experiments: []int64{run.Experiment}, Filter: "attributes.start_time < " + millis(run.Start), Limit: 1}
	if run.Pipeline != "" {
		q.Filter += " and attributes.pipeline = " + quote(run.Pipeline)
	}
	runs, _, err := s.w.Registry.Runs(ctx, q)
	if err != nil || len(runs) == 0 {
		return ""
	}
	return runs[0].ID
}

func (s *Server) frameOf(d *runData) *frame {
	f := &frame{Title: cmp.Or(d.Name, short(d.ID)), Room: "runs"}
	if d.Status == registry.Running || d.Queued {
		f.Live = "/runs/" + d.ID + "/events"
	}
	return f
}

// overview is the first page of a run.
type overview struct {
	*runData
	DAG     *dagView
	Gantt   *ganttView
	Metrics []metricRow
	Top     []metricRow
	Find    string // what the names of listed metrics contain
	More    int    // metrics beyond those that are listed
	Asked   []approval
}

// metricRow is a metric of a run beside that of the run before.
type metricRow struct {
	registry.Metric
	Curve  bool
	Before *float64
	Change float64
}

// listed is how many metrics a page lists; a run may have thousands.
const listed = 200

func (s *Server) runPage(w http.ResponseWriter, r *http.Request) error {
	d, err := s.runOf(r, "overview")
	if err != nil {
		return err
	}
	if id := r.PathValue("id"); id != d.ID {
		http.Redirect(w, r, "/runs/"+d.ID, http.StatusFound)
		return nil
	}
	o := &overview{runData: d, Gantt: gantt(d, s.opt.Now())}
	if o.DAG, err = s.dagOf(r.Context(), d, ""); err != nil {
		return err
	}
	o.Metrics, o.Top = s.metricsBeside(r.Context(), d)
	o.Asked = s.evidence(r.Context(), d)
	for i := range o.Asked {
		o.Asked[i].Metrics = nil // the page has them
	}
	if o.Find = strings.TrimSpace(r.URL.Query().Get("find")); o.Find != "" {
		o.Metrics = slices.DeleteFunc(o.Metrics, func(m metricRow) bool {
			return !strings.Contains(strings.ToLower(m.Key), strings.ToLower(o.Find))
		})
	}
	o.More = max(0, len(o.Metrics)-listed)
	o.Metrics = o.Metrics[:len(o.Metrics)-o.More]
	f := s.frameOf(d)
	s.render(w, r, http.StatusOK, "run", f, o)
	return nil
}

// metricsBeside are the metrics of a run beside those of the run before, and the
// most telling of them.
func (s *Server) metricsBeside(ctx context.Context, d *runData) (all, top []metricRow) {
	var before []registry.Metric
	if d.Previous != "" {
		if run, err := s.w.Registry.RunByID(ctx, d.Previous); err == nil {
			before = run.Metrics
		}
	}
	for _, m := range d.RunDetail.Metrics {
		row := metricRow{Metric: m, Curve: m.Step != 0}
		if b, ok := metricOf(before, m.Key); ok {
			row.Before, row.Change = &b.Value, m.Value-b.Value
		}
		all = append(all, row)
	}
	top = slices.Clone(all)
	ranked(top, func(m metricRow) int { return telling(m.Key) })
	return all, top[:min(6, len(top))]
}

// editRun changes name, note and tags.
func (s *Server) editRun(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), r.PathValue("id")
	run, err := s.w.Registry.RunByID(ctx, id)
	if err != nil {
		return err
	}
	if err := s.mayChangeRun(r.Context(), run.ID); err != nil {
		return err
	}
	f := r.PostForm
	switch f.Get("do") {
	case "name":
		name := strings.TrimSpace(f.Get("name"))
		if name == "" {
			return &problem{http.StatusBadRequest, "A run needs a name."}
		}
		_, err = s.w.Registry.UpdateRun(ctx, id, registry.RunChange{Name: &name})
	case "note":
		err = s.w.Registry.SetTags(ctx, id, []registry.Pair{{Key: noteTag, Value: strings.ReplaceAll(f.Get("note"), "\r\n", "\n")}})
	case "tag":
		key, value, _ := strings.Cut(f.Get("tag"), "=")
		if key = strings.TrimSpace(key); key == "" {
			return &problem{http.StatusBadRequest, "A tag is written as name=value."}
		}
		err = s.w.Registry.SetTags(ctx, id, []registry.Pair{{Key: key, Value: strings.TrimSpace(value)}})
	case "untag":
		err = s.w.Registry.DeleteTag(ctx, id, f.Get("tag"))
	case "delete":
		err = s.w.Registry.DeleteRun(ctx, id, s.audit(r, ""))
	case "restore":
		err = s.w.Registry.RestoreRun(ctx, id)
	default:
		err = &problem{http.StatusBadRequest, "There is no such action."}
	}
	if err != nil {
		return err
	}
	return back(w, r, "/runs/"+run.ID)
}

func (s *Server) retryRun(w http.ResponseWriter, r *http.Request) error {
	run, err := s.w.Registry.RunByID(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := s.mayChangeRun(r.Context(), run.ID); err != nil {
		return err
	}
	args := []string{"retry", run.ID}
	if r.PostFormValue("edits") != "" {
		args = append(args, "--with-edits")
	}
	return s.launch(w, r, args...)
}

// launch begins a run and leads to its page.
func (s *Server) launch(w http.ResponseWriter, r *http.Request, args ...string) error {
	if s.opt.Launcher == nil {
		return &problem{http.StatusNotImplemented, "This server does not run pipelines."}
	}
	id, err := s.opt.Launcher.Launch(r.Context(), args...)
	if err != nil {
		return &problem{http.StatusUnprocessableEntity, err.Error()}
	}
	// The run tells its id before it is in the registry, which its page reads.
	for wait := time.Now().Add(registered); time.Now().Before(wait); time.Sleep(10 * time.Millisecond) {
		if _, err := s.w.Registry.RunByID(r.Context(), id); !errors.Is(err, registry.ErrNotFound) {
			break
		}
	}
	http.Redirect(w, r, "/runs/"+url.PathEscape(id), http.StatusSeeOther)
	return nil
}

// registered is how long a run may take to come into the registry.
const registered = 10 * time.Second

func (s *Server) cancelRun(w http.ResponseWriter, r *http.Request) error {
	run, err := s.w.Registry.RunByID(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := s.mayChangeRun(r.Context(), run.ID); err != nil {
		return err
	}
	if err := s.w.Cancel(r.Context(), run.ID, who(auth.From(r.Context()).Name)+" on a page of `pipe up`"); err != nil {
		return &problem{http.StatusConflict, err.Error()}
	}
	return back(w, r, "/runs/"+run.ID)
}

// who is a person who did something, by the name that they signed in with.
func who(name string) string {
	if name == "" {
		return "a person"
	}
	return name
}

// reproduce is what a person types to get the same run.
func reproduce(d *runData) []string {
	if d.Request == nil {
		return nil
	}
	var lines []string
	if d.Git.Commit != "" {
		lines = append(lines, "git checkout "+d.Git.Commit)
	}
	args := []string{"pipe", "run", text.ShellWord(d.Request.File)}
	for _, p := range registry.Pairs(d.Request.Params) {
		args = append(args, "-p", text.ShellWord(p.Key+"="+p.Value))
	}
	for _, t := range d.Request.Targets {
		args = append(args, text.ShellWord(t))
	}
	for _, f := range d.Request.From {
		args = append(args, "--from", text.ShellWord(f))
	}
	return append(lines, strings.Join(args, " "))
}

// runPipeline shows the text that the run had.
func (s *Server) runPipeline(w http.ResponseWriter, r *http.Request) error {
	d, err := s.runOf(r, "pipeline")
	if err != nil {
		return err
	}
	var name string
	if d.Request != nil {
		name = path.Base(d.Request.File)
	}
	s.render(w, r, http.StatusOK, "runpipeline", s.frameOf(d), struct {
		*runData
		File      string
		Reproduce []string
	}{d, name, reproduce(d)})
	return nil
}
