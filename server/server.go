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
}

// drain is how long requests under way may take when the server ends.
const drain = 5 * time.Second

// reapEvery is how often runs are looked for whose process has died.
const reapEvery = 15 * time.Second

// Serve answers until ctx is done: MLflow's REST API over the registry, with
// artifacts of MLflow clients kept in dir.
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
	s := &http.Server{Handler: api, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	if o.Log != nil {
		s.ErrorLog = slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(listener) }()
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
