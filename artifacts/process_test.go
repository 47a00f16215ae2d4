package artifacts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The tests in this file start this test binary again, to have processes that
// can compete and be killed.

const (
	childTask  = "PIPE_ARTIFACTS_TEST_TASK"
	childStore = "PIPE_ARTIFACTS_TEST_STORE"
	childArg   = "PIPE_ARTIFACTS_TEST_ARG"
)

var childTasks = map[string]func(s *Store, arg string) error{
	"stages": runStages,
	"count":  countOnce,
	"hold":   holdDraft,
}

func TestMain(m *testing.M) {
	task, ok := childTasks[os.Getenv(childTask)]
	if !ok {
		os.Exit(m.Run())
	}
	s, err := Open(os.Getenv(childStore))
	if err == nil {
		err = task(s, os.Getenv(childArg))
		err = errors.Join(err, s.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(t testing.TB, task, store, arg string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childTask+"="+task, childStore+"="+store, childArg+"="+arg)
	return cmd
}

// stageOutput is what the stage i writes: small and large files, and a folder.
func stageOutput(i int) []byte {
	sizes := []int{10, 5000, blockSize + 1, 4 * blockSize}
	return randomBytes(uint64(i), sizes[i%len(sizes)])
}

const stageCount = 12

// runStages does what a run does: for each stage a look-up, and at a miss the
// work, a commit and a record.
func runStages(s *Store, _ string) error {
	for i := range stageCount {
		k := keyOf(fmt.Sprint("stage ", i))
		unlock, err := s.LockKey(context.Background(), k, nil)
		if err != nil {
			return err
		}
		err = runStage(s, k, i)
		unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

func runStage(s *Store, k Key, i int) error {
	if _, ok := s.Lookup(k); ok {
		return nil
	}
	d, err := s.Create(File, "")
	if err != nil {
		return err
	}
	defer d.Abort()
	if _, err := io.Copy(d, bytes.NewReader(stageOutput(i))); err != nil {
		return err
	}
	ref, err := d.Commit()
	if err != nil {
		return err
	}
	f, err := s.CreateFolder(Model)
	if err != nil {
		return err
	}
	defer f.Abort()
	if err := f.Add("big", ref); err != nil {
		return err
	}
	w, err := f.Create("small")
	if err != nil {
		return err
	}
	fmt.Fprint(w, i)
	if err := w.Close(); err != nil {
		return err
	}
	folder, err := f.Commit()
	if err != nil {
		return err
	}
	return s.Record(k, &Record{Kind: "test", Outputs: map[string]Ref{"file": ref, "model": folder}})
}

func checkStages(t *testing.T, s *Store) {
	t.Helper()
	for i := range stageCount {
		r, ok := s.Lookup(keyOf(fmt.Sprint("stage ", i)))
		if !ok {
			t.Errorf("stage %d: miss", i)
			continue
		}
		if got, err := s.ReadAll(r.Outputs["file"]); err != nil || !bytes.Equal(got, stageOutput(i)) {
			t.Errorf("stage %d: %d bytes, %v", i, len(got), err)
		}
		folder, err := s.OpenFolder(r.Outputs["model"])
		if err != nil {
			t.Errorf("stage %d: %v", i, err)
			continue
		}
		if got, err := folder.ReadFile("small"); err != nil || string(got) != strconv.Itoa(i) {
			t.Errorf("stage %d: %q, %v", i, got, err)
		}
	}
}

func TestKilledAtAnyMoment(t *testing.T) {
	kills := 40
	if n, err := strconv.Atoi(os.Getenv("PIPE_TEST_KILLS")); err == nil {
		kills = n
	}
	if testing.Short() {
		kills = 5
	}
	dir := filepath.Join(t.TempDir(), ".pipe")
	rng := rand.New(rand.NewPCG(1, 2))
	killed := 0
	for i := range kills {
		cmd := child(t, "stages", dir, "")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(rng.IntN(60))*time.Millisecond, func() { cmd.Process.Kill() })
		if err := cmd.Wait(); err != nil {
			killed++
		}
		timer.Stop()
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		findings, err := s.Verify(context.Background(), nil)
		if err != nil || len(findings) > 0 {
			t.Fatalf("after kill %d: %v, %v", i, findings, err)
		}
		if sessions, err := os.ReadDir(filepath.Join(dir, "tmp")); err != nil || len(sessions) != 1 {
			t.Errorf("after kill %d: sessions %v, %v", i, sessions, err)
		}
		if i%4 == 3 {
			gc(t, s, Roots{}, GCOptions{}) // begin anew
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d processes were killed before they were done", killed, kills)
	if killed == 0 {
		t.Error("no process was killed")
	}
	if out, err := child(t, "stages", dir, "").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	checkStages(t, openStore(t, dir))
}

func TestProcessesShareAStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".pipe")
	var children []*exec.Cmd
	var outputs []*bytes.Buffer
	for range 4 {
		cmd := child(t, "stages", dir, "")
		out := new(bytes.Buffer)
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		children, outputs = append(children, cmd), append(outputs, out)
	}
	// A collector that keeps nothing but what live processes need.
	s := openStore(t, dir)
	removed := 0
	for range 20 {
		removed += gc(t, s, Roots{}, GCOptions{}).RemovedObjects
		time.Sleep(5 * time.Millisecond)
	}
	t.Logf("%d objects were collected", removed)
	for i, cmd := range children {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, outputs[i])
		}
	}
	if err := runStages(s, ""); err != nil {
		t.Fatal(err)
	}
	checkStages(t, s)
	if findings, err := s.Verify(context.Background(), nil); err != nil || len(findings) > 0 {
		t.Errorf("%v, %v", findings, err)
	}
}

// countOnce appends a line to the file arg unless the key has a record.
func countOnce(s *Store, arg string) error {
	k := keyOf("count")
	unlock, err := s.LockKey(context.Background(), k, nil)
	if err != nil {
		return err
	}
	defer unlock()
	if _, ok := s.Lookup(k); ok {
		return nil
	}
	f, err := os.OpenFile(arg, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer f.Close()
	fmt.Fprintln(f, "executed")
	time.Sleep(20 * time.Millisecond)
	return s.Record(k, &Record{Kind: "test"})
}

func TestOneProcessWorksAndTheOthersTakeItsResult(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".pipe")
	log := filepath.Join(t.TempDir(), "log")
	var children []*exec.Cmd
	for range 5 {
		cmd := child(t, "count", dir, log)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		children = append(children, cmd)
	}
	for _, cmd := range children {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	if got, err := os.ReadFile(log); err != nil || string(got) != "executed\n" {
		t.Errorf("%q, %v", got, err)
	}
}

// holdDraft keeps a half-written draft and a key's lock until it is killed.
func holdDraft(s *Store, _ string) error {
	d, err := s.Create(File, "")
	if err != nil {
		return err
	}
	if _, err := d.Write(make([]byte, 3*blockSize)); err != nil {
		return err
	}
	unlock, err := s.LockKey(context.Background(), keyOf("held"), nil)
	if err != nil {
		return err
	}
	defer unlock()
	fmt.Println("ready")
	time.Sleep(time.Hour)
	return nil
}

func TestLeftoversOfAKilledProcessAreRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".pipe")
	cmd := child(t, "hold", dir, "")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("ready"))); err != nil {
		t.Fatal(err)
	}
	drafts := func() (n int) {
		for _, name := range filesIn(t, filepath.Join(dir, "tmp")) {
			if base := filepath.Base(name); base != "lock" && base != "leases" {
				n++
			}
		}
		return n
	}
	live := openStore(t, dir)
	if drafts() != 1 {
		t.Errorf("%d drafts beside a live process, want 1", drafts())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := live.LockKey(ctx, keyOf("held"), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("lock of a live process: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("wait: %v", err)
	}
	s := openStore(t, dir)
	if drafts() != 0 {
		t.Errorf("%d drafts of a dead process are left", drafts())
	}
	unlock, err := s.LockKey(context.Background(), keyOf("held"), nil)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}
