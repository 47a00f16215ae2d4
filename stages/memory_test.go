package stages

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
)

// memoryChild holds the CSV file for the process whose memory is measured.
const memoryChild = "PIPE_TEST_MEMORY_CSV"

// Memory is bounded by the batch and not by the data: a CSV file ten times as
// large as GOMEMLIMIT goes through source.csv, clean and split, and the memory
// that the process has of its own (RssAnon: what is mapped from files can be
// taken back) stays near the limit.
func TestMemoryIsBounded(t *testing.T) {
	if path := os.Getenv(memoryChild); path != "" {
		tableStages(t, path)
		return
	}
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skipf("skipped: the memory of a process is read from /proc: %v", err)
	}
	if raceDetector {
		t.Skip("skipped: the race detector needs memory of its own")
	}
	const limit = 20 << 20
	size := int64(10 * limit)
	if testing.Short() {
		size = 2 * limit
	}
	csv := filepath.Join(t.TempDir(), "large.csv")
	rows := writeLargeCSV(t, csv, size)
	child := exec.Command(os.Args[0], "-test.run=^TestMemoryIsBounded$", "-test.v")
	child.Env = append(os.Environ(), memoryChild+"="+csv, fmt.Sprintf("GOMEMLIMIT=%d", limit), "GOGC=50")
	var out bytes.Buffer
	child.Stdout, child.Stderr = &out, &out
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	peak, err := watch(child)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.Bytes())
	}
	if want := fmt.Sprintf("%d rows in, %d rows out", rows, rows); !strings.Contains(out.String(), want) {
		t.Fatalf("the process did not say %q:\n%s", want, out.Bytes())
	}
	t.Logf("%d MiB of CSV under a limit of %d MiB: at most %d MiB", size>>20, limit>>20, peak>>20)
	// A batch holds at most 32 MiB of text and exists up to four times at once:
	// read, normalised, picked and buffered for writing.
	if most := int64(112 << 20); peak > most {
		t.Errorf("%d MiB of CSV took %d MiB of memory, more than %d", size>>20, peak>>20, most>>20)
	}
}

// tableStages is the work of the child.
func tableStages(t *testing.T, csv string) {
	s := dagtest.Store(t)
	source := dagtest.New(t, &SourceCSV{}, "path: x")
	source.Path = dag.Path(csv)
	read := dagtest.Run(t, s, source, nil)["out"]
	cleaned := dagtest.Run(t, s, dagtest.New(t, &Clean{}, "{text: [nfc, lowercase, collapse_space], drop_null: [text, label], where: size(text) >= 20}"), map[string]artifacts.Ref{"in": read})["out"]
	parts := dagtest.Run(t, s, dagtest.New(t, &Split{}, "{train: 0.8, validation: 0.1, test: 0.1, stratify: label}"), map[string]artifacts.Ref{"in": cleaned})
	fmt.Printf("%d rows in, %d rows out\n", read.Rows, parts["train"].Rows+parts["validation"].Rows+parts["test"].Rows)
}

func writeLargeCSV(t *testing.T, path string, size int64) (rows int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintln(w, "id,text,label")
	filler := strings.Repeat("Some words of a sentence. ", 8)
	for written := int64(0); written < size; rows++ {
		n, err := fmt.Fprintf(w, "%d,%s%d,label%d\n", rows, filler[:20+rows*7919%180], rows*104729%1000003, rows%10)
		if err != nil {
			t.Fatal(err)
		}
		written += int64(n)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return rows
}

// watch waits for a process and gives the most memory of its own that it had.
func watch(child *exec.Cmd) (peak int64, err error) {
	done := make(chan error, 1)
	go func() { done <- child.Wait() }()
	for {
		select {
		case err := <-done:
			if peak == 0 && err == nil {
				err = fmt.Errorf("the process ended before its memory was read")
			}
			return peak, err
		case <-time.After(2 * time.Millisecond):
			peak = max(peak, rssAnon(child.Process.Pid))
		}
	}
}

func rssAnon(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "RssAnon:")
	kib, err := strconv.ParseInt(strings.Fields(rest + " 0 kB")[0], 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}
