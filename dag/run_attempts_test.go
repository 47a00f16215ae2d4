package dag

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

// logs lists the log lines of a stage.
func (r *recording) logs(stage string) []string {
	var out []string
	for _, e := range r.events {
		if e.Type == StageLog && e.Stage == stage {
			out = append(out, e.Text)
		}
	}
	return out
}

// waits makes a run wait in no time and notes how long it would have waited.
func waits(o *RunOptions) *[]time.Duration {
	var ds []time.Duration
	o.Sleep = func(ctx context.Context, d time.Duration) error {
		ds = append(ds, d)
		return ctx.Err()
	}
	return &ds
}

func TestRetriesBackOffAndStartClean(t *testing.T) {
	const src = "pipeline: p\nseed: 3\nstages:\n  a: { uses: flaky, with: { fails: 3 }, retries: { times: 5, delay: 1s, backoff: 4, max_delay: 6s, jitter: 0.1 } }\n"
	var first []time.Duration
	for range 2 {
		tries.Store(0)
		var ds *[]time.Duration
		s := testStore(t)
		res, rec, err := runIt(t, s, src, func(o *RunOptions) { ds = waits(o) })
		expect(t, rec, err, "a=finished")
		if got := content(t, s, res, "a", Out); got != "fine" || tries.Load() != 4 {
			t.Errorf("output %q after %d attempts", got, tries.Load())
		}
		for i, want := range []time.Duration{time.Second, 4 * time.Second, 6 * time.Second} {
			if d := (*ds)[i]; d < want*9/10 || d > want*11/10 || d == want {
				t.Errorf("wait %d is %v, want %v more or less a tenth", i, d, want)
			}
		}
		if lines := rec.logs("a"); len(lines) != 3 || !strings.HasPrefix(lines[0], "attempt 1 of 6 failed: no connection; the next one in ") {
			t.Errorf("log: %q", lines)
		}
		if first != nil && !slices.Equal(first, *ds) {
			t.Errorf("waits are %v and were %v: jitter is to come from the seed", *ds, first)
		}
		first = *ds
	}
}

func TestRetriesEnd(t *testing.T) {
	for name, c := range map[string]struct {
		stage string
		tries int64
		want  string
	}{
		"used up":         {"{ uses: flaky, with: { fails: 9 }, retries: 2 }", 3, "failed 3 times, the last time so: no connection"},
		"another error":   {"{ uses: flaky, with: { fails: 9 }, retries: { times: 2, on: [timeout, '^disk'] } }", 1, "no connection"},
		"the right error": {"{ uses: flaky, with: { fails: 9 }, retries: { times: 1, on: [timeout, '^no conn'] } }", 2, "failed 2 times"},
		"none":            {"{ uses: flaky, with: { fails: 9 }, retries: 0 }", 1, "no connection"},
		"a panic":         {"{ uses: trouble, with: { how: panic }, retries: 3 }", 0, "panic: ouch"},
	} {
		tries.Store(0)
		var ds *[]time.Duration
		_, _, err := runIt(t, testStore(t), "pipeline: p\nstages: { a: "+c.stage+" }\n", func(o *RunOptions) { ds = waits(o) })
		if err == nil || !strings.Contains(err.Error(), c.want) || tries.Load() != c.tries {
			t.Errorf("%s: %v after %d attempts", name, err, tries.Load())
		}
		if n := max(c.tries-1, 0); int64(len(*ds)) != n {
			t.Errorf("%s: waited %d times, want %d", name, len(*ds), n)
		}
	}
}

func TestTimeoutEndsAnAttempt(t *testing.T) {
	_, rec, err := runIt(t, testStore(t), "pipeline: p\nstages: { a: { uses: trouble, with: { how: sleep }, timeout: 20ms, retries: { times: 1, delay: 1ms, on: [timeout] } } }\n", nil)
	if err == nil || !strings.Contains(err.Error(), "failed 2 times, the last time so: it took longer than its timeout of 20ms") || rec.ends() != "a=failed" {
		t.Errorf("%v, %s", err, rec.ends())
	}
}

func TestContinueOnError(t *testing.T) {
	_, rec, err := runIt(t, testStore(t), `pipeline: p
stages:
  a: { uses: trouble, with: { how: error, note: x }, continue_on_error: true }
  b: { uses: join, in: a }
  c: { uses: draw }
  d: { uses: join, in: c }
`, nil)
	if err == nil || rec.ends() != "a=failed b=skipped c=finished d=finished" {
		t.Errorf("%v, stages ended %s", err, rec.ends())
	}
}

// The policies say when outputs come to be and not what they are.
func TestPoliciesAreNotInTheKey(t *testing.T) {
	s := testStore(t)
	tries.Store(9)
	runIt(t, s, "pipeline: p\nstages: { a: { uses: flaky } }\n", nil)
	_, rec, err := runIt(t, s, "pipeline: p\nstages: { a: { uses: flaky, timeout: 1h, retries: 3, continue_on_error: true, when: true } }\n", nil)
	expect(t, rec, err, "a=cached")
}
