package dag

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"pipe/artifacts"
	"pipe/dag/text"
)

// recording keeps the events of a run.
type recording struct {
	mu     sync.Mutex
	events []Event
}

func (r *recording) Event(e *Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, *e)
}

// ends tells how each stage ended: "a=finished b=cached".
func (r *recording) ends() string {
	var out []string
	for _, e := range r.events {
		switch e.Type {
		case StageCached, StageFinished, StageFailed, StageSkipped:
			out = append(out, e.Stage+"="+strings.TrimPrefix(string(e.Type), "stage."))
		}
	}
	return strings.Join(out, " ")
}

func testStore(t testing.TB) *artifacts.Store {
	t.Helper()
	s, err := artifacts.Open(filepath.Join(t.TempDir(), ".pipe"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func runIt(t testing.TB, s *artifacts.Store, src string, change func(*RunOptions)) (*Result, *recording, error) {
	t.Helper()
	rec := &recording{}
	o := RunOptions{ID: "r", Store: s, Sink: rec, Jobs: 1}
	if change != nil {
		change(&o)
	}
	res, err := Run(context.Background(), mustLoad(t, src, nil), o)
	return res, rec, err
}

func content(t testing.TB, s *artifacts.Store, res *Result, stage, port string) string {
	t.Helper()
	b, err := s.ReadAll(res.Outputs[stage][port])
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func expect(t *testing.T, rec *recording, err error, want string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if got := rec.ends(); got != want {
		t.Errorf("stages ended %s, want %s", got, want)
	}
}

const chain = `pipeline: p
stages:
  a: { uses: read, with: { path: "%s" } }
  b: { uses: join, in: a, with: { suffix: "!" } }
  c: { uses: join, in: [a, b], with: { mode: loud } }
`

func TestSecondRunIsAllHitsWithMetrics(t *testing.T) {
	s := testStore(t)
	file := filepath.Join(t.TempDir(), "in.txt")
	os.WriteFile(file, []byte("hello "), 0o666)
	src := fmt.Sprintf(chain, file)
	res, rec, err := runIt(t, s, src, nil)
	expect(t, rec, err, "a=finished b=finished c=finished")
	if got := content(t, s, res, "c", Out); got != "HELLO HELLO !" {
		t.Errorf("c = %q", got)
	}
	before := ran.Load()
	_, rec, err = runIt(t, s, src, nil)
	expect(t, rec, err, "a=cached b=cached c=cached")
	if ran.Load() != before {
		t.Error("a hit ran its kind")
	}
	for _, e := range rec.events {
		if e.Stage == "b" && (len(e.Metrics) != 1 || e.Metrics[0].Value != 7 || !e.Replayed) {
			t.Errorf("the hit replayed metrics %+v", e.Metrics)
		}
	}
}

func TestTouchedInputRunsNothing(t *testing.T) {
	s := testStore(t)
	file := filepath.Join(t.TempDir(), "in.txt")
	os.WriteFile(file, []byte("hello "), 0o666)
	src := fmt.Sprintf(chain, file)
	runIt(t, s, src, nil)
	later := time.Now().Add(time.Hour)
	os.Chtimes(file, later, later)
	_, rec, err := runIt(t, s, src, nil)
	expect(t, rec, err, "a=cached b=cached c=cached")
}

func TestChangedInputRunsAndReverseRestores(t *testing.T) {
	s := testStore(t)
	file := filepath.Join(t.TempDir(), "in.txt")
	os.WriteFile(file, []byte("one "), 0o666)
	src := fmt.Sprintf(chain, file)
	first, _, _ := runIt(t, s, src, nil)
	os.WriteFile(file, []byte("two "), 0o666)
	_, rec, err := runIt(t, s, src, nil)
	expect(t, rec, err, "a=finished b=finished c=finished")
	os.WriteFile(file, []byte("one "), 0o666)
	back, rec, err := runIt(t, s, src, nil)
	expect(t, rec, err, "a=cached b=cached c=cached")
	if back.Outputs["c"][Out] != first.Outputs["c"][Out] {
		t.Error("the old output did not come back")
	}
}

func TestEarlyCutoff(t *testing.T) {
	s := testStore(t)
	const src = `pipeline: p
stages:
  a: { uses: draw }
  b: { uses: join, in: a, with: { suffix: "%s", times: %d } }
  c: { uses: join, in: b }
`
	runIt(t, s, fmt.Sprintf(src, "xx", 1), nil)
	// Another configuration that gives the same bytes: c need not run.
	_, rec, err := runIt(t, s, fmt.Sprintf(src, "x", 2), nil)
	expect(t, rec, err, "a=cached b=finished c=cached")
}

func TestRenamedStageKeepsItsCache(t *testing.T) {
	s := testStore(t)
	runIt(t, s, "pipeline: p\nstages:\n  a: { uses: draw }\n  b: { uses: join, in: a }\n", nil)
	_, rec, err := runIt(t, s, "pipeline: q\nstages:\n  x: { uses: draw }\n  y: { uses: join, in: x }\n", nil)
	expect(t, rec, err, "x=cached y=cached")
}

func TestSeedIsInTheKeyOfWhatDrawsOnly(t *testing.T) {
	s := testStore(t)
	const src = "pipeline: p\nseed: %d\nstages:\n  a: { uses: draw }\n  b: { uses: join, in: a }\n  c: { uses: read, with: { path: \"%s\" } }\n"
	file := filepath.Join(t.TempDir(), "in.txt")
	os.WriteFile(file, []byte("one "), 0o666)
	runIt(t, s, fmt.Sprintf(src, 1, file), nil)
	_, rec, err := runIt(t, s, fmt.Sprintf(src, 2, file), nil)
	expect(t, rec, err, "a=finished b=finished c=cached")
}

func TestFailureNamesTheStageAndSkipsWhatDependsOnIt(t *testing.T) {
	const src = `pipeline: p
stages:
  bad: { uses: trouble, with: { how: error, note: b } }
  next: { uses: join, in: bad }
  last: { uses: join, in: next }
  other: { uses: draw }
  more: { uses: join, in: other }
`
	s := testStore(t)
	_, rec, err := runIt(t, s, src, nil)
	if err == nil || !strings.Contains(err.Error(), `stage "bad": the disk of b is on fire`) {
		t.Errorf("error = %v", err)
	}
	if got := rec.ends(); got != "bad=failed next=skipped last=skipped other=skipped more=skipped" {
		t.Errorf("stages ended %s", got)
	}
	_, rec, _ = runIt(t, s, src, func(o *RunOptions) { o.KeepGoing = true })
	if got := rec.ends(); got != "bad=failed next=skipped last=skipped other=finished more=finished" {
		t.Errorf("with keep-going: %s", got)
	}
}

func TestWhatStagesDoWrong(t *testing.T) {
	for how, want := range map[string]string{
		"panic":  "panic: ouch (a bug in pipe",
		"forget": `output "out" was not written`,
		"half":   "stopped half-way",
	} {
		s := testStore(t)
		src := fmt.Sprintf("pipeline: p\nstages:\n  a: { uses: trouble, with: { how: %s } }\n", how)
		for range 2 { // a failure is never cached
			_, rec, err := runIt(t, s, src, nil)
			if err == nil || !strings.Contains(err.Error(), want) || rec.ends() != "a=failed" {
				t.Errorf("%s: %v, %s", how, err, rec.ends())
			}
		}
		if entries, _ := filepath.Glob(filepath.Join(s.Dir(), "objects", "*", "*")); len(entries) != 0 {
			t.Errorf("%s: left %v in the store", how, entries)
		}
	}
}

func TestEffectsRunEachTime(t *testing.T) {
	s := testStore(t)
	src := "pipeline: p\nstages:\n  a: { uses: draw }\n  b: { uses: tell, in: a }\n"
	before := told.Load()
	runIt(t, s, src, nil)
	_, rec, err := runIt(t, s, src, nil)
	expect(t, rec, err, "a=cached b=finished")
	if told.Load()-before != 2 {
		t.Errorf("told %d times", told.Load()-before)
	}
}

func TestTargetsAndForce(t *testing.T) {
	s := testStore(t)
	src := "pipeline: p\nstages:\n  a: { uses: draw }\n  b: { uses: join, in: a }\n  c: { uses: join, in: b }\n"
	_, rec, err := runIt(t, s, src, func(o *RunOptions) { o.Targets = []string{"b"} })
	expect(t, rec, err, "a=finished b=finished")
	_, rec, err = runIt(t, s, src, func(o *RunOptions) { o.Force = []string{ForceAll} })
	expect(t, rec, err, "a=finished b=finished c=finished")
	if _, _, err := runIt(t, s, src, func(o *RunOptions) { o.Targets = []string{"z"} }); err == nil {
		t.Error("an unknown target was accepted")
	}
}

func TestInterrupt(t *testing.T) {
	for _, how := range []string{"sleep", "deaf"} {
		s := testStore(t)
		p := mustLoad(t, fmt.Sprintf("pipeline: p\nstages:\n  a: { uses: trouble, with: { how: %s } }\n  b: { uses: join, in: a }\n", how), nil)
		ctx, cancel := context.WithCancel(context.Background())
		rec := &recording{}
		sink := sinkFunc(func(e *Event) {
			rec.Event(e)
			if e.Type == StageStarted {
				cancel()
			}
		})
		done := make(chan error, 1)
		go func() {
			res, err := Run(ctx, p, RunOptions{ID: "r", Store: s, Sink: sink})
			if res.Status != "killed" {
				t.Errorf("status %s", res.Status)
			}
			done <- err
		}()
		select {
		case err := <-done:
			if !errors.Is(err, ErrInterrupted) {
				t.Errorf("%s: %v", how, err)
			}
		case <-time.After(2500 * time.Millisecond): // "deaf" sleeps for three seconds
			t.Fatalf("%s: the run did not stop", how)
		}
	}
}

type sinkFunc func(*Event)

func (f sinkFunc) Event(e *Event) { f(e) }

func TestFileThatChangesWhileItIsRead(t *testing.T) {
	s := testStore(t)
	file := filepath.Join(t.TempDir(), "in.txt")
	os.WriteFile(file, []byte("one"), 0o666)
	afterRead = func() { os.WriteFile(file, []byte("another text"), 0o666) }
	defer func() { afterRead = nil }()
	_, _, err := runIt(t, s, fmt.Sprintf(chain, file), nil)
	if err == nil || !strings.Contains(err.Error(), "changed while the stage read it") {
		t.Errorf("error = %v", err)
	}
}

func TestTwoRunsAtOnceShareTheWork(t *testing.T) {
	s := testStore(t)
	p := mustLoad(t, "pipeline: p\nstages:\n  a: { uses: draw }\n  b: { uses: join, in: a, with: { suffix: shared } }\n", nil)
	before := ran.Load()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := Run(context.Background(), p, RunOptions{ID: "r", Store: s}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := ran.Load() - before; n != 1 {
		t.Errorf("the stage ran %d times", n)
	}
}

// TestWorkersStay holds a run to as many goroutines for its stages as it has
// jobs, however many stages there are.
func TestWorkersStay(t *testing.T) {
	const stages, jobs = 40, 3
	var src strings.Builder
	src.WriteString("pipeline: p\nstages:\n")
	dir := t.TempDir()
	for i := range stages {
		file := filepath.Join(dir, fmt.Sprint(i))
		os.WriteFile(file, []byte(fmt.Sprint(i)), 0o666)
		fmt.Fprintf(&src, "  s%d: { uses: read, with: { path: %q } }\n", i, file)
	}
	var mu sync.Mutex
	var seen int
	in := map[string]bool{} // names of goroutines
	afterRead = func() {
		stack := make([]byte, 64)
		name, _, _ := strings.Cut(string(stack[:runtime.Stack(stack, false)]), " [")
		mu.Lock()
		defer mu.Unlock()
		seen, in[name] = seen+1, true
	}
	defer func() { afterRead = nil }()
	_, _, err := runIt(t, testStore(t), src.String(), func(o *RunOptions) { o.Jobs = jobs })
	if err != nil {
		t.Fatal(err)
	}
	if seen != stages || len(in) < 1 || len(in) > jobs {
		t.Errorf("%d stages ran in %d goroutines, want %d in up to %d", seen, len(in), stages, jobs)
	}
}

func TestJournalReadsBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	j, err := CreateJournal(dir, []byte("pipeline: p\n"))
	if err != nil {
		t.Fatal(err)
	}
	rec := &recording{}
	s := testStore(t)
	if _, err := Run(context.Background(), mustLoad(t, "pipeline: p\nstages:\n  a: { uses: draw }\n", nil), RunOptions{ID: "r", Store: s, Sink: Sinks{j, rec}}); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	f, _ := os.OpenFile(filepath.Join(dir, JournalFile), os.O_APPEND|os.O_WRONLY, 0)
	f.WriteString(`{"type":"stage.cut`) // as a kill leaves it
	f.Close()
	var got recording
	if err := ReadJournal(dir, func(e *Event) error { got.Event(e); return nil }); err != nil {
		t.Fatal(err)
	}
	if got.ends() != rec.ends() || len(got.events) != len(rec.events) {
		t.Errorf("journal has %d events, the run had %d", len(got.events), len(rec.events))
	}
}

func TestForceOfOneStageSparesTheOthers(t *testing.T) {
	s := testStore(t)
	src := "pipeline: p\nstages:\n  a: { uses: draw }\n  b: { uses: join, in: a }\n  c: { uses: join, in: b }\n  d: { uses: join, in: a, with: { suffix: x } }\n"
	runIt(t, s, src, nil)
	// b gives the same bytes again, so c is spared as well.
	_, rec, err := runIt(t, s, src, func(o *RunOptions) { o.Force = []string{"b"} })
	expect(t, rec, err, "a=cached d=cached b=finished c=cached")
}

func TestFromTakesWhatIsBeforeFromTheStore(t *testing.T) {
	s := testStore(t)
	src := "pipeline: p\nstages:\n  a: { uses: draw }\n  b: { uses: join, in: a }\n  c: { uses: join, in: b, with: { suffix: y } }\n  d: { uses: join, in: a, with: { suffix: x } }\n"
	_, _, err := runIt(t, s, src, func(o *RunOptions) { o.From = []string{"b"} })
	if err == nil || !strings.Contains(err.Error(), `stage "a": its result is not in the store`) {
		t.Errorf("an empty store: %v", err)
	}
	runIt(t, s, src, func(o *RunOptions) { o.Targets = []string{"a"} })
	_, rec, err := runIt(t, s, src, func(o *RunOptions) { o.From = []string{"b"} })
	expect(t, rec, err, "a=cached b=finished c=finished")
}

func TestVerifyFindsWhatIsNotDeterministic(t *testing.T) {
	s := testStore(t)
	src := "pipeline: p\nstages:\n  a: { uses: draw }\n  b: { uses: dice, in: a }\n"
	runIt(t, s, src, nil)
	_, rec, err := runIt(t, s, src, func(o *RunOptions) { o.Verify = true })
	if err == nil || !strings.Contains(err.Error(), `stage "b": it gives other bytes than before`) {
		t.Errorf("error = %v", err)
	}
	if got := rec.ends(); got != "a=finished b=failed" {
		t.Errorf("stages ended %s", got)
	}
}

func TestFlippedBitInAJournalIsFound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	j, err := CreateJournal(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	j.Event(&Event{Type: RunStarted, Pipeline: "p", Time: time.Unix(0, 0).UTC()})
	j.Event(&Event{Type: StageLog, Stage: "a", Text: "hello"})
	j.Event(&Event{Type: RunFinished, Status: "finished"})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, JournalFile)
	whole, _ := os.ReadFile(path)
	nothing := func(*Event) error { return nil }
	if err := ReadJournal(dir, nothing); err != nil {
		t.Fatal(err)
	}
	for i := range whole[:len(whole)-1] { // without the last line's end, that line is cut short
		for bit := range 8 {
			bad := append([]byte(nil), whole...)
			bad[i] ^= 1 << bit
			os.WriteFile(path, bad, 0o666)
			if err := ReadJournal(dir, nothing); err == nil {
				t.Fatalf("bit %d of byte %d was flipped unseen", bit, i)
			}
		}
	}
}

// restlessKind reads what has a version and is no file.
type restlessKind struct {
	Told bool `yaml:"told" doc:"whether anything tells the version"`
}

// outsideIs is the version, and after what a run finds it to be at its end.
var outsideIs, afterwards string

func (k *restlessKind) Ports() (in, out []Port) {
	return nil, []Port{{Name: Out, Type: artifacts.File}}
}
func (k *restlessKind) Check(c *Check) {}
func (k *restlessKind) Run(ctx context.Context, env *Env) error {
	if afterwards != "" {
		outsideIs, afterwards = afterwards, ""
	}
	w, err := env.CreateFile(Out, artifacts.File, "txt")
	if err == nil {
		_, err = w.Write([]byte("rows"))
	}
	return err
}
func (k *restlessKind) OutsideVersion(context.Context, time.Time) (string, bool, error) {
	return outsideIs, k.Told, nil
}

// TestVersionOutside: the version is in the key, one that changes meanwhile keeps
// nothing, and where nothing tells, the stage runs each time.
func TestVersionOutside(t *testing.T) {
	kinds := NewKinds(Info{Name: "restless", Version: 1, New: func() Kind { return &restlessKind{} }})
	s := testStore(t)
	run := func(told bool) string {
		t.Helper()
		p, err := Load(context.Background(), &text.File{Name: "p.yaml", Data: fmt.Appendf(nil, "pipeline: p\nstages: { a: { uses: restless, with: { told: %v } } }\n", told)}, LoadOptions{Kinds: kinds})
		if err != nil {
			t.Fatal(err)
		}
		rec := &recording{}
		res, err := Run(context.Background(), p, RunOptions{ID: "r", Store: s, Sink: rec, Jobs: 1})
		if res == nil || err != nil && len(res.Failures) == 0 {
			t.Fatal(err)
		}
		return fmt.Sprint(rec.ends(), res.Failures)
	}
	outsideIs = "1"
	for _, c := range []struct {
		told        bool
		is, becomes string
		want        string
	}{
		{true, "1", "", "a=finished[]"}, {true, "1", "", "a=cached[]"}, {true, "2", "", "a=finished[]"},
		{true, "3", "4", `a=failed[stage "a": what the stage reads changed meanwhile, so its outputs are not kept: its version was 3 and is 4]`},
		{true, "3", "", "a=finished[]"},
		{false, "", "", "a=finished[]"}, {false, "", "", "a=finished[]"},
	} {
		outsideIs, afterwards = c.is, c.becomes
		if got := run(c.told); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
