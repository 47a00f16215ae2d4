package artifacts

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestFullDisk fills a real, small file system.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	mountTmpfs(t, disk, "size=8m")
	dir := filepath.Join(disk, ".pipe")
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	small := mustPut(t, s, []byte("small"))
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 6<<20), 0o666); err != nil {
		t.Fatal(err)
	}

	content := randomBytes(1, 4<<20)
	d, err := s.Create(Table, "parquet")
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Write(content)
	if err == nil {
		_, err = d.Commit()
	}
	d.Abort()
	checkNoSpace(t, err, dir)
	if got := filesIn(t, filepath.Join(dir, "objects")); len(got) != 1 {
		t.Errorf("objects %q", got)
	}
	if left := remains(t, s); len(left) > 0 {
		t.Errorf("left in the session: %q", left)
	}

	// Fill the rest, so that not even a record has room.
	if err := os.WriteFile(filepath.Join(disk, "rest"), make([]byte, 8<<20), 0o666); err == nil {
		t.Fatal("the disk is not full")
	}
	r := &Record{Kind: "test", Outputs: map[string]Ref{"out": small}, Description: []byte(`"` + strings.Repeat("x", 64<<10) + `"`)}
	checkNoSpace(t, s.Record(keyOf("k"), r), dir)
	if _, ok := s.Lookup(keyOf("k")); ok {
		t.Error("a record that was not written is a hit")
	}
	if got, err := s.ReadAll(small); err != nil || string(got) != "small" {
		t.Errorf("%q, %v", got, err)
	}

	for _, name := range []string{"ballast", "rest"} {
		if err := os.Remove(filepath.Join(disk, name)); err != nil {
			t.Fatal(err)
		}
	}
	if ref := mustPutStream(t, s, content); !s.Has(ref) {
		t.Error("no commit after space was freed")
	}
	if err := s.Record(keyOf("k"), r); err != nil {
		t.Error(err)
	}
	if _, ok := s.Lookup(keyOf("k")); !ok {
		t.Error("miss after space was freed")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func checkNoSpace(t *testing.T, err error, store string) {
	t.Helper()
	var full *NoSpaceError
	if !errors.As(err, &full) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("error %v", err)
	}
	if full.Store != store || full.Written == 0 || full.Path == "" || !strings.Contains(err.Error(), "pipe gc") {
		t.Errorf("%+v: %v", full, err)
	}
}

// TestLeaseThatCannotBeWrittenKeepsTheCollectorOut: leases are written when the
// disk may be full, and without them the collector would take too much.
func TestLeaseThatCannotBeWrittenKeepsTheCollectorOut(t *testing.T) {
	l := &leases{held: make(map[string]bool)}
	var err error
	if l.file, err = os.Open(os.DevNull); err != nil { // opened for reading: each write fails
		t.Fatal(err)
	}
	defer l.close()
	lock, err := openGCLock(newStore(t).Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.close()
	lock.beforeUnlock = l.write
	if err := lock.acquire(); err != nil {
		t.Fatal(err)
	}
	l.take(leaseKey, "k")
	lock.release()
	lock.expire()
	if !lock.held {
		t.Error("the lock was given up although the lease is not written")
	}
	if len(l.pending) == 0 {
		t.Error("the lease was forgotten")
	}
}

func TestByteCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 5 << 20: "5.0 MiB", 1 << 62: "4.0 EiB"} {
		if got := byteCount(n); got != want {
			t.Errorf("byteCount(%d) = %q, want %q", n, got, want)
		}
	}
}
