package ui

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// stream is an answer of server-sent events (WHATWG HTML, section 9.2).
type stream struct {
	w http.ResponseWriter
	c *http.ResponseController
	r *http.Request
	// ending is closed when the server is about to end.
	ending <-chan struct{}
}

func (s *Server) newStream(w http.ResponseWriter, r *http.Request) (*stream, error) {
	t := &stream{w, http.NewResponseController(w), r, s.ending}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	if _, err := fmt.Fprint(w, "retry: 2000\n\n"); err != nil {
		return nil, err
	}
	return t, t.c.Flush()
}

// send writes an event whose data is JSON, which has no line breaks.
func (s *stream) send(event string, data any) error {
	b, err := json.Marshal(data)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.w, "event: %s\ndata: %s\n\n", event, b); err != nil {
		return err
	}
	return s.c.Flush()
}

// errEnd ends a stream that has told all.
var errEnd = errors.New("end of the stream")

// idle is how long a stream may be silent: proxies close silent connections.
const idle = 15 * time.Second

// every calls look until the reader goes away or look gives errEnd. Once the
// stream has begun an error can only end it.
func (s *stream) every(pause time.Duration, look func() error) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	beat := time.NewTicker(idle)
	defer beat.Stop()
	for {
		if err := look(); err != nil {
			if !errors.Is(err, errEnd) && s.r.Context().Err() == nil {
				_ = s.send("problem", err.Error()) // the reader may be gone
			}
			return nil
		}
		select {
		case <-s.r.Context().Done():
			return nil
		case <-s.ending:
			return nil
		case <-beat.C:
			if _, err := fmt.Fprint(s.w, ":\n\n"); err != nil {
				return nil
			}
			if err := s.c.Flush(); err != nil {
				return nil
			}
		case <-tick.C:
		}
	}
}
