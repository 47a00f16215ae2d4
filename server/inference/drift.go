package inference

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"pipe/artifacts"
	"pipe/registry"
	"pipe/server/auth"
	"pipe/stages/monitor"
	"pipe/stages/policy"
	"pipe/stages/transform"
)

// What is asked and answered is compared with the profile of the training that a
// model has with it. Requests only leave what they had in a short queue, which
// drops what it cannot hold; one goroutine counts, for at most a fiftieth of one
// processor's time. So at a high rate a sample is counted, and no request waits.

// The bounds of observation.
const (
	observedWaiting = 16 // requests that wait for being counted
	observedRows    = 64 // of one request
	observedRest    = 49 // times as long as it counted, the counting goroutine rests
)

// observed is what a request leaves.
type observed struct {
	arm     *arm
	limits  *policy.Drift
	rows    []map[string]any
	answers []*answer
	at      time.Time
}

// observe leaves the rows of an answered request to be counted.
func (s *Server) observe(q *request, now time.Time) {
	if len(q.answers) == 0 {
		return
	}
	if l := q.arm.instance.loaded.Load(); l == nil || l.profile == nil {
		return
	}
	select {
	case s.observations <- observed{q.arm, q.route.policy.Drift, q.rows, q.answers, now}:
	default:
	}
}

// count counts what requests leave, until the server's life ends.
func (s *Server) count() {
	for {
		select {
		case <-s.life.Done():
			return
		case o := <-s.observations:
			begun := time.Now()
			o.count()
			select {
			case <-s.life.Done():
				return
			case <-time.After(observedRest * time.Since(begun)):
			}
		}
	}
}

func (o *observed) count() {
	w := o.arm.watched(o.limits)
	if w == nil {
		return
	}
	every := (len(o.rows) + observedRows - 1) / observedRows
	for i := 0; i < len(o.rows); i += every {
		w.Observe(o.at, o.rows[i], said(o.answers[i]))
	}
}

func said(a *answer) monitor.Said {
	if v, ok := a.Prediction.(float64); ok {
		return monitor.Said{Number: v, IsNumber: true}
	}
	return monitor.Said{Label: fmt.Sprint(a.Prediction), Probability: float64(a.Probability)}
}

// watch is the window of a version on a deployment.
type watch struct {
	mu     sync.Mutex
	window *monitor.Window
	span   time.Duration
	limits monitor.Limits
	told   time.Time // when people were told that it has drifted
	calm   bool      // whether it has been within its limits since
}

// watched returns the window of the arm's version, nil while the model is not
// loaded or where it has no profile. Another policy begins another window.
func (a *arm) watched(p *policy.Drift) *monitor.Window {
	l := a.instance.loaded.Load()
	w := &a.stats.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	span, limits := time.Duration(p.Window), monitor.Limits{PSI: p.PSI, Change: p.Change, MinRows: int64(p.MinRows)}
	if w.window != nil && w.span == span && w.limits == limits {
		return w.window // also of a model that was evicted meanwhile
	}
	if l == nil || l.profile == nil {
		return nil
	}
	w.span, w.limits = span, limits
	w.window = monitor.NewWindow(l.profile, l.reader, span, limits)
	return w.window
}

// reset forgets the past, when a version begins anew.
func (w *watch) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.told = (time.Time{}); w.window != nil {
		w.window.Reset()
	}
}

// tell says whether people are to be told that the version has drifted: once, and
// again when it has been calm in between for as long as the window.
func (w *watch) tell(drifted bool, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !drifted {
		w.calm = true
		return false
	}
	if !w.told.IsZero() && (!w.calm || now.Sub(w.told) < w.span) {
		return false
	}
	w.told, w.calm = now, false
	return true
}

// guardDrift tells people when a version has drifted, and returns why the traffic of
// the arm passes the limit of going back, "" where it does not.
func (s *Server) guardDrift(e *endpoint, r *route, a *arm, now time.Time) string {
	w := a.watched(r.policy.Drift)
	if w == nil {
		return ""
	}
	st := w.Status(now, false)
	if a.stats.watch.tell(st.Drifted > 0, now) {
		why := st.Why(5)
		s.alert("The requests of "+e.name+" have drifted", fmt.Sprintf("Version %d, %d rows in the last %v: %s.", a.version().Version, st.Rows, time.Duration(r.policy.Drift.Window), why))
		s.log.Warn("drift", "deployment", e.name, "version", a.version().Version, "rows", st.Rows, "why", why)
	}
	if r.policy.Rollback == nil || r.policy.Rollback.Drift <= 0 {
		return ""
	}
	worst := st.Beyond(r.policy.Rollback.Drift)
	if worst == nil {
		return ""
	}
	return fmt.Sprintf("PSI of %s over %d rows is %.3g, the limit is %.3g", worst.Name, st.Rows, *worst.PSI, r.policy.Rollback.Drift)
}

// goBackFrom goes back from a version that has drifted, but not from the one that
// it went back to last: where the world has changed, all versions drift, and each
// older one is worse.
func (s *Server) goBackFrom(ctx context.Context, e *endpoint, r *route, why string) {
	version := r.main.version().Version
	if e.refuge == version {
		return
	}
	s.goBack(ctx, e, r, why)
	if d, err := s.o.Registry.ResolveModel(ctx, r.deployment.Model+r.deployment.Target); err == nil && d.Version != version {
		e.refuge = d.Version
	}
}

// Drift compares a deployment's live traffic with the training of its versions; ok is
// false for one that is not here.
func (s *Server) Drift(name string) (report *DriftReport, ok bool) {
	e, ok := (*s.endpoints.Load())[name]
	if !ok {
		return nil, false
	}
	report = &DriftReport{Deployment: name, Versions: []DriftOf{}}
	r := e.route.Load()
	if r == nil {
		return report, true
	}
	report.Model = r.deployment.Model
	if limits := r.policy.Rollback; limits != nil {
		report.Rollback = limits.Drift
	}
	for _, a := range []*arm{r.main, r.canary} {
		if a == nil {
			continue
		}
		of := DriftOf{Version: a.version().Version, Digest: a.version().Ref.Digest, Role: a.role}
		if w := a.watched(r.policy.Drift); w != nil {
			of.Status = w.Status(time.Now(), true)
		} else if a.instance.loaded.Load() == nil {
			of.Note = "the model is loaded when it is first asked; nothing has been compared yet"
		} else {
			of.Note = "the model has no profile of its training to compare with; nn.train writes one"
		}
		report.Versions = append(report.Versions, of)
	}
	return report, true
}

// DriftReport is the JSON of GET /api/models/NAME/drift.
type DriftReport struct {
	Deployment string `json:"deployment"`
	Model      string `json:"model"`
	// Rollback is the index from which on the deployment goes back by itself; 0: it
	// does not.
	Rollback float64   `json:"rollback_psi,omitempty"`
	Versions []DriftOf `json:"versions"` // main, then the canary
}

// DriftOf is how far a version's traffic is from its training. Status is absent, and
// Note says why, where nothing can be compared.
type DriftOf struct {
	Version int              `json:"version"`
	Digest  artifacts.Digest `json:"digest"`
	Role    string           `json:"role"` // "main" or "canary"
	Note    string           `json:"note,omitempty"`
	*monitor.Status
}

func (s *Server) driftRoutes() []handled {
	return []handled{{"GET /api/models/{name}/drift", s.answerDrift}}
}

func (s *Server) answerDrift(w http.ResponseWriter, r *http.Request) {
	report, ok := s.Drift(r.PathValue("name"))
	if !ok {
		_, err := s.endpoint(r.PathValue("name"))
		s.refuse(w, r, err)
		return
	}
	if p := auth.From(r.Context()); !p.May(auth.Read, auth.Model(report.Model)) {
		s.refuse(w, r, &problem{status: http.StatusForbidden, field: "model", text: "you may not read the model " + report.Model})
		return
	}
	writeJSON(w, http.StatusOK, report)
}

// driftMetrics are the lines of Prometheus about drift.
func (s *Server) driftMetrics(m *exposition, names []string) {
	type of struct {
		labels string
		*monitor.Status
	}
	var all []of
	for _, n := range names {
		report, ok := s.Drift(n)
		if !ok {
			continue
		}
		for _, v := range report.Versions {
			if v.Status != nil {
				all = append(all, of{fmt.Sprintf(`deployment=%q,model=%q,version="%d"`, n, report.Model, v.Version), v.Status})
			}
		}
	}
	m.head("pipe_drift_rows", "gauge", "Rows in the window that is compared with the training.")
	for _, a := range all {
		m.line("pipe_drift_rows", a.labels, float64(a.Rows))
	}
	m.head("pipe_drift_features", "gauge", "Columns, measures of columns and answers that have drifted.")
	for _, a := range all {
		m.line("pipe_drift_features", a.labels, float64(a.Drifted))
	}
	for _, g := range []struct {
		name, help string
		value      func(*monitor.FeatureStatus) *float64
	}{
		{"pipe_drift_psi", "Population stability index against the training.", func(f *monitor.FeatureStatus) *float64 { return f.PSI }},
		{"pipe_drift_distance", "Kolmogorov-Smirnov distance from the training, of numbers.", func(f *monitor.FeatureStatus) *float64 {
			if f.Kind != string(monitor.Numbers) {
				return nil
			}
			return f.Test
		}},
		{"pipe_drift_missing_ratio", "Share of values that are missing.", func(f *monitor.FeatureStatus) *float64 { return &f.Missing }},
		{"pipe_drift_new_ratio", "Share of values that training did not have.", func(f *monitor.FeatureStatus) *float64 {
			if f.Kind != string(monitor.Categories) {
				return nil
			}
			return &f.NewShare
		}},
		{"pipe_drift_unknown_ratio", "Share of tokens that are not in the vocabulary.", func(f *monitor.FeatureStatus) *float64 { return f.Rate }},
	} {
		m.head(g.name, "gauge", g.help)
		for _, a := range all {
			for _, f := range a.Features {
				if v := g.value(f); v != nil {
					m.line(g.name, fmt.Sprintf(`%s,feature="%s",role=%q`, a.labels, escapeLabel.Replace(f.Name), f.Role), *v)
				}
			}
		}
	}
}

// escapeLabel is for values that are not names of ours, such as columns.
var escapeLabel = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// profile reads a model's profile from the store. One that cannot be read keeps no
// model from answering.
func (s *Server) profile(v *registry.ModelVersion) *monitor.Profile {
	folder, err := s.o.Store.OpenFolder(v.Ref)
	if err != nil {
		return nil // the model itself could be opened, and says what is wrong
	}
	p, err := monitor.Load(folder)
	if err != nil {
		s.log.Error("the profile of a model's training cannot be read, so its drift is not watched", "model", v.Model, "version", v.Version, "error", err)
	}
	return p
}

// transformed is a model whose transform can be asked.
type transformed interface{ Transform() transform.Transform }
