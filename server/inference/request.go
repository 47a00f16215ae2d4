package inference

import (
	"compress/gzip"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"pipe/server/auth"
	"pipe/stages/model"
)

// request is one request on its way: the arm that answers it, and what is to be
// counted at the end.
type request struct {
	server   *Server
	id       string
	endpoint *endpoint
	route    *route
	arm      *arm
	ctx      context.Context
	cancel   context.CancelFunc
	begun    time.Time
	rows     []map[string]any // of a request for rows, for the log
	answers  []*answer
}

// begin finds who answers, and starts the clock. End it with end.
func (s *Server) begin(w http.ResponseWriter, r *http.Request, e *endpoint) (*request, error) {
	route := e.route.Load()
	if route == nil {
		why := "it is being loaded"
		if t := e.trouble.Load(); t != nil {
			why = *t
		}
		return nil, &problem{status: http.StatusServiceUnavailable, text: "the deployment " + e.name + " cannot answer: " + why, retryAfter: 1}
	}
	if p := auth.From(r.Context()); !p.May(auth.Read, auth.Model(route.deployment.Model)) {
		return nil, &problem{status: http.StatusForbidden, field: "model", text: "you may not read the model " + route.deployment.Model + ", so it does not answer you"}
	}
	now := time.Now()
	q := &request{server: s, id: requestID(now), endpoint: e, route: route, begun: now}
	draw, key := 0.0, ""
	if route.canary != nil {
		draw = rand.Float64()
		if h := route.policy.Canary.Key; h != "" {
			key = r.Header.Get(h)
		}
	}
	q.arm = route.choose(key, draw)
	q.ctx, q.cancel = context.WithTimeoutCause(r.Context(), time.Duration(route.policy.Timeout), errDeadline)
	q.tell()
	q.mark(w.Header())
	r.Body = http.MaxBytesReader(w, r.Body, route.policy.MaxBody)
	return q, nil
}

// Names of the headers that every answer of a model carries.
const (
	headerModel   = "Pipe-Model"
	headerVersion = "Pipe-Version"
	headerDigest  = "Pipe-Digest"
	headerRequest = "Pipe-Request"
)

// requestID names a request for ever: 32 hexadecimal digits, of which the first
// twelve are the milliseconds since 1970, so that a log in order of time finds it.
func requestID(now time.Time) string {
	const hex = "0123456789abcdef"
	var b [32]byte
	for i, v := 11, uint64(now.UnixMilli()); i >= 0; i, v = i-1, v>>4 {
		b[i] = hex[v&15]
	}
	v := rand.Uint64()
	for i := 12; i < 28; i, v = i+1, v>>4 {
		b[i] = hex[v&15]
	}
	v = uint64(rand.Uint32())
	for i := 28; i < 32; i, v = i+1, v>>4 {
		b[i] = hex[v&15]
	}
	return string(b[:])
}

// mark says in an answer's header which model gives it.
func (q *request) mark(h http.Header) {
	v := q.arm.version()
	h[headerModel] = []string{v.Model}
	h[headerVersion] = []string{strconv.Itoa(v.Version)}
	h[headerDigest] = []string{string(v.Ref.Digest)}
	h[headerRequest] = []string{q.id}
}

// body reads the whole body.
func (q *request) body(r *http.Request) ([]byte, error) { return readBody(r, q.route.policy.MaxBody) }

// readBody reads a body of at most limit bytes, unpacked where it is gzip: what
// comes out is bounded, not only what goes in.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, badRequest("Content-Encoding", "the body is not gzip, as its Content-Encoding says: %v", err)
		}
		b, err := io.ReadAll(io.LimitReader(z, limit+1))
		if err != nil {
			return nil, badRequest("", "the body cannot be unpacked: %v", err)
		}
		if int64(len(b)) > limit {
			return nil, &http.MaxBytesError{Limit: limit}
		}
		return b, nil
	default:
		return nil, &problem{status: http.StatusUnsupportedMediaType, field: "Content-Encoding", text: "the Content-Encoding " + quote(encoding) + " is not gzip"}
	}
	if n := r.ContentLength; n > limit {
		return nil, &http.MaxBytesError{Limit: limit}
	} else if n > 0 {
		b := make([]byte, n)
		_, err := io.ReadFull(r.Body, b)
		return b, readError(err)
	}
	b, err := io.ReadAll(r.Body)
	return b, readError(err)
}

// readError tells a body that was cut off from other errors.
func readError(err error) error {
	switch err {
	case io.ErrUnexpectedEOF:
		return badRequest("", "the body ends before its Content-Length")
	}
	return err
}

// loaded is the model that answers.
func (q *request) loaded() (*loaded, error) {
	l, err := q.server.instances.get(q.ctx, q.arm.instance)
	if err != nil {
		return nil, unavailable(err)
	}
	return l, nil
}

// predict answers rows that have been checked.
func (q *request) predict(rows []map[string]any) ([]*model.Answer, error) {
	q.rows = rows
	ctx, end := spanOfRows(q.ctx, len(rows))
	j := &job{ctx: ctx, rows: rows}
	err := q.arm.queue.do(j)
	end(err)
	if err != nil {
		return nil, err
	}
	q.answers = j.answers
	return j.answers, nil
}

// end counts the request.
func (q *request) end(status int) {
	q.cancel()
	now := time.Now()
	q.arm.stats.observe(now, now.Sub(q.begun), status)
	if status < 400 {
		q.server.shade(q)
		q.server.keep(q, now)
		q.server.observe(q, now)
	}
}

// failed turns an error into what the client is told, and logs what is ours.
func (s *Server) failed(r *http.Request, err error) *problem {
	if cause := context.Cause(r.Context()); cause != nil {
		err = errAbandoned
	}
	p := explain(err)
	if p.cause != nil {
		s.log.Error("request failed", "path", r.URL.Path, "error", p.cause)
	}
	return p
}
