package ui

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"pipe/server/auth"
)

//go:embed page
var pageFiles embed.FS

// frame is what surrounds a page.
type frame struct {
	Title string
	Room  string // which link of the bar is the page's: "runs", "models"…
	Live  string // the address of the page's events, "" for none
	Chart bool   // the page draws charts
	Theme string // "light", "dark" or "" for the system's
	User  string
	CSRF  string // of the session
	Here  string // the page's own address
	Bare  bool   // the page is for people who are not signed in
	Waits int    // stages that wait for a person
}

// templates are the pages, each read when it is first asked for: frame.html with
// a "main" of its own; parts.html is shared.
var templates struct {
	mu   sync.Mutex
	base *template.Template
	page map[string]*template.Template
}

func templateOf(page string) (*template.Template, error) {
	t := &templates
	t.mu.Lock()
	defer t.mu.Unlock()
	if found := t.page[page]; found != nil {
		return found, nil
	}
	var err error
	if t.base == nil {
		if t.base, err = template.New("frame.html").Funcs(funcs()).ParseFS(pageFiles, "page/frame.html", "page/parts.html"); err != nil {
			return nil, err
		}
		t.page = map[string]*template.Template{}
	}
	found, err := t.base.Clone()
	if err == nil {
		found, err = found.ParseFS(pageFiles, "page/"+page+".html")
	}
	if err == nil {
		t.page[page] = found
	}
	return found, err
}

// render writes a page whole.
func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, page string, f *frame, data any) {
	if c, err := r.Cookie("theme"); err == nil && (c.Value == "light" || c.Value == "dark") {
		f.Theme = c.Value
	}
	p := auth.From(r.Context())
	f.User, f.CSRF = p.Name, p.CSRF
	f.Here = r.URL.RequestURI()
	if !f.Bare {
		f.Waits = s.waiting(r.Context())
	}
	body, err := execute(page, "frame.html", struct {
		*frame
		Data any
	}{f, data})
	if err != nil {
		s.opt.Log.Error("write a page", "page", page, "error", err)
		http.Error(w, "This page could not be written: "+err.Error(), http.StatusInternalServerError)
		return
	}
	s.send(w, r, status, "text/html; charset=utf-8", withToken(body, f.CSRF))
}

func execute(page, name string, data any) ([]byte, error) {
	t, err := templateOf(page)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.ExecuteTemplate(&b, name, data)
	return b.Bytes(), err
}

var postForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`<form [^>]*method="post"[^>]*>`) })

// withToken puts the session's token into every form that changes something, so
// that no template can forget it. What people wrote cannot look like a form: a
// template has escaped it.
func withToken(body []byte, token string) []byte {
	if token == "" {
		return body
	}
	field := []byte(`<input type="hidden" name="csrf" value="` + template.HTMLEscapeString(token) + `">`)
	return postForm().ReplaceAllFunc(body, func(form []byte) []byte { return append(form[:len(form):len(form)], field...) })
}

// part writes a named piece of a page, for the script to put in.
func (s *Server) part(w http.ResponseWriter, r *http.Request, page, name string, data any) error {
	body, err := execute(page, name, data)
	if err != nil {
		return err
	}
	s.send(w, r, http.StatusOK, "text/html; charset=utf-8", body)
	return nil
}

var zippers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// send writes a body, compressed where that is worth it.
func (s *Server) send(w http.ResponseWriter, r *http.Request, status int, kind string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Vary", "Accept-Encoding, Cookie")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-cache")
	}
	const worth = 1 << 10
	if len(body) < worth || !acceptsGzip(r) {
		w.WriteHeader(status)
		_, _ = w.Write(body) // the reader went away
		return
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	z := zippers.Get().(*gzip.Writer)
	defer zippers.Put(z)
	z.Reset(w)
	_, _ = z.Write(body)
	_ = z.Close()
}

// back leads to where a form was, or elsewhere when the form does not say.
func back(w http.ResponseWriter, r *http.Request, otherwise string) error {
	to := r.PostFormValue("back")
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n") {
		to = otherwise
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func (s *Server) setTheme(w http.ResponseWriter, r *http.Request) error {
	c := &http.Cookie{Name: "theme", Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	switch v := r.PostFormValue("theme"); v {
	case "light", "dark":
		c.Value = v
	default:
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
	return back(w, r, "/runs")
}
