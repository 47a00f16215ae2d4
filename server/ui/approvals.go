package ui

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"pipe/dag"
	"pipe/registry"
	"pipe/server/auth"
	"pipe/workspace"
)

func (s *Server) approvalRoutes() {
	s.get("/approvals", s.approvalsPage)
	s.post("/runs/{id}/decide", s.decide)
}

// approval is a stage that waits for a person, with what speaks for and against.
type approval struct {
	Run                 registry.Run
	Experiment          string
	Stage, Kind, Text   string
	Since               time.Time
	Ago                 string
	May                 bool   // who looks may decide
	Who                 string // may decide
	Reads, Reports      []evidence
	Metrics             []metricRow
	Previous            string // the run that the metrics are held against
	Params              []registry.Pair
	Href, Form, Heading string
}

// evidence is an artifact of the run that waits.
type evidence struct{ Name, Note, Href string }

// decided is what was said of a stage of a run.
type decided struct {
	dag.Decision
	Stamp time.Time
	Open  bool // nothing has gone on with it
}

// mostWaiting bounds how many runs that wait are looked at.
const mostWaiting = 200

// waitingRuns are the runs that wait for a person, newest first.
func (s *Server) waitingRuns(ctx context.Context) ([]registry.Run, error) {
	runs, _, err := s.w.Registry.Runs(ctx, registry.RunQuery{Filter: "attributes.status = 'SCHEDULED'", Limit: mostWaiting})
	return slices.DeleteFunc(slices.Clone(runs), func(r registry.Run) bool { return r.Pipeline == "" || r.Queued }), err
}

// waits remembers how many stages wait, which every page shows, for as long as
// nobody notices.
type waits struct {
	mu   sync.Mutex
	at   time.Time
	n    int
	wait sync.Mutex // one decision at a time, so that none is acted upon twice
}

const waitsFor = 2 * time.Second

func (s *Server) waiting(ctx context.Context) int {
	s.waits.mu.Lock()
	defer s.waits.mu.Unlock()
	now := s.opt.Now()
	if !s.waits.at.IsZero() && now.Sub(s.waits.at) < waitsFor {
		return s.waits.n
	}
	runs, err := s.waitingRuns(ctx)
	if err != nil {
		return 0 // the page itself tells what is wrong with the registry
	}
	n := 0
	for _, run := range runs {
		list, err := dag.Waiting(s.w.RunDir(run.ID))
		if err == nil {
			n += len(list)
		}
	}
	s.waits.at, s.waits.n = now, n
	return n
}

func (s *Server) countAgain() {
	s.waits.mu.Lock()
	s.waits.at = time.Time{}
	s.waits.mu.Unlock()
}

func (s *Server) approvalsPage(w http.ResponseWriter, r *http.Request) error {
	runs, err := s.waitingRuns(r.Context())
	if err != nil {
		return err
	}
	var list []approval
	var damaged []string
	for _, run := range runs {
		d, err := s.runByID(r.Context(), run.ID, "overview")
		if err != nil {
			return err
		}
		if d.WaitProblem != "" {
			damaged = append(damaged, d.WaitProblem)
		}
		list = append(list, s.evidence(r.Context(), d)...)
	}
	slices.SortStableFunc(list, func(a, b approval) int { return a.Since.Compare(b.Since) })
	s.render(w, r, http.StatusOK, "approvals", &frame{Title: "Approvals", Room: "approvals"}, struct {
		Waiting []approval
		Damaged []string
	}{list, damaged})
	return nil
}

// waitsOf reads from a run's folder what it waits for and what was decided.
func (s *Server) waitsOf(d *runData) {
	if d.Status != registry.Scheduled && d.ContinuedBy == "" || d.Request == nil || d.Queued {
		return
	}
	dir := s.w.RunDir(d.ID)
	waiting, err := dag.Waiting(dir)
	made, derr := dag.Decisions(dir)
	if err = errors.Join(err, derr); err != nil {
		d.WaitProblem = fmt.Sprintf("What run %s waits for cannot be read: %v", short(d.ID), err)
		return
	}
	for _, stage := range sortedKeys(made) {
		d.Decided = append(d.Decided, decided{made[stage], made[stage].Time, d.Status == registry.Scheduled && d.ContinuedBy == ""})
	}
	if d.Status != registry.Scheduled {
		return
	}
	d.Waits, d.Error = waiting, ""
	d.CanRetry = d.CanRetry && len(waiting) == 0
	d.Stages = slices.Clone(d.Stages)
	for _, e := range waiting {
		for i := range d.Stages {
			if d.Stages[i].Name == e.Stage {
				d.Stages[i].State, d.Stages[i].Error = "waiting", "" // the question is no error
			}
		}
	}
}

// evidence gathers what a person looks at before deciding: the question, what the
// stage would read, the reports and the metrics of the run beside the run before.
func (s *Server) evidence(ctx context.Context, d *runData) []approval {
	if len(d.Waits) == 0 {
		return nil
	}
	_, top := s.metricsBeside(ctx, d)
	g := s.shapeOf(ctx, d)
	var reports []evidence
	stages := map[string]*registry.Stage{}
	for i := range d.Stages {
		st := &d.Stages[i]
		stages[st.Name] = st
		for _, port := range sortedKeys(st.Outputs) {
			if ref := st.Outputs[port]; ref.Type == "report" {
				reports = append(reports, evidence{st.Name + "." + port, aboutRef(ref), "/artifacts/" + string(ref.Digest)})
			}
		}
	}
	who, may := s.whoMay(ctx, d.Run.Experiment)
	var list []approval
	for _, e := range d.Waits {
		a := approval{Run: d.Run, Experiment: d.Experiment.Name, Stage: e.Stage, Kind: e.Kind, Text: e.Text, Since: e.Time, Ago: ago(e.Time, d.Now), May: may, Who: who, Reports: reports, Metrics: top, Previous: d.Previous,
			Params: d.RunDetail.Params[:min(12, len(d.RunDetail.Params))], Href: "/runs/" + d.ID + "/stages/" + url.PathEscape(e.Stage), Form: "/runs/" + d.ID + "/decide", Heading: cmp.Or(d.Name, short(d.ID))}
		for i, edge := range g.edges {
			if g.names[edge.To] != e.Stage {
				continue
			}
			from, port := g.names[edge.From], g.ports[i][0]
			if st := stages[from]; st != nil {
				if ref, ok := st.Outputs[port]; ok {
					a.Reads = append(a.Reads, evidence{from + "." + port, aboutRef(ref), "/artifacts/" + string(ref.Digest)})
				}
			}
		}
		list = append(list, a)
	}
	return list
}

// whoMay names the people who may decide in an experiment, and tells whether who
// asks is one of them.
func (s *Server) whoMay(ctx context.Context, experiment int64) (string, bool) {
	on := auth.Experiment(experiment)
	may := auth.From(ctx).May(auth.Write, on)
	users, err := s.w.Registry.Users(ctx)
	if err != nil || len(users) == 0 {
		return "whoever is at this machine", may
	}
	var names []string
	for _, u := range users {
		level := u.Level
		for _, g := range u.Grants {
			if g.Kind == on.Kind && g.Name == on.Name {
				level = g.Level
			}
		}
		if l, err := auth.ParseLevel(level); err == nil && l >= auth.Write {
			names = append(names, u.Name)
		}
	}
	const most = 8
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " and " + plural(len(names)-most, "other", "others"), may
	}
	return strings.Join(names, ", "), may
}

// decide records what a person says of a stage, and goes on with its run.
func (s *Server) decide(w http.ResponseWriter, r *http.Request) error {
	ctx, f := r.Context(), r.PostForm
	run, err := s.w.Registry.RunByID(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := s.mayChangeRun(ctx, run.ID); err != nil {
		return err
	}
	stage, why := f.Get("stage"), strings.TrimSpace(strings.ReplaceAll(f.Get("why"), "\r\n", "\n"))
	s.waits.wait.Lock()
	defer s.waits.wait.Unlock()
	if by, ok := registry.Value(run.Tags, workspace.ContinuedTag); ok {
		return &problem{http.StatusConflict, "Run " + short(by) + " has gone on with this run already."}
	}
	dir := s.w.RunDir(run.ID)
	made, err := dag.Decisions(dir)
	if err != nil {
		return err
	}
	approved := made[stage].Approved
	switch do := f.Get("do"); do {
	case "approve", "reject":
		if why == "" {
			return &problem{http.StatusBadRequest, "Say why: the reason is kept with the decision."}
		}
		waiting, err := dag.Waiting(dir)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(waiting, func(e dag.Event) bool { return e.Stage == stage }) {
			if d, ok := made[stage]; ok {
				return &problem{http.StatusConflict, fmt.Sprintf("Stage %q was %s.", stage, d)}
			}
			return &problem{http.StatusConflict, fmt.Sprintf("Stage %q does not wait for a decision.", stage)}
		}
		approved = do == "approve"
		if _, err := s.w.Decide(run.ID, stage, approved, auth.From(ctx).Name, why); err != nil {
			return err
		}
		s.countAgain()
	case "continue":
		if _, ok := made[stage]; !ok {
			return &problem{http.StatusConflict, fmt.Sprintf("Nobody has decided about stage %q.", stage)}
		}
	default:
		return &problem{http.StatusBadRequest, "There is no such action."}
	}
	if s.opt.Launcher == nil {
		return back(w, r, "/runs/"+run.ID)
	}
	// The command finds the decision made, and goes on with the run.
	return s.launch(w, r, map[bool]string{true: "approve", false: "reject"}[approved], "--", run.ID, stage)
}
