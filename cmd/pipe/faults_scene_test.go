package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pipe/dag"
)

// scene is a folder with a pipeline of 30 stages and the files that it reads.
type scene struct {
	t     *testing.T
	dir   string
	store string // absolute
}

// faultStages is how many stages the pipeline of a scene has.
const faultStages = 30

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, dir: t.TempDir()}
	s.store = filepath.Join(s.dir, ".pipe")
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 5 {
		var csv bytes.Buffer
		csv.WriteString("id,name,amount,region\n")
		for row := range 400 {
			fmt.Fprintf(&csv, "%d,\" Name %d \",%d,%s\n", row, rng.IntN(50), rng.IntN(1000), []string{"north", "south", ""}[rng.IntN(3)])
		}
		s.write(fmt.Sprintf("data%d.csv", i), csv.String())
	}
	s.write("pipeline.yaml", faultPipeline())
	return s
}

// faultPipeline has five chains of source, clean, split, two programs, and
// what brings them together: 5 × 5 + 5 stages.
func faultPipeline() string {
	var b strings.Builder
	b.WriteString("pipeline: faults\nseed: 7\nstages:\n")
	for i := range 5 {
		fmt.Fprintf(&b, `  raw%[1]d: { uses: source.csv, with: { path: data%[1]d.csv } }
  clean%[1]d: { uses: clean, in: raw%[1]d, with: { text: [strip, lowercase], columns: [name], drop_null: [region] } }
  split%[1]d: { uses: split, in: clean%[1]d, with: { train: 0.7, test: 0.3 } }
  size%[1]d: { uses: exec, in: { rows: split%[1]d.train }, with: { run: "wc -c < $PIPE_INPUT_ROWS > $PIPE_OUTPUT_SIZE; echo metric chain %[1]d", outputs: { size: file } } }
  files%[1]d: { uses: exec, in: { size: size%[1]d.size }, with: { run: "for i in 1 2 3; do cp $PIPE_INPUT_SIZE $PIPE_OUTPUT_ALL/$i; sleep 0.01; done", outputs: { all: folder } } }
`, i)
	}
	b.WriteString(`  all: { uses: concat, in: { in: [split0.train, split1.train, split2.train, split3.train, split4.train] } }
  pairs: { uses: join, in: { left: all.out, right: clean0.out }, with: { on: id, how: inner } }
  few: { uses: filter, in: pairs.out, with: { where: "amount > 500" } }
  columns: { uses: select, in: few.out, with: { columns: [id, name, amount] } }
  report: { uses: exec, in: { rows: columns.out, a: files0.all, b: files4.all }, with: { run: "cat $PIPE_INPUT_A/1 $PIPE_INPUT_B/2 > $PIPE_OUTPUT_TEXT", outputs: { text: file } } }
`)
	return b.String()
}

func (s *scene) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o666); err != nil {
		s.t.Fatal(err)
	}
}

// command prepares the program itself: this test's binary under another name.
func (s *scene) command(args ...string) *exec.Cmd {
	c := exec.Command("pipe", append([]string{"--store", s.store}, args...)...)
	c.Dir = s.dir
	return c
}

// pipe runs a command and gives its exit code and all that it printed.
func (s *scene) pipe(args ...string) (code int, said string) {
	s.t.Helper()
	out, err := s.command(args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	return code, string(out)
}

// outcome is what a run gave: the digests of all outputs, by stage and port,
// and how many stages ran.
type outcome struct {
	digests map[string]string
	ran     map[string]bool
}

// complete runs the pipeline to its end.
func (s *scene) complete(args ...string) outcome {
	s.t.Helper()
	code, said := s.pipe(append([]string{"run", "pipeline.yaml", "--json"}, args...)...)
	if code != exitDone {
		s.t.Fatalf("the run ended with exit code %d:\n%s", code, said)
	}
	return s.outcome(said)
}

func (s *scene) outcome(events string) outcome {
	s.t.Helper()
	o := outcome{map[string]string{}, map[string]bool{}}
	stages := 0
	for line := range strings.Lines(events) {
		var e dag.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			s.t.Fatalf("%v in %s", err, line)
		}
		if e.Type != dag.StageFinished && e.Type != dag.StageCached {
			continue
		}
		stages++
		if e.Type == dag.StageFinished {
			o.ran[e.Stage] = true
		}
		for port, ref := range e.Outputs {
			o.digests[e.Stage+"."+port] = string(ref.Digest)
		}
	}
	if stages != faultStages {
		s.t.Fatalf("%d stages ended well, not %d:\n%s", stages, faultStages, events)
	}
	return o
}

// same demands that a run gave what the undisturbed one did.
func (s *scene) same(got, want outcome) {
	s.t.Helper()
	for name, digest := range want.digests {
		if got.digests[name] != digest {
			s.t.Errorf("%s is %s and was %s", name, got.digests[name], digest)
		}
	}
	if len(got.digests) != len(want.digests) {
		s.t.Errorf("%d outputs, not %d", len(got.digests), len(want.digests))
	}
}

// sound demands that nothing in the store is damaged.
func (s *scene) sound() {
	s.t.Helper()
	if code, said := s.pipe("artifacts", "verify"); code != exitDone {
		s.t.Fatalf("verify: exit code %d:\n%s", code, said)
	}
}

// files lists the regular files of the store that a pattern matches.
func (s *scene) files(pattern string) []string {
	s.t.Helper()
	found, err := filepath.Glob(filepath.Join(s.store, pattern))
	if err != nil || len(found) == 0 {
		s.t.Fatalf("nothing is at %s, %v", pattern, err)
	}
	return found
}

// rounds reads how often a test is to repeat itself: few times in the suite,
// many where somebody sets the variable.
func rounds(t *testing.T, variable string, usual int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, not a number of rounds", variable, text)
	}
	return n
}
