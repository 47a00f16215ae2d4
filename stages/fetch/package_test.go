package fetch

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// zipped makes a zip of files in their order.
func zipped(t *testing.T, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// fromRegistry fetches a package and gives one file of it.
func fromRegistry(t *testing.T, address, want string) (Result, string, error) {
	t.Helper()
	a, err := Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	file, r, err := Get(context.Background(), a, t.TempDir(), Options{SHA256: want, Env: os.Getenv})
	if err != nil {
		return r, "", err
	}
	place := filepath.Join(t.TempDir(), r.Name)
	if err := os.Rename(file, place); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "unpacked")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	member, err := Unpack(place, dir, a.Member, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(member)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(b), nil
}

// expectPackage fetches a package twice, the second time by its digest, then by a
// wrong digest, and then one that is not there.
func expectPackage(t *testing.T, address, name, content, missing string) {
	t.Helper()
	r, got, err := fromRegistry(t, address, "")
	if err != nil || got != content || r.Name != name {
		t.Fatalf("%q in %s, %v", got, r.Name, err)
	}
	if _, got, err = fromRegistry(t, address, r.SHA256); err != nil || got != content {
		t.Errorf("by its digest: %q %v", got, err)
	}
	wrong := strings.Repeat("0", 64)
	if _, _, err = fromRegistry(t, address, wrong); err == nil || !strings.Contains(err.Error(), wrong) || !strings.Contains(err.Error(), r.SHA256) {
		t.Errorf("another digest: %v", err)
	}
	if _, _, err = fromRegistry(t, missing, ""); err == nil || !strings.Contains(err.Error(), "fetch pkg:") {
		t.Errorf("%s: %v", missing, err)
	}
}

// TestPyPI has pip fetch from a registry of the test's own, by its configuration.
func TestPyPI(t *testing.T) {
	python := os.Getenv("PIPE_PYTHON")
	if python == "" {
		python = "python3"
	}
	if exec.Command(python, "-m", "pip", "--version").Run() != nil {
		t.Skip("skipped: there is no Python with pip")
	}
	const info = "tiny-1.2.dist-info/"
	wheel := zipped(t, "tiny/data.csv", "a\n1\n", info+"METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.2\n", info+"WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n", info+"RECORD", "")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/simple/tiny/":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, `<!DOCTYPE html><html><body><a href="/files/tiny-1.2-py3-none-any.whl#sha256=%x">tiny-1.2-py3-none-any.whl</a></body></html>`, sha256.Sum256(wheel))
		case "/files/tiny-1.2-py3-none-any.whl":
			_, _ = w.Write(wheel)
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	for name, value := range map[string]string{"PIP_INDEX_URL": s.URL + "/simple/", "PIP_CONFIG_FILE": os.DevNull, "PIP_EXTRA_INDEX_URL": "", "PIP_NO_CACHE_DIR": "1", "PIP_RETRIES": "0", "NO_PROXY": "127.0.0.1"} {
		t.Setenv(name, value)
	}
	expectPackage(t, "pkg:pypi/tiny@1.2#tiny/data.csv", "tiny-1.2-py3-none-any.whl", "a\n1\n", "pkg:pypi/tiny@9.9")
}

// TestNPM has npm fetch from a registry of the test's own. A script of the
// package would fail it.
func TestNPM(t *testing.T) {
	if exec.Command("npm", "--version").Run() != nil {
		t.Skip("skipped: there is no npm")
	}
	manifest := `{"name":"@data/tiny","version":"1.2.0","scripts":{"prepack":"exit 1","prepare":"exit 1","postinstall":"exit 1"}}`
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, content := range map[string]string{"package/package.json": manifest, "package/data.csv": "a\n2\n"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if w.Close() != nil || z.Close() != nil {
		t.Fatal("the package could not be made")
	}
	tarball := b.Bytes()
	sum := sha512.Sum512(tarball)
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/@data/tiny", "/@data%2ftiny":
			_ = json.NewEncoder(w).Encode(map[string]any{"name": "@data/tiny", "dist-tags": map[string]string{"latest": "1.2.0"}, "versions": map[string]any{
				"1.2.0": map[string]any{"name": "@data/tiny", "version": "1.2.0", "dist": map[string]string{"tarball": s.URL + "/files/tiny-1.2.0.tgz", "integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:])}}}})
		case "/files/tiny-1.2.0.tgz":
			_, _ = w.Write(tarball)
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	for name, value := range map[string]string{"npm_config_registry": s.URL + "/", "npm_config_cache": t.TempDir(), "npm_config_userconfig": os.DevNull, "npm_config_fetch_retries": "0", "npm_config_noproxy": "127.0.0.1", "npm_config_update_notifier": "false"} {
		t.Setenv(name, value)
	}
	expectPackage(t, "pkg:npm/@data/tiny@1.2.0#package/data.csv", "data-tiny-1.2.0.tgz", "a\n2\n", "pkg:npm/@data/tiny@9.9.9")
}

// TestGoModule has go fetch from a proxy of files.
func TestGoModule(t *testing.T) {
	if exec.Command("go", "version").Run() != nil {
		t.Skip("skipped: there is no go")
	}
	proxy := t.TempDir()
	dir := filepath.Join(proxy, "example.org", "tiny", "@v")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	const root = "example.org/tiny@v1.2.0/"
	for name, content := range map[string]string{"list": "v1.2.0\n", "v1.2.0.info": `{"Version":"v1.2.0","Time":"2026-01-02T03:04:05Z"}`, "v1.2.0.mod": "module example.org/tiny\n",
		"v1.2.0.zip": string(zipped(t, root+"go.mod", "module example.org/tiny\n", root+"data.csv", "a\n3\n"))} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range map[string]string{"GOPROXY": "file://" + proxy, "GOMODCACHE": t.TempDir(), "GOSUMDB": "off", "GONOPROXY": "none", "GOPRIVATE": "", "GOFLAGS": "-modcacherw"} {
		t.Setenv(name, value)
	}
	expectPackage(t, "pkg:golang/example.org/tiny@v1.2.0#"+root+"data.csv", "v1.2.0.zip", "a\n3\n", "pkg:golang/example.org/tiny@v9.9.9")
}
