package fetch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	_ "gocloud.dev/blob/s3blob"
)

func sum(b []byte) string { h := sha256.Sum256(b); return hex.EncodeToString(h[:]) }

var content = bytes.Repeat([]byte("a line of a file that is fetched\n"), 5000)

func parse(t testing.TB, s string) *Address {
	t.Helper()
	a, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func options() Options {
	return Options{Stall: 300 * time.Millisecond, Env: func(string) string { return "" }}
}

func get(t testing.TB, address string, o Options) ([]byte, Result, error) {
	t.Helper()
	file, r, err := Get(context.Background(), parse(t, address), t.TempDir(), o)
	if err != nil {
		return nil, r, err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b, r, nil
}

// A server that breaks off again and again is asked for the rest, and for no
// byte twice.
func TestDownloadResumes(t *testing.T) {
	var sent atomic.Int64
	var requests atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		w.Header().Set("ETag", `"v1"`)
		http.ServeContent(&cut{ResponseWriter: w, left: 60_000, sent: &sent}, r, "x", time.Time{}, bytes.NewReader(content))
	}))
	defer s.Close()
	b, r, err := get(t, s.URL+"/data.csv", options())
	if err != nil || !bytes.Equal(b, content) || r.SHA256 != sum(content) || r.Name != "data.csv" {
		t.Fatalf("%v: %d bytes", err, len(b))
	}
	if requests.Load() != 3 || sent.Load() != int64(len(content)) {
		t.Errorf("%d requests for %d bytes of %d", requests.Load(), sent.Load(), len(content))
	}
}

// cut breaks the connection off after some bytes.
type cut struct {
	http.ResponseWriter
	left int
	sent *atomic.Int64
}

func (c *cut) Write(b []byte) (int, error) {
	n := min(len(b), c.left)
	c.left -= n
	c.sent.Add(int64(n))
	if _, err := c.ResponseWriter.Write(b[:n]); err != nil {
		return n, err
	}
	if n < len(b) {
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, nil
}

// A file that changes between two parts is fetched anew, never mixed.
func TestChangedFileIsNotMixed(t *testing.T) {
	var requests atomic.Int64
	other := bytes.ToUpper(content)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 1 {
			w.Header().Set("ETag", `"v1"`)
			http.ServeContent(&cut{ResponseWriter: w, left: 1000, sent: new(atomic.Int64)}, r, "x", time.Time{}, bytes.NewReader(content))
			return
		}
		w.Header().Set("ETag", `"v2"`)
		http.ServeContent(w, r, "x", time.Time{}, bytes.NewReader(other))
	}))
	defer s.Close()
	if b, _, err := get(t, s.URL, options()); err != nil || !bytes.Equal(b, other) {
		t.Errorf("%v: %d bytes", err, len(b))
	}
	// And one that is not what the lock says is refused, with both digests.
	o := options()
	o.SHA256 = sum(content)
	_, _, err := get(t, s.URL, o)
	var ce *ChangedError
	if !errors.As(err, &ce) || !strings.Contains(err.Error(), sum(content)) || !strings.Contains(err.Error(), sum(other)) {
		t.Error(err)
	}
}

func TestBadServers(t *testing.T) {
	hang := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/stalls", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "some bytes")
		w.(http.Flusher).Flush()
		<-hang
	})
	mux.HandleFunc("/silent", func(w http.ResponseWriter, r *http.Request) { <-hang })
	mux.HandleFunc("/short", func(w http.ResponseWriter, r *http.Request) {
		c, buf, _ := w.(http.Hijacker).Hijack()
		buf.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
		buf.Flush()
		c.Close()
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/busy", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	mux.HandleFunc("/range", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Range", "bytes 7-9/10")
		w.WriteHeader(http.StatusPartialContent)
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	defer close(hang)
	o := options()
	o.Stall = 50 * time.Millisecond
	for path, want := range map[string]string{
		"/stalls": "no byte came for 50ms",
		"/silent": "timeout awaiting response headers",
		"/short":  "unexpected EOF",
		"/loop":   "it leads from one address to the next, ten times",
		"/busy":   "the server answered 503 Service Unavailable",
		"/gone":   "the server answered 404 Not Found",
		"/range":  "the server answered with another range than was asked for",
	} {
		address := strings.Replace(s.URL, "http://", "http://user:hunter2@", 1) + path + "?token=hunter3"
		_, _, err := get(t, address, o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
			continue
		}
		if strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: the error tells a secret: %v", path, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, _, err := Get(ctx, parse(t, s.URL+"/silent"), t.TempDir(), Options{Env: os.Getenv}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"https://example.org/a%20b.csv#x":   "https://example.org/a%20b.csv",
		"https://u:p@example.org/x?sig=abc": "https://u:xxxxx@example.org/x?…",
	} {
		if got := parse(t, in).String(); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"ftp://example.org/x":      `"ftp://example.org/x" begins with none of the schemes http, https, s3, gs, azblob, file, hf and pkg`,
		"data.csv":                 `"data.csv" begins with none of`,
		"https:///x":               `"https:///x" names no host`,
		"http://u:secret@[::1/x":   "the address is no URL: missing ']' in host",
		"pkg:pypi/name":            `"pkg:pypi/name" is not pkg:pypi/NAME@VERSION`,
		"pkg:cargo/name@1":         `is not pkg:pypi/NAME@VERSION`,
		"pkg:pypi/--index-url=x@1": `is not pkg:pypi/NAME@VERSION`,
		"hf://owner/file":          `"hf://owner/file" is not hf://owner/name@revision/file`,
	} {
		if _, err := Parse(in); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
	for in, want := range map[string]string{
		"hf://owner/name@v1/a/b.bin":         "https://hub.example/owner/name/resolve/v1/a/b.bin",
		"hf://owner/name/b.bin":              "https://hub.example/owner/name/resolve/main/b.bin",
		"hf://datasets/owner/name@x/d/t.csv": "https://hub.example/datasets/owner/name/resolve/x/d/t.csv",
	} {
		u, err := hubURL(parse(t, in).url, "https://hub.example")
		if err != nil || u.String() != want {
			t.Errorf("%s: %v, %v", in, u, err)
		}
	}
}

// A server that behaves like a hub: a redirect to where large files lie, and a
// token that opens what is private.
func TestHub(t *testing.T) {
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	defer s.Close()
	mux.HandleFunc("/owner/name/resolve/v1/model.bin", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hf_secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, "/storage/1", http.StatusFound)
	})
	mux.HandleFunc("/storage/1", func(w http.ResponseWriter, r *http.Request) { w.Write(content) })
	o := options()
	env := map[string]string{"HF_ENDPOINT": s.URL}
	o.Env = func(name string) string { return env[name] }
	if _, _, err := get(t, "hf://owner/name@v1/model.bin", o); err == nil || !strings.Contains(err.Error(), "401 Unauthorized") {
		t.Error(err)
	}
	env["HF_TOKEN"] = "hf_secret"
	if b, r, err := get(t, "hf://owner/name@v1/model.bin", o); err != nil || !bytes.Equal(b, content) || r.Name != "model.bin" {
		t.Errorf("%v: %d bytes, %s", err, len(b), r.Name)
	}
}

func TestBucket(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.csv"), content, 0o666); err != nil {
		t.Fatal(err)
	}
	if b, _, err := get(t, "file://"+filepath.ToSlash(dir)+"/x.csv", options()); err != nil || !bytes.Equal(b, content) {
		t.Errorf("%v: %d bytes", err, len(b))
	}
	if _, _, err := get(t, "file://"+filepath.ToSlash(dir)+"/y.csv", options()); err == nil || !strings.HasSuffix(err.Error(), "there is no such object") {
		t.Error(err)
	}
}

// The program brings the drivers of clouds (artifacts/remote); here the test does.
func TestS3(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	backend := s3mem.New()
	if err := backend.CreateBucket("data"); err != nil {
		t.Fatal(err)
	}
	if _, err := backend.PutObject("data", "a/x.csv", nil, bytes.NewReader(content), int64(len(content)), nil); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	defer server.Close()
	settings := "?region=us-east-1&use_path_style=true&endpoint=" + url.QueryEscape(server.URL)
	if b, _, err := get(t, "s3://data/a/x.csv"+settings, options()); err != nil || !bytes.Equal(b, content) {
		t.Errorf("%v: %d bytes", err, len(b))
	}
	if _, _, err := get(t, "s3://data/a/y.csv"+settings, options()); err == nil || !strings.HasSuffix(err.Error(), "there is no such object") {
		t.Error(err)
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), LockName)
	a := parse(t, "https://user:pw@example.org/x.csv?page=2&X-Amz-Signature=abc")
	for range 2 {
		if err := Remember(path, a, func(e *Entry) { e.SHA256, e.Size = sum(content), 7 }); err != nil {
			t.Fatal(err)
		}
	}
	e, ok, err := Locked(path, parse(t, "https://example.org/x.csv?page=2&X-Amz-Signature=def"))
	if err != nil || !ok || e.Size != 7 {
		t.Errorf("%v %v %+v", err, ok, e)
	}
	b, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(b), "pw") || strings.Contains(string(b), "abc") {
		t.Errorf("%v: %s", err, b)
	}
	for content, want := range map[string]string{
		"{":             "unexpected end of JSON input",
		`{"version":9}`: "has version 9 and this pipe reads 1",
		`{"version":1,"fetched":{"x":{"sha256":"7"}}}`: `the sha256 of "x" is "7", which is none`,
	} {
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadLock(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", content, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"https://example.org/x#y", "pkg:npm/@scope/name@1.0.0", "hf://a/b@c/d", "s3://bucket/key?region=x", "file:///x", "pkg:golang/gopkg.in/yaml.v3@v3.0.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		if err != nil {
			return
		}
		_, _ = a.Name(), a.lockKey()
		if p := a.url.User; p != nil {
			if pw, ok := p.Password(); ok && len(pw) > 8 && strings.Contains(a.String(), url.QueryEscape(pw)) && !strings.Contains(a.url.Path+a.url.Host, pw) {
				t.Errorf("%s shows its password: %s", s, a)
			}
		}
	})
}

func ExampleAddress_Name() {
	a, _ := Parse("https://example.org/data/reviews.csv.gz")
	fmt.Println(a.Name())
	// Output: reviews.csv.gz
}
