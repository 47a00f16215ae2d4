package schedule

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"pipe/dag"
	"pipe/registry"
)

// Patterns are what Handler answers, for http.ServeMux.
var Patterns = []string{
	"GET /api/schedules", "GET /api/schedules/{name}", "GET /api/schedules/{name}/{what}",
	"POST /api/schedules/{name}/{action}", "DELETE /api/schedules/{name}",
	"GET /api/fires", "POST /api/fires/{run}/cancel", "GET /api/calendar", "GET /metrics/schedules",
}

// maxBody bounds what is read of a request.
const maxBody = 1 << 20

// Handler is the REST API. Every answer is JSON; an error is {"error": "…"}.
func (s *Service) Handler() http.Handler {
	m := http.NewServeMux()
	answer := func(pattern string, do func(r *http.Request) (any, error)) {
		m.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			v, err := do(r)
			reply(w, v, err)
		})
	}
	answer("GET /api/schedules", func(r *http.Request) (any, error) { return orEmpty(s.List(r.Context())) })
	answer("GET /api/schedules/{name}", func(r *http.Request) (any, error) { return s.Show(r.Context(), r.PathValue("name")) })
	answer("GET /api/schedules/{name}/{what}", s.look)
	answer("POST /api/schedules/{name}/{action}", s.act)
	answer("DELETE /api/schedules/{name}", func(r *http.Request) (any, error) {
		return done, s.Remove(r.Context(), r.PathValue("name"), by(r, ""))
	})
	answer("GET /api/fires", func(r *http.Request) (any, error) {
		q, err := fireQuery(r)
		if err != nil {
			return nil, err
		}
		return orEmpty(s.History(r.Context(), r.URL.Query().Get("schedule"), q))
	})
	answer("POST /api/fires/{run}/cancel", func(r *http.Request) (any, error) { return done, s.Cancel(r.Context(), r.PathValue("run")) })
	answer("GET /api/calendar", func(r *http.Request) (any, error) {
		from, to, err := span(r, s.now().AddDate(0, 0, -7), s.now().AddDate(0, 0, 28))
		if err != nil {
			return nil, err
		}
		return s.Calendar(r.Context(), r.URL.Query().Get("schedule"), from, to)
	})
	m.HandleFunc("GET /metrics/schedules", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		if s.Engine != nil {
			s.Engine.Metrics().Write(w)
		}
	})
	return m
}

var done = map[string]bool{"ok": true}

// look answers what is asked about one schedule.
func (s *Service) look(r *http.Request) (any, error) {
	ctx, name := r.Context(), r.PathValue("name")
	switch r.PathValue("what") {
	case "history":
		q, err := fireQuery(r)
		if err != nil {
			return nil, err
		}
		return orEmpty(s.History(ctx, name, q))
	case "next":
		n, err := number(r, "n", 10)
		if err != nil {
			return nil, err
		}
		return orEmpty(s.Next(ctx, name, n, time.Time{}))
	case "explain":
		at, err := moment(r.URL.Query().Get("at"))
		if err != nil {
			return nil, err
		}
		return s.Explain(ctx, name, at)
	}
	return nil, errNoPath
}

// order is the body of a request that acts.
type order struct {
	Why    string            `json:"why"`
	At     string            `json:"at"`
	Params map[string]string `json:"params"`
	From   string            `json:"from"`
	To     string            `json:"to"`
	Jobs   int               `json:"jobs"`
	Again  bool              `json:"again"`
}

// act does what is asked of one schedule.
func (s *Service) act(r *http.Request) (any, error) {
	ctx, name := r.Context(), r.PathValue("name")
	var o order
	if r.ContentLength != 0 {
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(&o); err != nil {
			return nil, badRequest("the body is no JSON with why, at, params, from, to, jobs and again: " + err.Error())
		}
	}
	switch r.PathValue("action") {
	case "pause":
		return done, s.Pause(ctx, name, by(r, o.Why))
	case "resume":
		return done, s.Resume(ctx, name, by(r, o.Why))
	case "trigger":
		at, err := moment(o.At)
		if err != nil {
			return nil, err
		}
		return s.Trigger(ctx, name, at, o.Params, "manual", o.Why)
	case "backfill":
		from, err1 := moment(o.From)
		to, err2 := moment(o.To)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		if from.IsZero() || to.IsZero() || to.Before(from) {
			return nil, badRequest("from and to are needed, and to is not before from")
		}
		return orEmpty(s.Backfill(ctx, name, from, to, o.Jobs, o.Again, o.Why))
	}
	return nil, errNoPath
}

// badRequest is an error of who asks.
type badRequest string

func (e badRequest) Error() string { return string(e) }

const errNoPath = badRequest("there is no such path: history, next and explain can be read; pause, resume, trigger and backfill can be posted")

// by tells the audit log who acts.
func by(r *http.Request, why string) registry.Audit {
	who := "api"
	if name, _, ok := r.BasicAuth(); ok {
		who = name
	}
	return registry.Audit{Who: who, Why: why}
}

func reply(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if err != nil {
		var bad badRequest
		code := http.StatusInternalServerError
		switch {
		case errors.Is(err, registry.ErrNotFound):
			code = http.StatusNotFound
		case errors.As(err, &bad), errors.Is(err, registry.ErrInvalid):
			code = http.StatusBadRequest
		case errors.Is(err, registry.ErrConflict):
			code = http.StatusConflict
		}
		w.WriteHeader(code)
		v = map[string]string{"error": err.Error()}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // who asked has gone
}

func orEmpty[T any](list []T, err error) ([]T, error) {
	if list == nil {
		list = []T{}
	}
	return list, err
}

func fireQuery(r *http.Request) (q registry.FireQuery, err error) {
	if q.Limit, err = number(r, "limit", 50); err != nil {
		return q, err
	}
	for _, s := range r.URL.Query()["state"] {
		q.States = append(q.States, registry.FireState(s))
	}
	q.From, q.To, err = span(r, time.Time{}, time.Time{})
	return q, err
}

func number(r *http.Request, key string, otherwise int) (int, error) {
	s := r.URL.Query().Get(key)
	if s == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 10_000 {
		return 0, badRequest(key + " is a number from 1 to 10000, not " + strconv.Quote(s))
	}
	return n, nil
}

func span(r *http.Request, from, to time.Time) (time.Time, time.Time, error) {
	for _, x := range []struct {
		key string
		at  *time.Time
	}{{"from", &from}, {"to", &to}} {
		if s := r.URL.Query().Get(x.key); s != "" {
			t, err := moment(s)
			if err != nil {
				return from, to, err
			}
			*x.at = t
		}
	}
	return from, to, nil
}

func moment(s string) (time.Time, error) {
	t, err := dag.ParseInstant(s, time.UTC)
	if err != nil {
		return t, badRequest(err.Error())
	}
	return t.UTC(), nil
}
