// Package server owns the one HTTP server of `pipe up`: where it listens, how
// it begins and ends. What it answers is in the packages below it.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"pipe/registry"
	"pipe/server/mlflow"
)

// Options say where the server listens.
type Options struct {
	Host string // a loopback address; empty means 127.0.0.1
	Port int    // 0 lets the system choose
	// Ready is told the address when the server answers.
	Ready func(addr string)
	Log   *slog.Logger
	// Rooms are what is answered beside MLflow's API.
	Rooms []Room
}

// Room is a part of the server: what it answers, and what it does meanwhile.
type Room struct {
	Name     string   // for the log
	Patterns []string // of http.ServeMux, as "/v2/" or "GET /runs/{id}"
	Handler  http.Handler
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
	listener, err := listen(o)
	if err != nil {
		return err
	}
	api, err := mlflow.New(reg, filepath.Join(dir, "mlartifacts"), mlflow.Options{Log: o.Log})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer api.Close()
	s := &http.Server{Handler: route(api, o.Rooms), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
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
func route(api http.Handler, rooms []Room) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", api)
	for _, r := range rooms {
		for _, p := range r.Patterns {
			mux.Handle(p, r.Handler)
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

// listen refuses every address that other machines could reach: there is no
// authentication, and a registry decides which model answers.
func listen(o Options) (net.Listener, error) {
	host := o.Host
	if host == "" {
		host = "127.0.0.1"
	}
	ip := net.ParseIP(host)
	if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("--host %s is not a loopback address: pipe has no authentication and serves this machine only; put a proxy that has it in front", host)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(o.Port)))
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}
