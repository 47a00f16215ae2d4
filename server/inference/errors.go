package inference

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"pipe/stages/transform"
)

// problem is what a client is told: an HTTP status, a sentence, and where the
// request has a field that is to blame, its name.
type problem struct {
	status int
	field  string
	text   string
	// retryAfter is in seconds, 0 where another try makes no sense.
	retryAfter int
	// cause is for the log only.
	cause error
}

func (p *problem) Error() string { return p.text }
func (p *problem) Unwrap() error { return p.cause }

func badRequest(field, format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, field: field, text: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) *problem {
	return &problem{status: http.StatusNotFound, text: fmt.Sprintf(format, args...)}
}

// fullError says that too many rows wait.
type fullError struct{ waiting int }

func (e *fullError) Error() string {
	return fmt.Sprintf("the model is busy: %d rows wait already; try again later", e.waiting)
}

// errAbandoned says that the client went away.
var errAbandoned = errors.New("the client closed the connection")

// errDeadline says that the request took longer than the policy allows.
var errDeadline = errors.New("the request took too long")

// panicked is a bug that a model's code has shown while it answered.
type panicked struct{ what any }

func (p *panicked) Error() string { return fmt.Sprintf("the model panicked: %v", p.what) }

// statusClosed is what logs and metrics say of a request whose client went away
// (nginx's code); nobody receives it.
const statusClosed = 499

// explain makes a problem of an error.
func explain(err error) *problem {
	var p *problem
	var row *transform.RowError
	var full *fullError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &row):
		return &problem{status: http.StatusBadRequest, field: row.Column, text: row.Error()}
	case errors.As(err, &full):
		return &problem{status: http.StatusTooManyRequests, text: full.Error(), retryAfter: 1}
	case errors.As(err, &tooLarge):
		return &problem{status: http.StatusRequestEntityTooLarge, text: fmt.Sprintf("the body is larger than %d bytes, which is the limit (max_body)", tooLarge.Limit)}
	case errors.Is(err, errDeadline):
		return &problem{status: http.StatusGatewayTimeout, text: "the answer took longer than the deployment's timeout", retryAfter: 1}
	case errors.Is(err, errAbandoned), errors.Is(err, context.Canceled):
		return &problem{status: statusClosed, text: "the client closed the connection"}
	case errors.Is(err, context.DeadlineExceeded):
		return &problem{status: http.StatusGatewayTimeout, text: "the answer took longer than the deployment's timeout", retryAfter: 1}
	}
	return &problem{status: http.StatusInternalServerError, text: "the model could not answer; the server's log tells why", cause: err}
}

// head sets what a problem's answer has beside its body.
func (p *problem) head(h http.Header) {
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
}
