package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pipe/registry"
	"pipe/server/auth"
)

func TestServeAnswersAndEnds(t *testing.T) {
	reg, err := registry.Open(context.Background(), filepath.Join(t.TempDir(), "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	ctx, cancel := context.WithCancel(context.Background())
	addr := make(chan string, 1)
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, reg, t.TempDir(), Options{Ready: func(a string) { addr <- a }}) }()
	base := "http://" + <-addr
	res, err := http.Get(base + "/health")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if res.StatusCode != 200 || string(body) != "OK" {
		t.Errorf("health: %d %q", res.StatusCode, body)
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(2 * drain):
		t.Fatal("the server did not end")
	}
}

func TestServeRefusesOtherMachinesWhileThereAreNoUsers(t *testing.T) {
	reg, err := registry.Open(context.Background(), filepath.Join(t.TempDir(), "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	for _, host := range []string{"0.0.0.0", "::", "192.0.2.1", "example.com"} {
		err := Serve(context.Background(), reg, t.TempDir(), Options{Host: host})
		if err == nil || !strings.Contains(err.Error(), "nobody has been set up") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// running starts a server that ends with the test and returns its address.
func running(t *testing.T, reg *registry.Registry, o Options) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	addr, done := make(chan string, 1), make(chan error, 1)
	o.Ready = func(a string) { addr <- a }
	go func() { done <- Serve(ctx, reg, t.TempDir(), o) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case a := <-addr:
		return a
	case err := <-done:
		done <- nil
		t.Fatal(err)
		return ""
	}
}

func openRegistry(t *testing.T) *registry.Registry {
	t.Helper()
	reg, err := registry.Open(t.Context(), filepath.Join(t.TempDir(), "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reg.Close() })
	return reg
}

// Every room is behind the same admission and the same gate.
func TestRoomsAreGuarded(t *testing.T) {
	reg := openRegistry(t)
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, auth.From(r.Context()).Name)
	})
	base := "http://" + running(t, reg, Options{Rooms: []Room{{Name: "hello", Patterns: []string{"/hello"}, Handler: hello}, {Name: "judge", Patterns: []string{"/judge"}, Handler: hello, Judges: true}}})
	call := func(method, path string, change func(*http.Request)) int {
		req, err := http.NewRequest(method, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		change(req)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	plain := func(*http.Request) {}
	for name, change := range map[string]func(*http.Request){
		"host":   func(r *http.Request) { r.Host = "evil.example" },
		"origin": func(r *http.Request) { r.Header.Set("Origin", "http://192.0.2.1") },
		"site":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
	} {
		if got := call("POST", "/hello", change); got != 403 {
			t.Errorf("foreign %s: %d", name, got)
		}
	}
	link := func(r *http.Request) {
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Sec-Fetch-Dest", "document")
	}
	if got := call("GET", "/hello", link); got != 200 {
		t.Errorf("a link from elsewhere: %d", got)
	}
	if got := call("POST", "/hello", plain); got != 200 {
		t.Errorf("without users: %d", got)
	}
	if err := reg.AddUser(t.Context(), registry.User{Name: "bo", Level: "read"}, registry.Audit{}); err != nil {
		t.Fatal(err)
	}
	_, secret, err := reg.AddToken(t.Context(), registry.Token{User: "bo", Level: "write"}, registry.Audit{})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); call("GET", "/hello", plain) != 401; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the first user does not make others sign in")
		}
	}
	bo := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) }
	for _, c := range []struct {
		method, path string
		want         int
	}{{"GET", "/hello", 200}, {"POST", "/hello", 403}, {"POST", "/judge", 200}, {"GET", "/whoami", 200}, {"GET", "/health", 200}} {
		if got := call(c.method, c.path, bo); got != c.want {
			t.Errorf("%s %s by a reader: %d", c.method, c.path, got)
		}
	}
}

// With users, other machines are served, by TLS when there are files for it,
// under the address but under no name that was not allowed.
func TestServeOtherMachinesByTLS(t *testing.T) {
	reg := openRegistry(t)
	if err := reg.AddUser(t.Context(), registry.User{Name: "ada", Level: "admin"}, registry.Audit{}); err != nil {
		t.Fatal(err)
	}
	cert, key := selfSigned(t)
	_, port, _ := net.SplitHostPort(running(t, reg, Options{Host: "0.0.0.0", CertFile: cert, KeyFile: key, AllowedHosts: []string{"pipe.example"}}))
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // the test's own certificate
	for host, want := range map[string]int{"127.0.0.1:" + port: 401, "192.0.2.7": 401, "pipe.example": 401, "evil.example": 403} {
		req, err := http.NewRequest("GET", "https://127.0.0.1:"+port+"/api/2.0/mlflow/experiments/get?experiment_id=0", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		res, err := web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("host %s: %d, want %d", host, res.StatusCode, want)
		}
	}
}

// selfSigned writes a certificate and its key.
func selfSigned(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
