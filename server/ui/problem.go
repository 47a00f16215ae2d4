package ui

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"strings"

	"pipe/artifacts"
	"pipe/registry"
)

// problem is an error with the status that it has on the web.
type problem struct {
	status int
	text   string
}

// Error implements error.
func (p *problem) Error() string { return p.text }

// statusOf tells what an error is on the web.
func statusOf(err error) int {
	var p *problem
	switch {
	case errors.As(err, &p):
		return p.status
	case errors.Is(err, registry.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return http.StatusNotFound
	case errors.Is(err, registry.ErrInvalid):
		return http.StatusBadRequest
	case errors.Is(err, registry.ErrConflict), errors.Is(err, registry.ErrExists):
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}

// fail answers with a page that says what is wrong, or, to a script, with the
// sentence alone. The text of an error of the server is shown, too: who runs it
// is who reads it.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // nobody reads the answer
	}
	status := statusOf(err)
	if status == http.StatusInternalServerError {
		s.opt.Log.Error("answer a page", "path", r.URL.Path, "error", err)
	}
	w.Header().Set("Cache-Control", "no-store")
	if r.Header.Get("X-Part") != "" || strings.HasSuffix(r.URL.Path, ".json") {
		http.Error(w, err.Error(), status)
		return
	}
	var damaged *artifacts.CorruptError
	var gone *artifacts.MissingError
	s.render(w, r, status, "error", &frame{Title: http.StatusText(status)}, struct {
		Status        int
		Name, Text    string
		Damaged, Gone bool
	}{status, http.StatusText(status), sentence(err), errors.As(err, &damaged), errors.As(err, &gone)})
}

// sentence writes an error for people: it begins with a capital letter.
func sentence(err error) string {
	text := err.Error()
	if text == "" {
		return "Something went wrong."
	}
	if c := text[0]; 'a' <= c && c <= 'z' {
		return string(c-'a'+'A') + text[1:]
	}
	return text
}
