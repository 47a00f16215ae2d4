package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pipe/dag"
	"pipe/registry"
	"pipe/workspace"
)

// TestAlertsAreSent lets a schedule be late, fail and recover, and reads what
// arrives at a webhook.
func TestAlertsAreSent(t *testing.T) {
	type letter struct {
		Text        string `json:"text"`
		Attachments []struct {
			Color  string `json:"color"`
			Text   string `json:"text"`
			Fields []struct {
				Title string `json:"title"`
				Value string `json:"value"`
			} `json:"fields"`
		} `json:"attachments"`
	}
	arrived := make(chan letter, 16)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var l letter
		if err := json.NewDecoder(r.Body).Decode(&l); err != nil {
			t.Error(err)
		}
		arrived <- l
	}))
	defer hook.Close()

	w := inFolder(t)
	put(t, w.Registry, "m", dag.Schedule{Cron: "0 * * * *", Deadline: dag.Duration(7 * time.Minute)})
	teller, err := NewTeller(w, []string{"https://hooks.example.org/x"}, nil, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	teller.always[0].Webhook, teller.always[0].AllowPrivate = hook.URL, true // a server of this machine, which no word can name
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go teller.Run(ctx)

	var fail atomic.Bool
	fail.Store(true)
	release := make(chan struct{})
	runner := &fakeRunner{do: func(ctx context.Context, _ Job) error {
		select {
		case <-release:
		case <-ctx.Done():
			return ctx.Err()
		}
		if fail.Load() {
			return errors.New("no disk")
		}
		return nil
	}}
	clock := &fakeClock{now: epoch}
	lead(t, Options{Registry: w.Registry, Runner: runner, Clock: clock, Tell: teller.Tell})

	// next reads what arrives next: the title, the colour, and a fact or two.
	next := func(title string, parts ...string) {
		t.Helper()
		select {
		case l := <-arrived:
			b, _ := json.Marshal(l)
			for _, part := range append(parts, title) {
				if !strings.Contains(string(b), part) {
					t.Errorf("no %q in %s", part, b)
				}
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("nothing arrived: %s", title)
		}
	}
	clock.Advance(time.Hour)
	eventually(t, "it runs", func() bool { return runner.count() == 1 })
	clock.Advance(8 * time.Minute)
	next("m is late: its run of 2026-03-01 01:00:00Z has not ended within 7m", "it is running")
	close(release)
	next("m failed: its run of 2026-03-01 01:00:00Z", "no disk", "attempts")
	// A second failure in a row is not told again.
	clock.Advance(52 * time.Minute)
	eventually(t, "it fails again", func() bool { return states(fires(t, w.Registry, registry.FireQuery{}))[registry.FireFailed] == 2 })
	fail.Store(false)
	clock.Advance(time.Hour)
	next("m works again: its run of 2026-03-01 03:00:00Z is done", "scheduled for")
	select {
	case l := <-arrived:
		t.Errorf("told once too often: %+v", l)
	case <-time.After(50 * time.Millisecond):
	}
}

// The targets of an entry are read from its file when there is something to
// tell: an address that has changed is the new one, and none is in the registry.
func TestAlertOfTheFile(t *testing.T) {
	w := inFolder(t)
	teller, err := NewTeller(w, nil, nil, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	job := Job{Pipeline: "p", File: "p.yaml", Spec: dag.Schedule{Name: "b"}}
	for address, private := range map[string]bool{
		"https://one.example.org/x": false, "https://two.example.org/x": false,
		"{ webhook: http://10.0.0.3/x, allow_private: true, headers: { X-Team: ml } }": true,
		"[{ webhook: http://10.0.0.3/x, allow_private: true }]":                        true,
	} {
		write(t, "p.yaml", `pipeline: p
stages:
  s: { uses: exec, with: { run: ["true"] } }
schedule:
  - { name: a, cron: "@daily", alert: mailto:a@example.org }
  - { name: b, cron: "@daily", alert: `+address+` }
`)
		got := teller.own(context.Background(), News{Kind: NewsFailed, Job: job})
		if len(got) != 1 || !strings.Contains(address, got[0].Webhook) || got[0].AllowPrivate != private || private && got[0].Tries != 3 {
			t.Errorf("targets %+v, want %s", got, address)
		}
	}
	write(t, "p.yaml", "pipeline: p\nschedule: { cron: \"@daily\", alert: { webhook: http://10.0.0.3/x } }\nstages:\n  s: { uses: exec, with: { run: [\"true\"] } }\n")
	if _, err := workspace.LoadFile(context.Background(), "p.yaml", dag.LoadOptions{}); err == nil || !strings.Contains(err.Error(), "p.yaml:2:47: webhook: 10.0.0.3 is an address of this machine") {
		t.Errorf("a private address that nobody allows: %v", err)
	}
	if _, err := NewTeller(w, []string{"pager"}, nil, slog.Default()); err == nil || !strings.Contains(err.Error(), "--alert: expected http://") {
		t.Errorf("of a word that is no target: %v", err)
	}
}
