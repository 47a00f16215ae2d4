package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestKilledAnywhere kills runs with SIGKILL at random moments, each with an
// empty store: the next run completes, nothing is damaged, and the results are
// those of a run that was left alone. PIPE_FAULT_KILLS sets how many.
func TestKilledAnywhere(t *testing.T) {
	s := newScene(t)
	started := time.Now()
	want := s.complete()
	full := time.Since(started)
	rng := rand.New(rand.NewPCG(uint64(started.UnixNano()), 0))
	kills, late, reused := rounds(t, "PIPE_FAULT_KILLS", 4), 0, 0
	for range kills {
		if err := os.RemoveAll(s.store); err != nil {
			t.Fatal(err)
		}
		c := s.command("run", "pipeline.yaml", "-q")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rng.Int64N(int64(full))))
		_ = c.Process.Kill()
		if c.Wait() == nil {
			late++ // it was quicker
		}
		got := s.complete()
		s.same(got, want)
		s.sound()
		reused += faultStages - len(got.ran)
	}
	t.Logf("%d kills within %v, %d of them after the end; of the %d stages that followed, %d were found in the store",
		kills, full.Round(time.Millisecond), late, kills*faultStages, reused)
}

// TestFlippedBits changes one bit of one file at a time. Verify finds it; a
// run gives what it gave before; and then all is sound again. PIPE_FAULT_FLIPS
// sets how many.
func TestFlippedBits(t *testing.T) {
	s := newScene(t)
	want := s.complete()
	rng := rand.New(rand.NewPCG(3, 4))
	for round := range rounds(t, "PIPE_FAULT_FLIPS", 6) {
		kind := []string{"objects/*/*", "keys/*/*", "runs/*/journal.jsonl"}[round%3]
		files := s.files(kind)
		path := files[rng.IntN(len(files))]
		before := flipBit(t, path, rng)
		code, said := s.pipe("artifacts", "verify")
		if len(before) == 0 {
			continue // an empty file has no bits
		}
		if code != exitDamaged || !strings.Contains(said, filepath.Base(path)) && !strings.Contains(said, filepath.Base(filepath.Dir(path))) {
			t.Errorf("a flipped bit in %s: exit code %d, and verify says:\n%s", path, code, said)
		}
		if kind == "runs/*/journal.jsonl" { // a journal is history: nothing can make it again
			restore(t, path, before)
		}
		s.same(s.complete(), want)
		s.sound()
	}
}

// TestTamperedOutput edits, cuts and deletes a stored output behind pipe's
// back: the next run makes it again.
func TestTamperedOutput(t *testing.T) {
	s := newScene(t)
	want := s.complete()
	digest := want.digests["columns.out"]
	object := filepath.Join(s.store, "objects", digest[:2], digest[2:])
	for name, tamper := range map[string]func(){
		"edited":  func() { flipBit(t, object, rand.New(rand.NewPCG(5, 6))) },
		"cut":     func() { restore(t, object, nil) },
		"deleted": func() { check(t, os.Remove(object)) },
	} {
		time.Sleep(20 * time.Millisecond) // beyond the resolution of file times
		tamper()
		got := s.complete()
		s.same(got, want)
		if !got.ran["columns"] || len(got.ran) != 1 {
			t.Errorf("%s: ran %v, want columns alone", name, got.ran)
		}
		s.sound()
	}
	if again := s.complete(); len(again.ran) > 0 {
		t.Errorf("after that, %v ran again", again.ran)
	}
}

// TestDamagedInputIsRefused flips a bit without a trace in the file's times,
// as a failing disk does: a stage that reads it fails, and the next run makes
// the input again.
func TestDamagedInputIsRefused(t *testing.T) {
	s := newScene(t)
	want := s.complete()
	digest := want.digests["few.out"]
	object := filepath.Join(s.store, "objects", digest[:2], digest[2:])
	info, err := os.Stat(object)
	check(t, err)
	flipBit(t, object, rand.New(rand.NewPCG(7, 8)))
	check(t, os.Chtimes(object, info.ModTime(), info.ModTime()))
	code, said := s.pipe("run", "pipeline.yaml", "-q", "--force=columns")
	if code != exitDamaged || !strings.Contains(said, "is damaged") {
		t.Errorf("exit code %d:\n%s", code, said)
	}
	got := s.complete("--force=columns")
	s.same(got, want)
	if !got.ran["few"] {
		t.Error("the damaged input was not made again")
	}
	s.sound()
}

// TestTwoRunsAtOnce starts the pipeline twice at the same time: each stage
// runs once, in one of the two, and both give the same.
func TestTwoRunsAtOnce(t *testing.T) {
	s := newScene(t)
	code, said := s.pipe("check", "pipeline.yaml")
	if code != exitDone {
		t.Fatal(said)
	}
	var both [2]outcome
	var wait sync.WaitGroup
	for i := range both {
		wait.Go(func() {
			out, err := s.command("run", "pipeline.yaml", "--json").Output()
			if err != nil {
				t.Errorf("run %d: %v", i, err)
				return
			}
			both[i] = s.outcome(string(out))
		})
	}
	wait.Wait()
	if t.Failed() {
		return
	}
	s.same(both[1], both[0])
	for stage := range both[0].ran {
		if both[1].ran[stage] {
			t.Errorf("stage %s ran twice", stage)
		}
	}
	if n := len(both[0].ran) + len(both[1].ran); n != faultStages {
		t.Errorf("%d stages ran, not %d", n, faultStages)
	}
	s.sound()
}

// flipBit changes one bit of a file and gives its content from before.
func flipBit(t *testing.T, path string, rng *rand.Rand) []byte {
	t.Helper()
	before, err := os.ReadFile(path)
	check(t, err)
	if len(before) == 0 {
		return nil
	}
	after := append([]byte(nil), before...)
	after[rng.IntN(len(after))] ^= 1 << rng.IntN(8)
	restore(t, path, after)
	return before
}

// restore writes a file in its place, read-only or not.
func restore(t *testing.T, path string, content []byte) {
	t.Helper()
	check(t, os.Chmod(path, 0o644))
	check(t, os.WriteFile(path, content, 0o644))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
