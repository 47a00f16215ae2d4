package inference

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pipe/registry"
)

// A hundred swaps under load fail no request, and each answer is one of the
// version that its header names.
func TestSwapsUnderLoadFailNoRequest(t *testing.T) {
	b := newBench(t, nil)
	const versions = 4
	for range versions {
		b.register("m", &fake{})
	}
	for digest, m := range b.models {
		n, _ := strconv.ParseInt(string(digest), 16, 64)
		m.(*fake).answer = fmt.Sprint("version ", n)
	}
	b.alias("m", "champion", 1)
	b.deploy("m", "")
	ctx, stop := context.WithCancel(context.Background())
	go b.Run(ctx)
	var wait sync.WaitGroup
	var answered, failed atomic.Int64
	seen := sync.Map{}
	for range 8 {
		wait.Go(func() {
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				res, err := client.Post(b.web.URL+"/predict/m", asJSON, strings.NewReader(`{"text":"x"}`))
				if err != nil {
					failed.Add(1)
					t.Error(err)
					return
				}
				body, _ := io.ReadAll(res.Body)
				res.Body.Close()
				version := res.Header.Get(headerVersion)
				if res.StatusCode != 200 || !strings.Contains(string(body), `"version `+version+`"`) {
					failed.Add(1)
					t.Errorf("%d, version %s: %s", res.StatusCode, version, body)
					return
				}
				answered.Add(1)
				seen.Store(version, true)
			}
		})
	}
	swaps := 100
	if s := os.Getenv("PIPE_SWAPS"); s != "" {
		swaps, _ = strconv.Atoi(s)
	}
	for i := range swaps {
		want := (i+1)%versions + 1
		b.alias("m", "champion", want)
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			if b.now("m") == want {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("swap %d: version %d does not answer", i, want)
			}
		}
	}
	stop()
	wait.Wait()
	if failed.Load() > 0 || answered.Load() < int64(swaps) {
		t.Errorf("%d answered, %d failed", answered.Load(), failed.Load())
	}
	for v := range versions {
		if _, ok := seen.Load(fmt.Sprint(v + 1)); !ok && swaps >= 100 {
			t.Errorf("version %d has answered nobody", v+1)
		}
	}
	t.Logf("%d requests over %d swaps", answered.Load(), swaps)
}

// now is the version that answers.
func (b *bench) now(name string) int {
	e, err := b.endpoint(name)
	if err != nil {
		return 0
	}
	if r := e.route.Load(); r != nil {
		return r.main.version().Version
	}
	return 0
}

func TestVersionThatFailsItsSmokeTestGetsNoTraffic(t *testing.T) {
	for name, broken := range map[string]*fake{
		"an error":     {err: errors.New("weights are missing")},
		"a panic":      {panics: true},
		"no such sum":  {answer: "maybe"}, // the probabilities add up to 0.25
		"another kind": nil,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.served("m", "", &fake{})
			if status, _, body := b.do("POST", "/predict/m", asJSON, `{"text":"good"}`); status != 200 {
				t.Fatal(status, body)
			}
			if broken == nil {
				b.register("m", mute{&fake{}})
			} else {
				b.register("m", broken)
			}
			b.alias("m", "champion", 2)
			if err := b.Ready(context.Background()); err == nil || !strings.Contains(err.Error(), "version 2") {
				t.Errorf("it should be said that version 2 does not answer: %v", err)
			}
			status, h, body := b.do("POST", "/predict/m", asJSON, `{"text":"good"}`)
			if status != 200 || h.Get(headerVersion) != "1" {
				t.Errorf("%d by version %s: %s", status, h.Get(headerVersion), body)
			}
			b.register("m", &fake{})
			b.alias("m", "champion", 3)
			if err := b.Ready(context.Background()); err != nil {
				t.Errorf("version 3 is sound: %v", err)
			}
			if b.now("m") != 3 {
				t.Errorf("version %d answers", b.now("m"))
			}
		})
	}
}

// mute is a model that answers nothing.
type mute struct{ *fake }

func (mute) PredictRows() {}

// The first version of a deployment is tried, too, before it answers.
func TestFirstVersionIsTried(t *testing.T) {
	b := newBench(t, nil)
	b.served("m", "", &fake{err: errors.New("broken")})
	status, h, body := b.do("POST", "/predict/m", asJSON, `{"text":"good"}`)
	if status != 503 || h.Get("Retry-After") == "" || strings.Contains(body, "broken") {
		t.Errorf("%d %s", status, body)
	}
}

func TestRollbackTakesEffectAtOnce(t *testing.T) {
	b := newBench(t, nil)
	b.served("m", "", &fake{})
	b.register("m", &fake{})
	b.alias("m", "champion", 2)
	if err := b.Ready(context.Background()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go b.Run(ctx)
	if _, to, err := b.reg.Rollback(ctx, "m", "champion", registry.Audit{Who: "ada"}); err != nil || to != 1 {
		t.Fatal(to, err)
	}
	start := time.Now()
	for b.now("m") != 1 && time.Since(start) < 20*time.Second {
		time.Sleep(time.Millisecond)
	}
	if b.now("m") != 1 {
		t.Fatal("the version before does not answer")
	}
	t.Logf("after %v", time.Since(start))
}

func TestCanaryIsStickyAndShadowIsCompared(t *testing.T) {
	b := newBench(t, nil)
	b.register("m", &fake{answer: "old"})
	b.register("m", &fake{answer: "new"})
	b.register("m", &fake{answer: "other"})
	b.alias("m", "champion", 1)
	b.deploy("m", `{"canary":{"target":"/2","percent":30,"key":"X-User"},"shadow":"/3"}`)
	ask := func(user string) string {
		r, err := http.NewRequest("POST", b.web.URL+"/predict/m", strings.NewReader(`{"text":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", asJSON)
		r.Header.Set("X-User", user)
		_, h, _ := b.send(r)
		return h.Get(headerVersion)
	}
	second := 0
	const users = 300
	for u := range users {
		user := fmt.Sprint("user", u)
		first := ask(user)
		if first == "2" {
			second++
		}
		if again := ask(user); again != first {
			t.Fatalf("%s got version %s and then %s", user, first, again)
		}
	}
	if second < users*15/100 || second > users*45/100 {
		t.Errorf("%d of %d users got the canary of 30 %%", second, users)
	}
	b.shadows.Wait()
	e, err := b.endpoint("m")
	if err != nil {
		t.Fatal(err)
	}
	shadow := e.stats.of(registry.ModelVersion{Version: 3})
	if n := shadow.shadowed.Load(); n == 0 || shadow.disagreed.Load() != n || shadow.requests.Load() != 0 {
		t.Errorf("shadow: %d compared, %d disagreed, %d requests answered", n, shadow.disagreed.Load(), shadow.requests.Load())
	}
}
