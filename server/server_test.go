package server

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pipe/registry"
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

func TestServeRefusesOtherMachines(t *testing.T) {
	for _, host := range []string{"0.0.0.0", "::", "192.0.2.1", "example.com"} {
		err := Serve(context.Background(), nil, t.TempDir(), Options{Host: host})
		if err == nil || !strings.Contains(err.Error(), "is not a loopback address") {
			t.Errorf("%s: %v", host, err)
		}
	}
}
