package mlflow

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"pipe/registry"
	"pipe/server/auth"
)

// Release is the release of MLflow whose API this is; clients ask for it.
const Release = "3.17.2"

// Options change how a Server behaves; the zero value is right for a server
// on the loopback interface.
type Options struct {
	// MaxUpload bounds an uploaded file in bytes; 0: 16 GiB.
	MaxUpload int64
	// Made are the files of what pipelines made, beside those that clients
	// upload; nil: none.
	Made Made
	// PrivateWebhooks lets webhooks call addresses of this machine and of private
	// networks, and those without TLS.
	PrivateWebhooks bool
	webhookWait     time.Duration // before the second try; 0: a second
	// Random is the source of run names and upload ids; nil: crypto/rand.
	Random io.Reader
	// Log takes errors that the client is not told about; nil: slog.Default.
	Log *slog.Logger
}

// Server is an http.Handler that speaks MLflow's REST API.
type Server struct {
	reg   *registry.Registry
	files *os.Root
	opt   Options
	mux   *http.ServeMux
	hooks *hooks
}

// New serves a registry, and as mlflow-artifacts: the folder at root, which it
// creates. Close the server when it is no longer used; the registry stays
// open.
func New(reg *registry.Registry, root string, opt Options) (*Server, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, fmt.Errorf("artifact folder: %w", err)
	}
	files, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("artifact folder: %w", err)
	}
	if opt.MaxUpload == 0 {
		opt.MaxUpload = 16 << 30
	}
	if opt.Random == nil {
		opt.Random = rand.Reader
	}
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	s := &Server{reg: reg, files: files, opt: opt, mux: http.NewServeMux()}
	s.hooks = &hooks{reg: reg, log: opt.Log, allowPrivate: opt.PrivateWebhooks, first: cmp.Or(opt.webhookWait, time.Second)}
	s.routes()
	return s, nil
}

// Close releases the artifact folder. Webhooks that wait are not called any more.
func (s *Server) Close() error {
	s.hooks.close()
	return s.files.Close()
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mux.ServeHTTP(w, r)
}

// prefixes are where every RPC is found.
var prefixes = []string{"/api/2.0", "/ajax-api/2.0", "/api/3.0", "/ajax-api/3.0"}

// handle registers a handler for "METHOD /path" under every prefix.
func (s *Server) handle(method, path string, h http.HandlerFunc) {
	for _, p := range prefixes {
		s.mux.HandleFunc(method+" "+p+path, h)
	}
}

// rpc registers a call whose request is decoded into Req (package file
// request.go) and whose result is written as JSON.
func rpc[Req any](s *Server, method, path string, do func(context.Context, *Req) (any, error)) {
	s.handle(method, path, func(w http.ResponseWriter, r *http.Request) {
		req := new(Req)
		if err := decode(w, r, req); err != nil {
			s.fail(w, r, err)
			return
		}
		ctx := r.Context()
		if p := auth.From(ctx); !p.Unlimited() {
			if err := s.authorize(ctx, p, r, req); err != nil {
				s.fail(w, r, err)
				return
			}
		}
		res, err := do(ctx, req)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.reply(w, r, res)
	})
}

// audit says who asked.
func audit(ctx context.Context) registry.Audit {
	return registry.Audit{Who: auth.From(ctx).Name, Why: "by the MLflow API"}
}

func (s *Server) routes() {
	s.mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { text(w, "OK") })
	s.mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { text(w, Release) })
	s.handle("GET", "/mlflow/server-info", func(w http.ResponseWriter, r *http.Request) { s.reply(w, r, serverInfo) })
	s.experimentRoutes()
	s.runRoutes()
	s.metricRoutes()
	s.artifactRoutes()
	s.modelRoutes()
	s.versionRoutes()
	s.loggedModelRoutes()
	s.traceRoutes()
	s.webhookRoutes()
}

func text(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, body) // the client went away
}

// serverInfo tells clients what to use.
var serverInfo = map[string]any{
	"store_type":                          "SqlStore",
	"workspaces_enabled":                  false,
	"trace_archival_enabled":              false,
	"multipart_uploads_enabled":           false,
	"multipart_downloads_enabled":         false,
	"presigned_upload_run_id_supported":   false,
	"presigned_upload_model_id_supported": false,
	"features_enabled":                    map[string]bool{"gateway": false},
}
