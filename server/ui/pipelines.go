package ui

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pipe/dag"
	"pipe/dag/text"
	"pipe/registry"
	"pipe/workspace"
)

func (s *Server) pipelineRoutes() {
	s.get("/pipelines", s.pipelinesPage)
	s.get("/pipelines/{name}", s.pipelinePage)
	s.post("/pipelines/{name}/run", s.runNow)
}

func pipelineURL(name string) string { return "/pipelines/" + url.PathEscape(name) }

// history is the newest runs of a pipeline, in short.
type history struct {
	Name, URL string
	Runs      []registry.Run // newest first
	Total     int
	Done      int // of Runs that have ended
	Ended     int
	Typical   string
	Last      string
	Bars      []runBar
	LastState string
	LastRun   string
	File      string
}

// runBar is a run in a chart of durations, in a box of 300 by 60.
type runBar struct {
	X, Y, W, H         float64
	State, Title, Href string
}

// historyRuns is how many runs of a pipeline count for its rates.
const historyRuns = 50

func (s *Server) historyOf(ctx context.Context, name string) (*history, error) {
	q := registry.RunQuery{Filter: "attributes.pipeline = " + quote(name), Limit: historyRuns}
	runs, _, err := s.w.Registry.Runs(ctx, q)
	if err != nil {
		return nil, err
	}
	h := &history{Name: name, URL: pipelineURL(name), Runs: runs}
	if h.Total, err = s.w.Registry.CountRuns(ctx, q); err != nil {
		return nil, err
	}
	now := s.opt.Now()
	var took []time.Duration
	for _, r := range runs {
		if r.Status == registry.Running {
			continue
		}
		h.Ended++
		if r.Status == registry.Finished {
			h.Done++
			took = append(took, r.End.Sub(r.Start))
		}
	}
	if len(took) > 0 {
		slices.Sort(took)
		h.Typical = duration(took[len(took)/2])
	}
	if len(runs) > 0 {
		h.Last, h.LastState, h.LastRun = ago(runs[0].Start, now), stateName(runs[0].Status), runs[0].ID
		if req, err := s.w.Request(runs[0].ID); err == nil {
			h.File = req.File
		}
	}
	h.Bars = durationBars(runs, now)
	return h, nil
}

// durationBars draws how long runs took, oldest first.
func durationBars(runs []registry.Run, now time.Time) []runBar {
	longest := time.Millisecond
	length := func(r registry.Run) time.Duration {
		if r.End.IsZero() {
			return max(0, now.Sub(r.Start))
		}
		return r.End.Sub(r.Start)
	}
	for _, r := range runs {
		longest = max(longest, length(r))
	}
	var bars []runBar
	for i, r := range slices.Backward(runs) {
		h := max(3, 56*float64(length(r))/float64(longest))
		at := float64(len(runs) - 1 - i)
		bars = append(bars, runBar{X: at * 6, Y: 60 - h, W: 5, H: h, State: stateName(r.Status),
			Title: cmp.Or(r.Name, short(r.ID)) + ": " + stateName(r.Status) + ", " + duration(length(r)), Href: "/runs/" + r.ID})
	}
	return bars
}

// pipelineNames are those of the registry's runs, by the newest run first.
func (s *Server) pipelineNames(ctx context.Context) ([]string, error) {
	return s.w.Registry.Pipelines(ctx)
}

// pipelineFiles finds pipeline files near the workspace, by the name that they
// declare.
func (s *Server) pipelineFiles() map[string]string {
	found := map[string]string{}
	for _, pattern := range []string{"*.yaml", "*.yml", "pipelines/*.yaml", "pipelines/*.yml"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			continue // the pattern is right
		}
		for _, file := range names {
			if name := declaredName(file); name != "" && found[name] == "" {
				found[name] = file
			}
		}
	}
	return found
}

// declaredName reads the key `pipeline` of a file, without checking the rest.
func declaredName(file string) string {
	info, err := os.Stat(file)
	if err != nil || info.Size() > 1<<20 {
		return ""
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "pipeline:"); ok {
			return strings.Trim(strings.TrimSpace(rest), `"'`)
		}
	}
	return ""
}

func (s *Server) pipelinesPage(w http.ResponseWriter, r *http.Request) error {
	names, err := s.pipelineNames(r.Context())
	if err != nil {
		return err
	}
	files := s.pipelineFiles()
	for _, n := range sortedKeys(files) {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	var list []*history
	for _, n := range names {
		h, err := s.historyOf(r.Context(), n)
		if err != nil {
			return err
		}
		h.File = cmp.Or(h.File, files[n])
		list = append(list, h)
	}
	s.render(w, r, http.StatusOK, "pipelines", &frame{Title: "Pipelines", Room: "pipelines"}, list)
	return nil
}

// pipelineData is the page of a pipeline.
type pipelineData struct {
	*history
	Description string
	Text        string
	Problem     string // why the file cannot be run now
	Params      []paramField
	DAG         *dagView
	Recent      []runRow
	CanRun      bool
}

// paramField is a param in the form of a run.
type paramField struct {
	dag.Param
	Given    string // the default
	Required bool
}

func (s *Server) pipelinePage(w http.ResponseWriter, r *http.Request) error {
	ctx, name := r.Context(), r.PathValue("name")
	h, err := s.historyOf(ctx, name)
	if err != nil {
		return err
	}
	h.File = cmp.Or(h.File, s.pipelineFiles()[name])
	if h.File == "" && h.Total == 0 {
		return &problem{http.StatusNotFound, "There is no pipeline of this name: none has run, and no file here declares it."}
	}
	d := &pipelineData{history: h}
	s.readPipeline(ctx, d)
	d.Recent = s.rows(h.Runs[:min(10, len(h.Runs))], nil, nil, s.opt.Now())
	s.render(w, r, http.StatusOK, "pipeline", &frame{Title: name, Room: "pipelines"}, d)
	return nil
}

// readPipeline reads the file as it is now, or the text of the newest run.
func (s *Server) readPipeline(ctx context.Context, d *pipelineData) {
	if b, err := os.ReadFile(d.File); err == nil && len(b) <= 1<<20 {
		d.Text = string(b)
	} else if d.LastRun != "" {
		if run, err := s.w.Registry.Run(ctx, d.LastRun); err == nil {
			d.Text = run.PipelineText
		}
		d.Problem = "The file " + d.File + " is not here now; this is the text that the newest run had."
		return
	}
	var params map[string]string
	if d.LastRun != "" {
		if req, err := s.w.Request(d.LastRun); err == nil {
			params = req.Params
		}
	}
	p, err := workspace.LoadText(ctx, d.File, []byte(d.Text), params)
	if err != nil {
		var wrong *text.Error
		d.Problem = err.Error()
		if errors.As(err, &wrong) {
			d.Problem = wrong.Render()
		}
		d.CanRun = s.opt.Launcher != nil && errors.As(err, &wrong) // params may be what is missing
		d.Params = looseParams(d.Text)
		return
	}
	d.Description, d.CanRun = p.Description, s.opt.Launcher != nil
	for _, q := range p.Params {
		f := paramField{Param: q, Required: q.Default == nil && !q.Set}
		f.Given = q.Text()
		d.Params = append(d.Params, f)
	}
	var nodes []dagNode
	var edges []dagEdge
	at := map[string]int{}
	for i, st := range p.Order {
		at[st.Name] = i
		nodes = append(nodes, dagNode{ID: st.Name, Name: st.Name, Note: st.Info.Name})
		for _, e := range st.In {
			edges = append(edges, dagEdge{at[e.From.Name], i, e.From.Name + "." + e.FromPort + " → " + e.Port})
		}
	}
	d.DAG = draw("the stages of "+d.Name, nodes, edges)
}

// runNow runs the file of a pipeline with params from a form; a field that is
// empty leaves the default.
func (s *Server) runNow(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	h, err := s.historyOf(r.Context(), name)
	if err != nil {
		return err
	}
	file := cmp.Or(h.File, s.pipelineFiles()[name])
	if file == "" {
		return &problem{http.StatusNotFound, "No file here declares this pipeline."}
	}
	args := []string{"run", file}
	if n := strings.TrimSpace(r.PostFormValue("name")); n != "" {
		args = append(args, "--name="+n)
	}
	for _, key := range sortedKeys(r.PostForm) {
		if param, ok := strings.CutPrefix(key, "param."); ok && r.PostFormValue(key) != "" && r.PostFormValue(key) != r.PostFormValue("default."+param) {
			args = append(args, "--param="+param+"="+r.PostFormValue(key))
		}
	}
	return s.launch(w, r, args...)
}
