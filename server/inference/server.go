package inference

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pipe/artifacts"
	"pipe/dag/text"
	"pipe/registry"
	"pipe/stages/model"
)

// Options say what a Server serves and how much it may take.
type Options struct {
	Registry *registry.Registry
	Store    *artifacts.Store
	// Dir is where request logs go, in a folder requests; "" keeps none.
	Dir string
	// Only serves this deployment and not those of the registry.
	Only *registry.Deployment
	// Workers is how much is computed at once; 0: as much as there are processors.
	Workers int
	// Memory bounds the loaded models in bytes; 0: no limit.
	Memory int64
	// Alert is told what people should know: a version that does not answer, one
	// that was rolled back by itself, a canary that ended. nil: only the log is.
	Alert func(ctx context.Context, title, text string) error
	// Poll is how often the registry is asked for changes; 0: 100 ms.
	Poll time.Duration
	Log  *slog.Logger
}

// Server answers with the deployed models. Run makes it follow the registry.
type Server struct {
	o         Options
	log       *slog.Logger
	pool      *pool
	instances *instances
	mux       *http.ServeMux
	life      context.Context // of the server, for work that several requests share
	end       context.CancelFunc

	endpoints atomic.Pointer[map[string]*endpoint]
	refreshed sync.Mutex
	seen      int64 // the last change of the registry that was followed
	swaps     sync.WaitGroup
	shadows   sync.WaitGroup
	shading   atomic.Int64 // shadows at work

	observations chan observed
	observing    sync.WaitGroup
}

// New prepares the answers of what is deployed. Nothing is loaded before it is
// asked for. Close the server when its work is done.
func New(ctx context.Context, o Options) (*Server, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Poll <= 0 {
		o.Poll = 100 * time.Millisecond
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{o: o, log: o.Log, pool: newPool(o.Workers), observations: make(chan observed, observedWaiting), seen: -1, mux: http.NewServeMux()}
	s.instances = &instances{open: s.open, profile: s.profile, budget: o.Memory, log: o.Log, all: map[string]*instance{}}
	s.life, s.end = context.WithCancel(context.WithoutCancel(ctx))
	s.endpoints.Store(&map[string]*endpoint{})
	s.routes()
	s.observing.Go(s.count)
	if err := s.refresh(ctx); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// open loads a model from the store.
func (s *Server) open(ref artifacts.Ref) (model.Served, error) {
	folder, err := s.o.Store.OpenFolder(ref)
	if err != nil {
		return nil, err
	}
	return model.Open(folder)
}

// Close ends work that outlives its request, such as shadows, and writes what the
// request logs still hold.
func (s *Server) Close() {
	s.end()
	s.swaps.Wait()
	s.shadows.Wait()
	s.observing.Wait()
	s.writeLogs(time.Now(), true)
}

// Patterns are what the server answers, for http.ServeMux.
func (s *Server) Patterns() []string {
	var list []string
	for _, r := range s.table() {
		list = append(list, r.pattern)
	}
	return list
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// handled is a line of the table of contents.
type handled struct {
	pattern string
	handler http.HandlerFunc
}

func (s *Server) routes() {
	for _, r := range s.table() {
		s.mux.HandleFunc(r.pattern, r.handler)
	}
}

// Run follows the registry until ctx is done: aliases that move, deployments that
// come and go.
func (s *Server) Run(ctx context.Context) error {
	var logs sync.WaitGroup
	logs.Go(func() { s.runLog(ctx) })
	defer logs.Wait()
	tick := time.NewTicker(s.o.Poll)
	defer tick.Stop()
	guard := time.NewTicker(guardEvery)
	defer guard.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-guard.C:
			s.guard(ctx, now)
			continue
		case <-tick.C:
		}
		if err := s.refresh(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("follow the registry", "error", err)
		}
	}
}

// endpoint finds a deployment.
func (s *Server) endpoint(name string) (*endpoint, error) {
	all := *s.endpoints.Load()
	if e, ok := all[name]; ok {
		return e, nil
	}
	names := slices.Sorted(maps.Keys(all))
	hint := text.DidYouMean(name, names)
	switch {
	case hint != "":
	case len(names) == 0:
		hint = "nothing is deployed"
	default:
		hint = "deployed are " + text.List(names)
	}
	p := notFound("no model %q is deployed: %s", name, hint)
	p.field = "model"
	return nil, p
}

// sole returns the only endpoint, for protocols that name none.
func (s *Server) sole() (*endpoint, error) {
	all := *s.endpoints.Load()
	if len(all) == 1 {
		for _, e := range all {
			return e, nil
		}
	}
	names := slices.Sorted(maps.Keys(all))
	if len(names) == 0 {
		return nil, notFound("nothing is deployed")
	}
	return nil, badRequest("model", "several models are deployed (%s); name one in the path, as /invocations/NAME", strings.Join(names, ", "))
}

// alert tells people, beside everything else.
func (s *Server) alert(title, text string) {
	if s.o.Alert == nil {
		return
	}
	s.shadows.Go(func() {
		if err := s.o.Alert(s.life, title, text); err != nil && s.life.Err() == nil {
			s.log.Error("alert", "title", title, "error", err)
		}
	})
}

// Ready waits until the routes of all deployments are as the registry says.
func (s *Server) Ready(ctx context.Context) error {
	if err := s.refresh(ctx); err != nil {
		return err
	}
	s.swaps.Wait()
	var errs []error
	for _, e := range *s.endpoints.Load() {
		if t := e.trouble.Load(); t != nil {
			errs = append(errs, fmt.Errorf("%s: %s", e.name, *t))
		}
	}
	return errors.Join(errs...)
}
