// Package server owns the one HTTP server of `pipe up`: where it listens, how
// it begins and ends. What it answers is in the packages below it.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"pipe/registry"
	"pipe/server/admit"
	"pipe/server/auth"
	"pipe/server/mlflow"
)

// Options say where the server listens.
type Options struct {
	Host string // empty means 127.0.0.1; one that is no loopback address needs users
	Port int    // 0 lets the system choose
	// Ready is told the address when the server answers.
	Ready func(addr string)
	Log   *slog.Logger
	// AllowedHosts are names, beside those of the address, by which the server
	// is called; "*" allows all.
	AllowedHosts []string
	// CertFile and KeyFile make the server speak TLS; they are read again when
	// they change.
	CertFile, KeyFile string
	// Auth says how people sign in.
	Auth auth.Options
	// Made are the files of what pipelines made; nil: none.
	Made mlflow.Made
	// PrivateWebhooks lets the registry's webhooks call private networks.
	PrivateWebhooks bool
	// Rooms are what is answered beside MLflow's API.
	Rooms []Room
	// Trace wraps what a pattern leads to, so that its requests become spans; nil:
	// nothing is traced.
	Trace func(http.Handler) http.Handler
	// Alone leaves MLflow's API away: the rooms are all that is answered, and
	// /health and /version.
	Alone bool
}

// Room is a part of the server: what it answers, and what it does meanwhile.
type Room struct {
	Name     string   // for the log
	Patterns []string // of http.ServeMux, as "/v2/" or "GET /runs/{id}"
	Handler  http.Handler
	// Judges says that the room asks auth.From(ctx) itself what may be done.
	// Otherwise GET and HEAD take who may read everything, and all else who may
	// write everything.
	Judges bool
	// Run works until ctx is done; its error ends the server. nil: the room only
	// answers.
	Run func(ctx context.Context) error
}

// drain is how long requests under way may take when the server ends.
const drain = 5 * time.Second

// reapEvery is how often runs are looked for whose process has died.
const reapEvery = 15 * time.Second

// Serve answers until ctx is done: MLflow's REST API over the registry, with
// artifacts of MLflow clients kept in dir, and the rooms. A request for which
// no room has a pattern goes to MLflow's API.
func Serve(ctx context.Context, reg *registry.Registry, dir string, o Options) error {
	o.Auth.Log = o.Log
	gate := auth.New(reg, o.Auth)
	if err := mayListen(ctx, o, gate); err != nil {
		return err
	}
	listener, err := listen(o)
	if err != nil {
		return err
	}
	api, err := mlflow.New(reg, filepath.Join(dir, "mlartifacts"), mlflow.Options{Log: o.Log, Made: o.Made, PrivateWebhooks: o.PrivateWebhooks})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer api.Close()
	rest := http.Handler(api)
	if o.Alone {
		probes := http.NewServeMux()
		probes.Handle("GET /health", api)
		probes.Handle("GET /version", api)
		rest = probes
	}
	rooms := append([]Room{{Name: "auth", Patterns: auth.Patterns, Handler: gate, Judges: true}}, o.Rooms...)
	handler := admit.Handler(hostRules(o), gate.Handler(route(rest, rooms, o.Trace)))
	s := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	if o.Log != nil {
		s.ErrorLog = slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn)
	}
	ended := make(chan error, 1+len(o.Rooms))
	go func() { ended <- s.Serve(listener) }()
	defer work(ctx, o.Rooms, ended)()
	if o.Ready != nil {
		o.Ready(listener.Addr().String())
	}
	tick := time.NewTicker(reapEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return fmt.Errorf("serve: %w", err)
		case <-tick.C:
			if _, err := reg.Reap(ctx); err != nil && ctx.Err() == nil && o.Log != nil {
				o.Log.Warn("look for runs whose process has died", "error", err)
			}
		case <-ctx.Done():
			stop, cancel := context.WithTimeout(context.Background(), drain)
			defer cancel()
			if err := s.Shutdown(stop); err != nil {
				return errors.Join(fmt.Errorf("requests were cut off after %v: %w", drain, err), s.Close())
			}
			return nil
		}
	}
}

// route gives each room what its patterns name, and MLflow's API the rest.
func route(api http.Handler, rooms []Room, trace func(http.Handler) http.Handler) http.Handler {
	if trace == nil {
		trace = func(h http.Handler) http.Handler { return h }
	}
	mux := http.NewServeMux()
	mux.Handle("/", trace(api))
	for _, r := range rooms {
		for _, p := range r.Patterns {
			h := r.Handler
			if !r.Judges {
				h = auth.Require(h)
			}
			mux.Handle(p, trace(h))
		}
	}
	return mux
}

// work starts what the rooms do beside answering, and tells ended of a room
// whose work ends while ctx is not done. The function that it returns stops
// them all and waits for them.
func work(ctx context.Context, rooms []Room, ended chan<- error) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	for _, r := range rooms {
		if r.Run == nil {
			continue
		}
		running.Go(func() {
			if err := r.Run(ctx); ctx.Err() == nil {
				ended <- fmt.Errorf("%s: %w", r.Name, err)
			}
		})
	}
	return func() { cancel(); running.Wait() }
}
