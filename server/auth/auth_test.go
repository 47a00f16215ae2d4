package auth

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pipe/registry"
)

// scene is a gate before a handler that tells who came and what they may do.
type scene struct {
	t     *testing.T
	reg   *registry.Registry
	gate  *Gate
	web   *httptest.Server
	clock time.Time
}

func newScene(t *testing.T) *scene {
	t.Helper()
	reg, err := registry.Open(t.Context(), filepath.Join(t.TempDir(), "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, reg: reg, clock: time.Now()}
	s.gate = New(reg, Options{Now: func() time.Time { return s.clock }, Open: []string{"/style/"}})
	mux := http.NewServeMux()
	for _, p := range Patterns {
		mux.Handle(p, s.gate)
	}
	mux.Handle("/", Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := From(r.Context())
		_, _ = io.WriteString(w, p.Name+" "+p.levelOn(Resource{}).String())
	})))
	s.web = httptest.NewServer(s.gate.Handler(mux))
	t.Cleanup(func() { s.web.Close(); _ = reg.Close() })
	return s
}

func (s *scene) user(name, level string, grants ...registry.Grant) {
	s.t.Helper()
	hash, err := HashPassword("secret of " + name)
	if err == nil {
		err = s.reg.AddUser(context.Background(), registry.User{Name: name, Level: level, Password: hash}, registry.Audit{})
	}
	for _, g := range grants {
		if err == nil {
			err = s.reg.SetGrant(context.Background(), name, g, registry.Audit{})
		}
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.clock = s.clock.Add(2 * fresh)
}

func (s *scene) call(method, path string, change func(*http.Request)) (int, string, *http.Response) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.web.URL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if change != nil {
		change(req)
	}
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(body), res
}

func basic(name, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(name, password) }
}

func bearer(secret string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) }
}

func TestWithoutUsersThePersonAtThisMachineMayDoAll(t *testing.T) {
	s := newScene(t)
	if status, body, _ := s.call("POST", "/x", nil); status != 200 || body != " admin" {
		t.Errorf("%d %q", status, body)
	}
	s.user("ada", "admin")
	if status, _, _ := s.call("POST", "/x", nil); status != 401 {
		t.Errorf("after the first user: %d", status)
	}
}

func TestPasswordsAndTokens(t *testing.T) {
	s := newScene(t)
	s.user("ada", "admin")
	s.user("bo", "read")
	token := func(n registry.Token) (string, string) {
		k, secret, err := s.reg.AddToken(t.Context(), n, registry.Audit{})
		if err != nil {
			t.Fatal(err)
		}
		return k.ID, secret
	}
	id, writer := token(registry.Token{User: "ada", Level: "write"})
	_, reader := token(registry.Token{User: "bo", Level: "write"}) // more than bo may
	_, old := token(registry.Token{User: "ada", Level: "write", Expires: time.Now().Add(-time.Hour)})
	for _, c := range []struct {
		name   string
		method string
		how    func(*http.Request)
		status int
		body   string
	}{
		{"admin by password", "POST", basic("ada", "secret of ada"), 200, "ada admin"},
		{"again, remembered", "POST", basic("ada", "secret of ada"), 200, "ada admin"},
		{"wrong password", "GET", basic("ada", "secret of bo"), 401, ""},
		{"no such user", "GET", basic("eve", "secret of eve"), 401, ""},
		{"reader reads", "GET", basic("bo", "secret of bo"), 200, "bo read"},
		{"reader writes", "POST", basic("bo", "secret of bo"), 403, ""},
		{"token", "POST", bearer(writer), 200, "ada write"},
		{"token as a password", "POST", basic("token", writer), 200, "ada write"},
		{"token above its user", "GET", bearer(reader), 200, "bo read"},
		{"expired token", "GET", bearer(old), 401, ""},
		{"made-up token", "GET", bearer("pipe_x"), 401, ""},
		{"nothing", "GET", nil, 401, ""},
	} {
		status, body, res := s.call(c.method, "/x", c.how)
		if status != c.status || status == 200 && body != c.body {
			t.Errorf("%s: %d %q, want %d %q", c.name, status, body, c.status, c.body)
		}
		if status == 401 && res.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", c.name)
		}
	}
	if err := s.reg.RevokeToken(t.Context(), id, registry.Audit{}); err != nil {
		t.Fatal(err)
	}
	s.clock = s.clock.Add(2 * fresh)
	if status, _, _ := s.call("GET", "/x", bearer(writer)); status != 401 {
		t.Errorf("revoked token: %d", status)
	}
	if err := s.reg.RemoveUser(t.Context(), "bo", registry.Audit{}); err != nil {
		t.Fatal(err)
	}
	s.clock = s.clock.Add(2 * fresh)
	if status, _, _ := s.call("GET", "/x", basic("bo", "secret of bo")); status != 401 {
		t.Errorf("removed user: %d", status)
	}
}

// signIn returns the cookie and the CSRF token of a session.
func (s *scene) signIn(name string) (*http.Cookie, string) {
	s.t.Helper()
	form := url.Values{"name": {name}, "password": {"secret of " + name}, "next": {"/runs?x=1"}}
	status, _, res := s.call("POST", SignInPath, func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body = io.NopCloser(strings.NewReader(form.Encode()))
		r.ContentLength = int64(len(form.Encode()))
	})
	if status != http.StatusSeeOther || res.Header.Get("Location") != "/runs?x=1" || len(res.Cookies()) != 1 {
		s.t.Fatalf("sign in: %d %v", status, res.Header)
	}
	c := res.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
		s.t.Errorf("cookie %v", c)
	}
	_, body, _ := s.call("GET", WhoPath, func(r *http.Request) { r.AddCookie(c) })
	var who map[string]string
	if err := json.Unmarshal([]byte(body), &who); err != nil || who["name"] != name {
		s.t.Fatalf("who: %s %v", body, err)
	}
	return c, who["csrf"]
}

func TestSessions(t *testing.T) {
	s := newScene(t)
	s.user("ada", "admin")
	if status, _, res := s.call("GET", "/runs?x=1", func(r *http.Request) { r.Header.Set("Accept", "text/html") }); status != http.StatusSeeOther ||
		res.Header.Get("Location") != "/signin?next=%2Fruns%3Fx%3D1" {
		t.Errorf("a browser is not sent to the page: %d %v", status, res.Header)
	}
	if status, body, _ := s.call("GET", "/signin?next=//evil.example/", nil); status != 200 || !strings.Contains(body, `name="next" value="/"`) {
		t.Errorf("page: %d %s", status, body)
	}
	for path, want := range map[string]int{"/style/x.css": 200, "/health": 200, "/stylesheet": 401} {
		if status, _, _ := s.call("GET", path, nil); status != want {
			t.Errorf("%s: %d", path, status)
		}
	}
	c, csrf := s.signIn("ada")
	with := func(token string) func(*http.Request) {
		return func(r *http.Request) { r.AddCookie(c); r.Header.Set("X-CSRF-Token", token) }
	}
	for token, want := range map[string]int{csrf: 200, "": 403, "wrong": 403} {
		if status, _, _ := s.call("POST", "/x", with(token)); status != want {
			t.Errorf("POST with token %q: %d", token, status)
		}
	}
	if status, _, _ := s.call("POST", "/x", func(r *http.Request) {
		form := "csrf=" + csrf
		r.AddCookie(c)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(form)), int64(len(form))
	}); status != 200 {
		t.Errorf("form: %d", status)
	}
	for form, want := range map[string]int{
		"--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n" + csrf + "\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n" + strings.Repeat("x", 10_000) + "\r\n--b--\r\n": 200,
		"--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n" + csrf + "\r\n--b--\r\n":                                                   403, // not the first
		"--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nwrong\r\n--b--\r\n":                                                                                                                        403,
		"--b": 403,
	} {
		if status, _, _ := s.call("POST", "/x", func(r *http.Request) {
			r.AddCookie(c)
			r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(form)), int64(len(form))
		}); status != want {
			t.Errorf("a form with files gives %d, want %d:\n%.200q", status, want, form)
		}
	}
	if status, _, _ := s.call("POST", SignOutPath, with("")); status != 403 {
		t.Errorf("sign-out without the token: %d", status)
	}
	if status, _, _ := s.call("POST", SignOutPath, with(csrf)); status != http.StatusSeeOther {
		t.Errorf("sign-out: %d", status)
	}
	if status, _, _ := s.call("GET", "/x", with("")); status != 401 {
		t.Errorf("after the sign-out: %d", status)
	}
	log, err := s.reg.AuditLog(t.Context(), "ada", 10)
	if err != nil || len(log) < 3 || log[0].Action != "signout" || log[1].Action != "signin" {
		t.Errorf("audit: %v %v", log, err)
	}
	c, _ = s.signIn("ada")
	if err := s.reg.SetPassword(t.Context(), "ada", "x", registry.Audit{}); err != nil {
		t.Fatal(err)
	}
	s.clock = s.clock.Add(2 * fresh)
	if status, _, _ := s.call("GET", "/x", with("")); status != 401 {
		t.Errorf("a session outlives the password: %d", status)
	}
}

func TestGuessesHaveToWait(t *testing.T) {
	s := newScene(t)
	s.user("ada", "admin")
	for i := range freeFailures {
		if status, _, _ := s.call("GET", "/x", basic("ada", "guess")); status != 401 {
			t.Fatalf("guess %d: %d", i, status)
		}
	}
	status, _, res := s.call("GET", "/x", basic("ada", "secret of ada"))
	if status != http.StatusTooManyRequests || res.Header.Get("Retry-After") != "1" {
		t.Errorf("the guess after: %d, %q", status, res.Header.Get("Retry-After"))
	}
	s.clock = s.clock.Add(1100 * time.Millisecond)
	if status, _, _ := s.call("GET", "/x", basic("ada", "secret of ada")); status != 200 {
		t.Errorf("after the wait: %d", status)
	}
	log, err := s.reg.AuditLog(t.Context(), "ada", 3)
	if err != nil || len(log) != 3 || log[0].Action != "signin.refused" {
		t.Errorf("audit: %v %v", log, err)
	}
}

func TestLevels(t *testing.T) {
	e := func(id int64, level string) registry.Grant {
		return registry.Grant{Kind: KindExperiment, Name: Experiment(id).Name, Level: level}
	}
	m := func(name, level string) registry.Grant {
		return registry.Grant{Kind: KindModel, Name: name, Level: level}
	}
	for name, c := range map[string]struct {
		b    registry.Bearer
		want map[Resource]Level
		sees registry.Visible // of experiments
	}{
		"grant above": {registry.Bearer{User: registry.User{Level: "read", Grants: []registry.Grant{e(1, "admin"), m("spam", "write")}}},
			map[Resource]Level{{}: Read, Experiment(1): Admin, Experiment(2): Read, Model("spam"): Write}, registry.Visible{}},
		"grant below": {registry.Bearer{User: registry.User{Level: "write", Grants: []registry.Grant{e(1, "none")}}},
			map[Resource]Level{{}: Write, Experiment(1): None, Experiment(2): Write}, registry.Visible{Except: []string{"1"}}},
		"only grants": {registry.Bearer{User: registry.User{Level: "none", Grants: []registry.Grant{e(1, "read")}}},
			map[Resource]Level{{}: None, Experiment(1): Read, Experiment(2): None}, registry.Visible{Only: []string{"1"}}},
		"admin": {registry.Bearer{User: registry.User{Level: "admin", Grants: []registry.Grant{e(1, "none")}}},
			map[Resource]Level{{}: Admin, Experiment(1): Admin}, registry.Visible{}},
		"token": {registry.Bearer{User: registry.User{Level: "admin"}, Token: &registry.Token{Level: "read"}},
			map[Resource]Level{{}: Read, Experiment(1): Read}, registry.Visible{}},
		"scoped token": {registry.Bearer{User: registry.User{Level: "admin"}, Token: &registry.Token{Level: "write", Scoped: true, Grants: []registry.Grant{e(1, "write")}}},
			map[Resource]Level{{}: None, Experiment(1): Write, Experiment(2): None}, registry.Visible{Only: []string{"1"}}},
		"scoped token above its user": {registry.Bearer{User: registry.User{Level: "read"}, Token: &registry.Token{Level: "admin", Scoped: true, Grants: []registry.Grant{e(1, "admin")}}},
			map[Resource]Level{{}: None, Experiment(1): Read}, registry.Visible{Only: []string{"1"}}},
	} {
		p, err := newPrincipal(c.b)
		if err != nil {
			t.Fatal(err)
		}
		for on, want := range c.want {
			if !p.May(want, on) || want < Admin && p.May(want+1, on) {
				t.Errorf("%s: %v is %v, want %v", name, on, p.levelOn(on), want)
			}
		}
		sees := p.Sees(KindExperiment)
		if strings.Join(sees.Only, " ") != strings.Join(c.sees.Only, " ") || (sees.Only == nil) != (c.sees.Only == nil) || strings.Join(sees.Except, " ") != strings.Join(c.sees.Except, " ") {
			t.Errorf("%s: sees %v, want %v", name, sees, c.sees)
		}
	}
}

func TestPasswordHashes(t *testing.T) {
	hash, err := HashPassword("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	other, _ := HashPassword("correct horse")
	if hash == other || strings.Contains(hash, "horse") {
		t.Error("hashes have no salt")
	}
	for password, want := range map[string]bool{"correct horse": true, "correct horsf": false, "": false, strings.Repeat("x", 1<<20): false} {
		if got, err := checkPassword(hash, password); got != want || err != nil {
			t.Errorf("%q: %v %v", password[:min(20, len(password))], got, err)
		}
	}
	for _, bad := range []string{"plain", "$argon2id$v=19$m=99999999,t=2,p=1$AA$AA", "$argon2i$v=19$m=1,t=1,p=1$AA$AA"} {
		if _, err := checkPassword(bad, "x"); err == nil {
			t.Errorf("%q was accepted as a hash", bad)
		}
	}
	if ok, err := checkPassword("", ""); ok || err != nil {
		t.Errorf("a user without a password signs in by an empty one: %v %v", ok, err)
	}
	for _, bad := range []string{"short", strings.Repeat("x", maxPassword+1)} {
		if _, err := HashPassword(bad); err == nil {
			t.Errorf("a password of %d characters was accepted", len(bad))
		}
	}
}

func TestRequestsFromElsewhereAreBounded(t *testing.T) {
	b := newBuckets(3)
	now := time.Now()
	from := func(address string) *http.Request { return &http.Request{RemoteAddr: address} }
	for i := range 5 {
		if got := b.take("", from("192.0.2.1:7"), now); got != (i < 3) {
			t.Errorf("request %d: %v", i, got)
		}
		if !b.take("", from("127.0.0.1:7"), now) {
			t.Error("this machine is bounded")
		}
	}
	if !b.take("", from("192.0.2.2:7"), now) || !b.take("ada", from("192.0.2.1:7"), now) || !b.take("", from("192.0.2.1:7"), now.Add(400*time.Millisecond)) {
		t.Error("another address, a user, or a later request is refused")
	}
}
