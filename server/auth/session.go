package auth

import (
	"bufio"
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"

	"pipe/registry"
	"pipe/server/admit"
)

// Where browsers sign in and out, and where a program asks who it is.
const (
	SignInPath  = "/signin"
	SignOutPath = "/signout"
	WhoPath     = "/whoami"
)

// sessionLength is how long a session lasts.
const sessionLength = 12 * time.Hour

// Form is what the page to sign in at shows. It posts the fields name,
// password and next to SignInPath.
type Form struct {
	Next  string // where to go afterwards: a path of this server
	Name  string // what was typed before
	Error string // why that did not work; empty at first
}

// Patterns are what the gate itself answers.
var Patterns = []string{SignInPath, SignOutPath, WhoPath}

// ServeHTTP answers Patterns: GET /signin shows the page, POST /signin signs
// in by a form, POST /signout signs out, GET /whoami tells who is asking.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	switch r.Method + " " + r.URL.Path {
	case "GET " + SignInPath, "HEAD " + SignInPath:
		g.opt.SignIn(w, r, Form{Next: localPath(r.URL.Query().Get("next"))})
	case "POST " + SignInPath:
		g.signIn(w, r)
	case "POST " + SignOutPath:
		g.signOut(w, r)
	case "GET " + WhoPath:
		g.whoami(w, r)
	default:
		w.Header().Set("Allow", "GET, POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (g *Gate) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	if err := r.ParseForm(); err != nil {
		admit.Refuse(w, http.StatusBadRequest, "BAD_REQUEST", "The form could not be read.")
		return
	}
	f := Form{Name: r.PostForm.Get("name"), Next: localPath(r.PostForm.Get("next"))}
	_, err := g.byPassword(r, f.Name, r.PostForm.Get("password"))
	var wait *waitError
	switch {
	case errors.As(err, &wait):
		f.Error = "Too many sign-ins failed. Wait for " + wait.left.Round(time.Second).String() + " and try again."
		w = &statusWriter{w, http.StatusTooManyRequests}
	case errors.Is(err, errWrong):
		f.Error = "The name or the password is wrong."
		w = &statusWriter{w, http.StatusUnauthorized}
	case err != nil:
		g.fail(w, r, err)
		return
	default:
		secret, err := g.reg.StartSession(r.Context(), f.Name, sessionLength, registry.Audit{Who: f.Name, Why: "from " + address(r)})
		if err != nil {
			g.fail(w, r, err)
			return
		}
		http.SetCookie(w, cookie(r, secret, int(sessionLength.Seconds())))
		http.Redirect(w, r, f.Next, http.StatusSeeOther)
		return
	}
	g.opt.SignIn(w, r, f)
}

func (g *Gate) signOut(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(cookieName); err == nil {
		name := From(r.Context()).Name
		if err := g.reg.EndSession(r.Context(), name, c.Value, registry.Audit{Who: name, Why: "from " + address(r)}); err != nil {
			g.fail(w, r, err)
			return
		}
		g.known.drop()
		http.SetCookie(w, cookie(r, "", -1))
	}
	http.Redirect(w, r, SignInPath, http.StatusSeeOther)
}

// cookie is a session's: no script reads it, no other site's form sends it,
// and where the server has TLS it never goes without.
func cookie(r *http.Request, value string, seconds int) *http.Cookie {
	return &http.Cookie{Name: cookieName, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil}
}

// whoami tells a page or a program who it acts for.
func (g *Gate) whoami(w http.ResponseWriter, r *http.Request) {
	p := From(r.Context())
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{ // the client went away
		"name": p.Name, "level": p.levelOn(Resource{}).String(), "csrf": p.CSRF})
}

// checkCSRF refuses what changes something by a session without its second
// secret, which only a page of this server knows.
func checkCSRF(p *Principal, r *http.Request) error {
	if p.CSRF == "" || needs(r) == Read || r.URL.Path == SignInPath {
		return nil
	}
	got := r.Header.Get("X-CSRF-Token")
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case got != "" || err != nil:
	case kind == "application/x-www-form-urlencoded":
		r.Body = http.MaxBytesReader(nil, r.Body, 1<<20)
		got = r.PostFormValue("csrf")
	case kind == "multipart/form-data":
		got = firstPart(r, params["boundary"])
	}
	if subtle.ConstantTimeCompare([]byte(got), []byte(p.CSRF)) != 1 {
		return errors.New("the request lacks the page's CSRF token: load the page again")
	}
	return nil
}

// firstPart is the token of a form with files, which pages put first, so that what
// follows need not be read here.
func firstPart(r *http.Request, boundary string) string {
	const enough = 4 << 10
	body := bufio.NewReaderSize(r.Body, enough)
	begin, _ := body.Peek(enough) // a short body has less, and is enough, too
	r.Body = struct {
		io.Reader
		io.Closer
	}{body, r.Body}
	part, err := multipart.NewReader(bytes.NewReader(begin), boundary).NextPart()
	if err != nil || part.FormName() != "csrf" || part.FileName() != "" {
		return ""
	}
	token, err := io.ReadAll(part)
	if err != nil {
		return ""
	}
	return string(token)
}

// localPath is where to go after signing in: a path of this server, never
// another site.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\t\r\n") {
		return "/"
	}
	return next
}

// statusWriter gives a page a status that it does not know of.
type statusWriter struct {
	http.ResponseWriter
	status int // 0 once it is sent
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status != 0 {
		w.WriteHeader(w.status)
		w.status = 0
	}
	return w.ResponseWriter.Write(b)
}
