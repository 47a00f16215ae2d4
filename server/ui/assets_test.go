package ui

import (
	"crypto/sha256"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// TestVendored: the chart library is the file that uplot.md speaks of.
func TestVendored(t *testing.T) {
	about, err := os.ReadFile("uplot.md")
	if err != nil {
		t.Fatal(err)
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(statics()["uplot.js"].plain)); !strings.Contains(string(about), sum) {
		t.Errorf("static/uplot.js has the SHA-256 %s, which uplot.md does not name", sum)
	}
}

// TestWeight: what a page needs is small, however it is measured: the goal is
// 150 kB and ten requests; these are bounds that a careless addition breaks.
func TestWeight(t *testing.T) {
	x := newSite(t, plain)
	sum := 0
	for _, f := range statics() {
		sum += len(f.gzip)
	}
	if sum > 60_000 {
		t.Errorf("all static files together are %d bytes compressed", sum)
	}
	for name, path := range x.paths(plain) {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Accept-Encoding", "gzip")
		w := httptest.NewRecorder()
		x.s.ServeHTTP(w, r)
		if n := w.Body.Len(); n > 30_000 {
			t.Errorf("%s: %d bytes compressed", name, n)
		}
	}
}

// TestStaticFiles: an address with the file's hash is kept for ever, any other
// is not answered.
func TestStaticFiles(t *testing.T) {
	x := newSite(t, plain)
	res := x.do(httptest.NewRequest("GET", asset("pipe.css"), nil))
	if res.StatusCode != 200 || !strings.Contains(res.Header.Get("Cache-Control"), "immutable") || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/css") {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	for _, path := range []string{"/static/pipe.css", "/static/000000000000/pipe.css", "/static/x/../../ui.go", "/static/"} {
		if res := x.do(httptest.NewRequest("GET", path, nil)); res.StatusCode == 200 {
			t.Errorf("%s is answered", path)
		}
	}
}
