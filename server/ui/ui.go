// Package ui owns the pages of `pipe up`: what the runs, models, artifacts and
// pipelines of a workspace are, and what can be done with them. Pages are HTML
// that the server writes, whole and readable without a script; the script in
// static/ makes tables of any length scroll, draws charts, and follows runs that
// go on. Nothing comes from another host, and no page carries a script or style
// of its own, so that the content-security-policy can forbid them.
package ui

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"pipe/server/inference"
	"pipe/workspace"
)

// Patterns are what the pages answer, for http.ServeMux.
var Patterns = []string{
	"GET /{$}", "/runs", "/runs/", "/runs.csv", "/approvals", "/compare", "/models", "/models/", "/artifacts/", "/predictions/", "/pipelines", "/pipelines/", "/deployments", "/deployments/", "/schedules", "/schedules/",
	"GET /metrics.json", "/theme", "GET /static/", "GET /favicon.ico",
}

// Launcher begins a run in a process of its own, as the command `pipe` with
// these arguments would, and returns its id: a run goes on when the server ends,
// and can be cancelled like any other.
type Launcher interface {
	Launch(ctx context.Context, args ...string) (run string, err error)
}

// Models is the part of the server that answers with deployed models.
type Models interface {
	http.Handler // of POST /predict/NAME
	Status(deployment string) (inference.Status, bool)
	Drift(deployment string) (*inference.DriftReport, bool)
	Logged(deployment string, q inference.LoggedQuery) ([]inference.LoggedRow, error)
}

// Options are what the pages need beside the workspace.
type Options struct {
	Launcher  Launcher         // nil: runs cannot be begun from a page
	Models    Models           // nil: deployed models cannot be tried here
	Schedules Schedules        // nil: there are none
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: slog.Default
}

// Server is the http.Handler of the pages.
type Server struct {
	w       *workspace.Workspace
	opt     Options
	mux     *http.ServeMux
	filesMu sync.Mutex
	files   *os.Root // of MLflow clients' artifacts; nil until there are some
	graphs  graphs
	waits   waits
	stats   statistics
	ending  chan struct{}
}

// New serves the pages of a workspace, which stays the caller's.
func New(w *workspace.Workspace, o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s := &Server{w: w, opt: o, mux: http.NewServeMux(), ending: make(chan struct{})}
	s.routes()
	return s
}

// Close gives back what the pages have opened.
func (s *Server) Close() error {
	s.filesMu.Lock()
	defer s.filesMu.Unlock()
	if s.files == nil {
		return nil
	}
	return s.files.Close()
}

// Run ends the event streams when ctx is done: the HTTP server waits for requests
// that are under way, and those would go on for ever.
func (s *Server) Run(ctx context.Context) error {
	<-ctx.Done()
	close(s.ending)
	return nil
}

// policy allows what the server itself sends and nothing inline.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' data:; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Open are the paths that the page to sign in at needs.
var Open = []string{"/static/"}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	if err := may(r); err != nil {
		s.fail(w, r, err)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// get and post register a page and an action.
func (s *Server) get(pattern string, do func(http.ResponseWriter, *http.Request) error) {
	s.handle("GET "+pattern, do)
}

func (s *Server) post(pattern string, do func(http.ResponseWriter, *http.Request) error) {
	s.handle("POST "+pattern, func(w http.ResponseWriter, r *http.Request) error {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			return &problem{http.StatusBadRequest, "The form cannot be read: " + err.Error()}
		}
		return do(w, r)
	})
}

// maxForm bounds what a form sends: ten thousand selected runs and a note.
const maxForm = 1 << 20

func (s *Server) handle(pattern string, do func(http.ResponseWriter, *http.Request) error) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if err := do(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

func (s *Server) routes() {
	s.mux.Handle("GET /static/", static())
	s.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/runs", http.StatusFound) })
	s.mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, asset("icon.svg"), http.StatusFound) })
	s.post("/theme", s.setTheme)
	s.runRoutes()
	s.approvalRoutes()
	s.modelRoutes()
	s.artifactRoutes()
	s.pipelineRoutes()
	s.deploymentRoutes()
	s.predictionRoutes()
	s.scheduleRoutes()
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, &problem{http.StatusNotFound, "There is no page at this address."})
	})
}
