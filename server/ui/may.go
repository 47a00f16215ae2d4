package ui

import (
	"context"
	"net/http"

	"pipe/server/auth"
)

// may judges a request. The pages join what belongs to many experiments and
// models (a lineage, a count, an artifact that two runs share), so they are for
// people who may read everything; others have the API, which judges each thing.
func may(r *http.Request) error {
	p := auth.From(r.Context())
	if p == nil || r.Method == http.MethodPost && r.URL.Path == "/theme" || isStatic(r) {
		return nil
	}
	for _, kind := range []string{auth.KindExperiment, auth.KindModel} {
		if v := p.Sees(kind); v.Only != nil || len(v.Except) > 0 {
			return &problem{http.StatusForbidden, p.Name + " may not read everything, and these pages show everything. Use the API (docs/access.md), or ask an admin for the level read."}
		}
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead && !p.May(auth.Write, auth.Resource{}) {
		return &problem{http.StatusForbidden, p.Name + " may look but not change anything: it takes the level write."}
	}
	return nil
}

// isStatic tells the files that the page to sign in at needs.
func isStatic(r *http.Request) bool { return len(r.URL.Path) > 8 && r.URL.Path[:8] == "/static/" }

// mayChangeRun asks for the level write on the experiment of a run.
func (s *Server) mayChangeRun(ctx context.Context, id string) error {
	experiment, err := s.w.Registry.ExperimentOfRun(ctx, id)
	if err != nil {
		return err
	}
	if p := auth.From(ctx); !p.May(auth.Write, auth.Experiment(experiment)) {
		return &problem{http.StatusForbidden, p.Name + " may not change runs of this experiment: it takes the level write."}
	}
	return nil
}

// SignIn shows the page to sign in at, for auth.Options.
func (s *Server) SignIn(w http.ResponseWriter, r *http.Request, f auth.Form) {
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set("Cache-Control", "no-store")
	s.render(w, r, http.StatusOK, "signin", &frame{Title: "Sign in", Bare: true}, f)
}
