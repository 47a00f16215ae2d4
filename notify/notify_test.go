package notify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pipe/dag"
	"pipe/dag/text"
)

var message = Message{Title: "spam failed", Text: "stage <train> failed", Level: Bad, Time: time.Unix(1_700_000_000, 0).UTC(),
	Fields: []Field{{"run", "6d39c493"}, {"accuracy", "0.91"}}}

// noWait makes retries immediate and notes what would have been waited.
func noWait(waits *[]time.Duration) func(context.Context, time.Duration) error {
	return func(_ context.Context, d time.Duration) error { *waits = append(*waits, d); return nil }
}

// decode reads a target as a pipeline file spells it.
func decode(t *testing.T, src string) (Target, string) {
	t.Helper()
	var ps text.Problems
	n := text.Parse(&text.File{Name: "t", Data: []byte("to: " + src)}, &ps)
	var form struct {
		To Target `yaml:"to"`
	}
	(&text.Decoder{Problems: &ps}).Decode(n, &form)
	if err := ps.Err(); err != nil {
		return form.To, err.Error()
	}
	return form.To, ""
}

func TestSpellings(t *testing.T) {
	for src, want := range map[string]string{
		`"https://hooks.example.org/services/T1/secret"`:                   "webhook hooks.example.org",
		`mailto:ops@example.org,a@example.org`:                             "e-mail to ops@example.org, a@example.org",
		`{ webhook: "http://10.0.0.7/x", allow_private: true }`:            "webhook 10.0.0.7",
		`{ email: ops@example.org, server: "smtp.example.org:587" }`:       "e-mail to ops@example.org",
		`{ command: [./tell.sh, all], timeout: 3s }`:                       "command ./tell.sh",
		`{ webhook: "https://user:pw@example.org/x", headers: { A: "b" }}`: "webhook example.org",
	} {
		got, problem := decode(t, src)
		if problem != "" || got.String() != want || got.Tries != 3 {
			t.Errorf("%s: %q (%d tries) %s, want %q", src, got, got.Tries, problem, want)
		}
	}
	for src, want := range map[string]string{
		`somebody`:        "expected http://…, https://… or mailto:ADDRESS",
		`{ timeout: 3s }`: "name one of webhook, email and command",
		`{ webhook: "https://x.org", command: [a] }`:     "name one of webhook, email and command",
		`{ webhook: "ftp://x.org/a" }`:                   "an address begins with http:// or https://",
		`{ email: [nobody] }`:                            `t:1:15: email: "nobody" is no address`,
		`{ email: a@x.org, server: smtp }`:               `t:1:31: server: "smtp" is not host:port`,
		`{ webhok: "https://x.org" }`:                    `did you mean "webhook"?`,
		`{ webhook: "http://169.254.169.254/latest" }`:   "metadata service",
		`"http://localhost:8080/"`:                       "allow_private",
		`"http://[::ffff:127.0.0.1]/"`:                   "allow_private",
		`"http://metadata.google.internal/computeMeta"`:  "allow_private",
		`{ webhook: "https://x.org", tries: 0 }`:         "at least 1",
		`{ email: a@x.org, tls: ssl }`:                   "one of starttls, tls, none",
		`{ email: a@x.org, from: "x" }`:                  `"x" is no address`,
		`[ "https://x.org" ]`:                            "expected a map, found a list",
		`{ webhook: "http://u:secretpw@[fe80::1%eth0/"}`: "this is no address",
	} {
		if _, problem := decode(t, src); !strings.Contains(problem, want) || strings.Contains(problem, "secretpw") {
			t.Errorf("%s: %q, want %q", src, problem, want)
		}
	}
}

func TestWebhookPostsSlackJSON(t *testing.T) {
	var got map[string]any
	var header http.Header
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		b, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(b, &got); err != nil {
			t.Errorf("%v in %s", err, b)
		}
	}))
	defer s.Close()
	target, problem := decode(t, `{ webhook: "`+s.URL+`/hook", allow_private: true, headers: { Authorization: Bearer x } }`)
	if problem != "" {
		t.Fatal(problem)
	}
	if err := target.Send(context.Background(), message); err != nil {
		t.Fatal(err)
	}
	a := got["attachments"].([]any)[0].(map[string]any)
	if got["text"] != "spam failed" || a["color"] != "danger" || a["text"] != "stage &lt;train&gt; failed" || len(a["fields"].([]any)) != 2 || a["ts"] != 1.7e9 {
		t.Errorf("posted %v", got)
	}
	if header.Get("Authorization") != "Bearer x" || !strings.HasPrefix(header.Get("Content-Type"), "application/json") {
		t.Errorf("header %v", header)
	}
}

func TestRetries(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers []int
		after   string
		waits   []time.Duration
		want    string // of the error
	}{
		{name: "busy twice", answers: []int{503, 500, 200}, waits: []time.Duration{firstWait, 2 * firstWait}},
		{name: "told when", answers: []int{429, 200}, after: "7", waits: []time.Duration{7 * time.Second}},
		{name: "told much later", answers: []int{429}, after: "3600", want: "429 Too Many Requests"},
		{name: "always busy", answers: []int{503, 503, 503}, waits: []time.Duration{firstWait, 2 * firstWait}, want: "tried 3 times, the last time so: the server answered 503"},
		{name: "refused", answers: []int{404}, want: "the server answered 404 Not Found: no such hook"},
		{name: "sent elsewhere", answers: []int{302}, want: "the server answered 302"},
	} {
		calls := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://169.254.169.254/")
			w.Header().Set("Retry-After", c.after)
			code := c.answers[min(calls, len(c.answers)-1)]
			calls++
			w.WriteHeader(code)
			if code == 404 {
				io.WriteString(w, "no such hook")
			}
		}))
		var waits []time.Duration
		target := Target{Webhook: s.URL + "/services/T0/verysecret", AllowPrivate: true, Timeout: dag.Duration(10 * time.Second), Tries: 3, Sleep: noWait(&waits)}
		err := target.Send(context.Background(), message)
		s.Close()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if calls != len(c.answers) || len(waits) != len(c.waits) {
			t.Errorf("%s: %d calls with the waits %v", c.name, calls, waits)
		}
		for i := range waits {
			if waits[i] != c.waits[i] {
				t.Errorf("%s: waits %v, want %v", c.name, waits, c.waits)
			}
		}
		if err != nil && strings.Contains(err.Error(), "verysecret") {
			t.Errorf("%s: the error tells the address: %v", c.name, err)
		}
	}
}

// TestPrivateAddressesAreNotReached resolves a name that is public by its
// spelling; what counts is where it leads.
func TestPrivateAddressesAreNotReached(t *testing.T) {
	reached := false
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer s.Close()
	target := Target{Webhook: s.URL, Timeout: dag.Duration(5 * time.Second), Tries: 3, AllowPrivate: false}
	resp, err := target.client().Get(s.URL) // past the check of the spelling
	if err == nil {
		resp.Body.Close()
	}
	var private *PrivateError
	if !errors.As(err, &private) || reached {
		t.Errorf("%v, reached %v", err, reached)
	}
	if err := target.Send(context.Background(), message); !errors.As(err, &private) {
		t.Errorf("Send: %v", err)
	}
}

func TestPrivate(t *testing.T) {
	for a, want := range map[string]bool{"8.8.8.8": false, "2606:4700::1111": false, "127.0.0.1": true, "10.1.2.3": true, "172.31.0.1": true, "172.32.0.1": false, "192.168.1.1": true,
		"169.254.169.254": true, "100.100.100.200": true, "fd00:ec2::254": true, "fe80::1": true, "::1": true, "::": true, "0.1.2.3": true, "::ffff:10.0.0.1": true,
		"64:ff9b::a9fe:a9fe": true, "224.0.0.1": true, "255.255.255.255": true, "2002:7f00:1::": true} {
		if got := private(netip.MustParseAddr(a)); got != want {
			t.Errorf("private(%s) = %v", a, got)
		}
	}
}

func TestStalledServer(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer s.Close()
	defer close(release)
	target := Target{Webhook: s.URL, AllowPrivate: true, Timeout: dag.Duration(50 * time.Millisecond), Tries: 1}
	if err := target.Send(context.Background(), message); err == nil || !strings.Contains(err.Error(), "longer than 50ms") {
		t.Errorf("%v", err)
	}
}

func TestCommand(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	target, problem := decode(t, `{ command: [sh, -c, 'cat > "$1"; printf "%s|%s" "$PIPE_NOTIFY_LEVEL" "$PIPE_NOTIFY_TITLE" >> "$1"', sh, "`+out+`"] }`)
	if problem != "" {
		t.Fatal(problem)
	}
	if err := target.Send(context.Background(), message); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	line, rest, _ := strings.Cut(string(got), "\n")
	var m Message
	if err := json.Unmarshal([]byte(line), &m); err != nil || m.Title != "spam failed" || len(m.Fields) != 2 || rest != "bad|spam failed" {
		t.Errorf("the program read %q (%v)", got, err)
	}
	for command, want := range map[string]string{`[sh, -c, 'echo no money; exit 3']`: "exit status 3: no money", `[no-such-program-here]`: "no-such-program-here"} {
		target, _ := decode(t, "{ command: "+command+" }")
		if err := target.Send(context.Background(), message); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", command, err)
		}
	}
	target, _ = decode(t, `{ command: [sh, -c, "sleep 60 & wait"], timeout: 100ms, tries: 1 }`)
	if err := target.Send(context.Background(), message); err == nil || !strings.Contains(err.Error(), "longer than 100ms") {
		t.Errorf("a command that does not end: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"https://x.org/a", "mailto:a@x.org", "http://[::1]:80/", "http://u:p@h/%zz", "mailto:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		target, err := Parse(s)
		if err == nil && target.Webhook == "" && len(target.Email) == 0 {
			t.Errorf("%q is accepted and goes nowhere", s)
		}
		_ = target.String()
	})
}

func TestParseFlag(t *testing.T) {
	got, err := ParseFlag(`{webhook: "http://10.0.0.3/x", allow_private: true}`)
	if err != nil || got.Webhook != "http://10.0.0.3/x" || !got.AllowPrivate || got.Tries != 3 {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := ParseFlag("https://example.org/x"); err != nil || got.Webhook != "https://example.org/x" {
		t.Errorf("%+v %v", got, err)
	}
	for s, want := range map[string]string{
		`{webhook: "http://10.0.0.3/x"}`: "allow_private",
		`{webhok: x}`:                    "webhook",
		`{webhook: `:                     "not valid YAML",
		"pager":                          "expected http://",
	} {
		if _, err := ParseFlag(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", s, err)
		}
	}
}
