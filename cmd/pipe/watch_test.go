package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// said is what a command that goes on has printed so far.
type said struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.Write(b)
}

// wait returns when the text has come n times.
func (s *said) wait(t *testing.T, text string, n int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		s.mu.Lock()
		got := strings.Count(s.all.String(), text)
		s.mu.Unlock()
		if got >= n {
			return
		}
	}
	t.Fatalf("%q has not come %d times:\n%s", text, n, s.all.String())
}

// A file that is gone and comes back is seen, whether it was known before or
// not.
func TestWatchSeesFilesComeBack(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(name, content string) {
		if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("p.yaml", "pipeline: p\nstages:\n  rows: { uses: source.csv, with: { path: rows.csv } }\n")
	ctx, stop := context.WithCancel(context.Background())
	out := &said{}
	root := newRoot()
	root.SetArgs([]string{"run", "--watch", "p.yaml"})
	root.SetOut(out)
	root.SetErr(out)
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx) }()

	out.wait(t, "watching p.yaml", 1) // rows.csv was never there
	write("rows.csv", "id\n1\n")
	out.wait(t, "finished in", 1)
	out.wait(t, "watching p.yaml and 1 files", 1)
	if err := os.Remove("rows.csv"); err != nil {
		t.Fatal(err)
	}
	out.wait(t, "missing-file", 2)
	out.wait(t, "watching p.yaml", 3)
	write("rows.csv", "id\n1\n2\n")
	out.wait(t, "finished in", 2)
	out.wait(t, "watching p.yaml", 4)
	write("rows.csv", "id\n1\n2\n3\n")
	out.wait(t, "finished in", 3)
	stop()
	if err := <-ended; exitCode(err) != exitInterrupted {
		t.Errorf("it ended with %v", err)
	}
}
