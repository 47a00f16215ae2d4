package stages

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
)

func TestExecHandsFilesOver(t *testing.T) {
	s := dagtest.Store(t)
	in := dagtest.Table(t, s, arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil), `[{"n":1},{"n":2}]`)
	k := dagtest.New(t, &Exec{}, `
run: |
  head -c 4 "$PIPE_INPUT_ROWS" > "$PIPE_OUTPUT_MAGIC"
  cat "$PIPE_PARAMS" > "$PIPE_OUTPUT_NOTES/params.json"
  printf 'n,word\n1,one\n' > "$PIPE_OUTPUT_WORDS"
  echo hello; echo oops >&2
  echo metric loss 3 0.25
  echo '{"accuracy": 0.5}' > "$PIPE_METRICS"
  test -z "$SECRET_OF_THE_SHELL" && test "$GIVEN" = yes
params: { trees: 100 }
env: { GIVEN: "yes" }
outputs: { magic: file, notes: folder, words: { type: table, format: csv } }
`)
	t.Setenv("SECRET_OF_THE_SHELL", "x")
	out, metrics, err := dag.RunKind(context.Background(), s, k, map[string][]artifacts.Ref{"rows": {in}}, 7, nil, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := s.ReadAll(out["magic"]); string(b) != "PAR1" {
		t.Errorf("the input begins with %q", b)
	}
	if got := dagtest.Rows(t, s, out["words"]); !strings.Contains(got, `"word":"one"`) {
		t.Errorf("table = %s", got)
	}
	if b, _ := s.ReadAll(out["log"]); string(b) != "hello\noops\nmetric loss 3 0.25\n" {
		t.Errorf("log = %q", b)
	}
	if len(metrics) != 2 || metrics[0].Name != "loss" || metrics[0].Step != 3 || metrics[1].Name != "accuracy" || metrics[1].Value != 0.5 {
		t.Errorf("metrics = %+v", metrics)
	}
}

func TestExecFailures(t *testing.T) {
	for _, c := range []struct{ with, want string }{
		{`run: "echo first; echo last >&2; exit 3"`, "/bin/sh: exit status 3; its last words:\n  first\n  last"},
		{`run: [no-such-program-here]`, "start no-such-program-here"},
		{`{ run: "true", outputs: { x: file } }`, `the program did not write its output "x": nothing is at PIPE_OUTPUT_X`},
		{`{ run: "echo '[1]' > $PIPE_METRICS" }`, "PIPE_METRICS: what was written is no JSON object of numbers"},
		{`{ run: "echo garbage > $PIPE_OUTPUT_M", outputs: { m: metrics } }`, `output "m": what was written is no JSON object of numbers`},
		{`{ run: "echo '{\"a\": \"x\"}' > $PIPE_OUTPUT_M", outputs: { m: metrics } }`, `output "m": "a" is "x", which is no number`},
		{`{ run: "echo no table > $PIPE_OUTPUT_X", outputs: { x: table } }`, `output "x"`},
	} {
		s := dagtest.Store(t)
		_, err := dagtest.TryRun(t, s, dagtest.New(t, &Exec{}, c.with), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.with, err, c.want)
		}
	}
}

// TestExecDiesWhole starts a child that starts a child of its own, and
// interrupts the run: neither survives.
func TestExecDiesWhole(t *testing.T) {
	s := dagtest.Store(t)
	pidFile := filepath.Join(t.TempDir(), "pid")
	k := dagtest.New(t, &Exec{}, `run: "trap '' TERM; sleep 1000 & echo $! > `+pidFile+`; wait; sleep 1000"`)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, _, err := dag.RunKind(ctx, s, k, nil, 0, nil, t.TempDir(), nil)
		done <- err
	}()
	var pid int
	for pid == 0 {
		if b, err := os.ReadFile(pidFile); err == nil && strings.HasSuffix(string(b), "\n") {
			for _, c := range strings.TrimSpace(string(b)) {
				pid = pid*10 + int(c-'0')
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != context.Canceled {
		t.Errorf("error = %v", err)
	}
	for range 200 { // the kernel reaps in its own time
		if syscall.Kill(pid, 0) != nil || zombie(pid) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the grandchild is still there")
}

// zombie tells whether a process has ended and waits to be reaped.
func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(b), ") Z ")
}

func TestExecCheck(t *testing.T) {
	if got := dagtest.Decode(&Exec{}, "run: []\noutputs: { x: tabel }\n"); !strings.Contains(got, "with.run") || !strings.Contains(got, `did you mean "table"?`) {
		t.Errorf("problems: %s", got)
	}
	_, problems := dagtest.Check(dagtest.New(t, &Exec{}, "run: x\nfiles: [no-such-file]\nenv: { PIPE_X: y }\n"), nil)
	for _, want := range []string{"files[0]: stat no-such-file", "env.PIPE_X:"} {
		if !strings.Contains(problems, want) {
			t.Errorf("no %q in %s", want, problems)
		}
	}
}

// TestExecDoesNotWaitForStragglers leaves a child behind that holds the output
// open: the stage ends with the program, and has all that it printed.
func TestExecDoesNotWaitForStragglers(t *testing.T) {
	s := dagtest.Store(t)
	out, err := dagtest.TryRun(t, s, dagtest.New(t, &Exec{}, `run: "sleep 1000 & echo all of it"`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := s.ReadAll(out["log"]); string(b) != "all of it\n" {
		t.Errorf("log = %q", b)
	}
}
