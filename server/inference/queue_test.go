package inference

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// While both places are busy the rows that come make one batch.
func TestRequestsThatWaitBecomeABatch(t *testing.T) {
	b := newBench(t, nil)
	m := &fake{gate: make(chan struct{}, 100)}
	b.served("m", `{"max_batch":8}`, m)
	var wait sync.WaitGroup
	ask := func(i int) {
		wait.Go(func() {
			text := "good"
			if i%2 == 0 {
				text = "poor"
			}
			status, _, body := b.do("POST", "/predict/m", asJSON, `{"text":"`+text+`"}`)
			want := map[string]string{"good": "yes", "poor": "no"}[text]
			if status != 200 || !strings.Contains(body, want) {
				t.Errorf("%s: %d %s", text, status, body)
			}
		})
	}
	const requests = 18
	for i := range requests {
		ask(i)
		b.busy(m, i+1)
	}
	q := b.queueOf("m")
	b.until("16 rows wait", func() bool { return q.depth() == requests-2 })
	for range requests {
		m.gate <- struct{}{}
	}
	wait.Wait()
	if n := m.largest.Load(); n != 8 {
		t.Errorf("the largest batch has %d rows, max_batch is 8", n)
	}
}

// One request's bad row is no trouble of those in its batch.
func TestBadRowFailsOnlyItsRequest(t *testing.T) {
	b := newBench(t, nil)
	m := &fake{gate: make(chan struct{}, 100)}
	b.served("m", "", m)
	var wait sync.WaitGroup
	var failed, fine atomic.Int64
	for i := range 10 {
		wait.Go(func() {
			text := "good"
			if i == 5 {
				text = "bad row"
			}
			status, _, _ := b.do("POST", "/predict/m", asJSON, `{"text":"`+text+`"}`)
			if status == 200 {
				fine.Add(1)
			} else {
				failed.Add(1)
			}
		})
		b.busy(m, i+1)
	}
	b.until("8 rows wait", func() bool { return b.queueOf("m").depth() == 8 })
	for range 30 {
		m.gate <- struct{}{}
	}
	wait.Wait()
	if fine.Load() != 9 || failed.Load() != 1 {
		t.Errorf("%d fine, %d failed", fine.Load(), failed.Load())
	}
}

func TestFullQueueIsRefusedWithRetryAfter(t *testing.T) {
	b := newBench(t, nil)
	m := &fake{gate: make(chan struct{}, 100)}
	b.served("m", `{"queue":3}`, m)
	var wait sync.WaitGroup
	for i := range 5 {
		wait.Go(func() {
			if status, _, body := b.do("POST", "/predict/m", asJSON, `{"text":"x"}`); status != 200 {
				t.Error(status, body)
			}
		})
		b.busy(m, i+1)
	}
	b.until("3 rows wait", func() bool { return b.queueOf("m").depth() == 3 })
	status, h, body := b.do("POST", "/predict/m", asJSON, `{"text":"one too many"}`)
	if status != http.StatusTooManyRequests || h.Get("Retry-After") == "" {
		t.Errorf("%d %v %s", status, h, body)
	}
	for range 10 {
		m.gate <- struct{}{}
	}
	wait.Wait()
}

func TestDeadline(t *testing.T) {
	b := newBench(t, nil)
	b.served("m", `{"timeout":"30ms"}`, &fake{gate: make(chan struct{})})
	var wait sync.WaitGroup
	for range 5 { // two are computed, three wait
		wait.Go(func() {
			if status, _, body := b.do("POST", "/predict/m", asJSON, `{"text":"x"}`); status != http.StatusGatewayTimeout {
				t.Error(status, body)
			}
		})
	}
	wait.Wait()
	if n := b.queueOf("m").depth(); n != 0 {
		t.Errorf("%d rows still wait", n)
	}
}

// Whoever goes away is neither computed nor in the way of others.
func TestAbandonedRequestsAreForgotten(t *testing.T) {
	b := newBench(t, nil)
	m := &fake{gate: make(chan struct{}, 100)}
	b.served("m", "", m)
	ctx, leave := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	for i := range 2 {
		wait.Go(func() { b.do("POST", "/predict/m", asJSON, `{"text":"stays"}`) })
		b.busy(m, i+1)
	}
	for range 5 {
		wait.Go(func() {
			r, _ := http.NewRequestWithContext(ctx, "POST", b.web.URL+"/predict/m", strings.NewReader(`{"text":"leaves"}`))
			r.Header.Set("Content-Type", asJSON)
			if res, err := http.DefaultClient.Do(r); err == nil {
				res.Body.Close()
			}
		})
	}
	b.until("5 rows wait", func() bool { return b.queueOf("m").depth() == 5 })
	leave()
	b.until("nobody waits", func() bool { return b.queueOf("m").depth() == 0 })
	m.gate <- struct{}{}
	m.gate <- struct{}{}
	wait.Wait()
	if n := m.calls.Load(); n != 3 {
		t.Errorf("%d calls: the abandoned were computed", n)
	}
}

// A row waits for others as long as the policy says, and no longer.
func TestMaxDelay(t *testing.T) {
	b := newBench(t, nil)
	m := &fake{}
	b.served("m", `{"max_batch":4,"max_delay":"300ms"}`, m)
	if status, _, body := b.do("POST", "/predict/m", asJSON, `{"text":"alone"}`); status != 200 {
		t.Fatal(status, body)
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() { b.do("POST", "/predict/m", asJSON, `{"text":"together"}`) })
	}
	wait.Wait()
	if m.largest.Load() < 2 {
		t.Error("rows that came within the delay were not computed together")
	}
}

// A model with a long queue does not starve another.
func TestModelsTakeTurns(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Workers = 1 })
	slow := &fake{delay: 5 * time.Millisecond}
	b.served("slow", `{"max_batch":1}`, slow)
	b.served("quick", "", &fake{})
	var wait sync.WaitGroup
	for range 60 {
		wait.Go(func() { b.do("POST", "/predict/slow", asJSON, `{"text":"x"}`) })
	}
	b.until("many wait", func() bool { return b.queueOf("slow").depth() > 20 })
	if status, _, body := b.do("POST", "/predict/quick", asJSON, `{"text":"x"}`); status != 200 {
		t.Fatal(status, body)
	}
	if n := b.queueOf("slow").depth(); n < 5 {
		t.Errorf("only %d rows of the slow model were still waiting when the quick one had answered", n)
	}
	wait.Wait()
}

// Loaded models are forgotten when others need the memory, and come back.
func TestMemoryBudget(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Memory = 250 })
	for i := range 4 {
		b.served(fmt.Sprint("m", i), "", &fake{size: 100})
	}
	for round := range 3 {
		for i := range 4 {
			status, _, body := b.do("POST", fmt.Sprint("/predict/m", i), asJSON, `{"text":"good"}`)
			if status != 200 || !strings.Contains(body, "yes") {
				t.Errorf("round %d, model %d: %d %s", round, i, status, body)
			}
			if total := b.instances.bytes(); total > 250 {
				t.Errorf("%d bytes are loaded, the budget is 250", total)
			}
		}
	}
}

func (b *bench) queueOf(name string) *queue {
	e, err := b.endpoint(name)
	if err != nil {
		b.t.Fatal(err)
	}
	return e.route.Load().main.queue
}

// busy waits until each of the first requests is being computed by itself: those that
// come together would be a batch.
func (b *bench) busy(m *fake, requests int) {
	b.t.Helper()
	b.until("the places are busy", func() bool { return m.calls.Load() >= int64(1+min(requests, b.o.Workers)) }) // with the smoke test
}

func (b *bench) until(what string, holds func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("waited too long until %s", what)
		}
	}
}
