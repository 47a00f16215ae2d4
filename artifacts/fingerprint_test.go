package artifacts

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// outsideFixture is a folder of outside files that are too old to be racy.
func outsideFixture(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// later makes the store's clock run an hour ahead, so that files made just now
// are not racy.
func later(s *Store) { s.now = func() time.Time { return time.Now().Add(time.Hour) } }

func fingerprint(t *testing.T, s *Store, path string) Fingerprint {
	t.Helper()
	fp, err := s.Fingerprint(path)
	if err != nil {
		t.Fatal(err)
	}
	return fp
}

func TestFingerprintOfAFileIsItsDigest(t *testing.T) {
	s := newStore(t)
	dir := outsideFixture(t, map[string]string{"a.csv": "hello"})
	fp := fingerprint(t, s, filepath.Join(dir, "a.csv"))
	if fp.Digest != DigestOf([]byte("hello")) || fp.Size != 5 || fp.Files != 1 {
		t.Errorf("%+v", fp)
	}
}

func TestFingerprintOfAFolderSeesEveryChange(t *testing.T) {
	s := newStore(t)
	files := map[string]string{"a": "1", "b/c": "22", ".hidden": "333"}
	dir := outsideFixture(t, files)
	first := fingerprint(t, s, dir)
	if first.Files != 3 || first.Size != 6 {
		t.Errorf("%+v", first)
	}
	if again := fingerprint(t, s, outsideFixture(t, files)); again.Digest != first.Digest {
		t.Error("the same files elsewhere have another digest")
	}
	for name, change := range map[string]func(dir string) error{
		"b/c":     func(d string) error { return os.WriteFile(filepath.Join(d, "b/c"), []byte("2x"), 0o666) },
		"new":     func(d string) error { return os.WriteFile(filepath.Join(d, "new"), nil, 0o666) },
		".hidden": func(d string) error { return os.Remove(filepath.Join(d, ".hidden")) },
		"a":       func(d string) error { return os.Rename(filepath.Join(d, "a"), filepath.Join(d, "a2")) },
	} {
		dir := outsideFixture(t, files)
		before := fingerprint(t, s, dir)
		if err := s.Unchanged(before); err != nil {
			t.Error(err)
		}
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		if err := s.Unchanged(before); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, name)+" changed") {
			t.Errorf("change of %s: error %v", name, err)
		}
		if after := fingerprint(t, s, dir); after.Digest == before.Digest {
			t.Errorf("change of %s is not seen", name)
		}
	}
}

func TestFingerprintTreeLeavesOut(t *testing.T) {
	s := newStore(t)
	dir := outsideFixture(t, map[string]string{"a.go": "a", "a_test.go": "b", "testdata/x": "c"})
	keep := func(rel string, isDir bool) bool { return isDir && rel != "testdata" || rel == "a.go" }
	fp, err := s.FingerprintTree(dir, keep)
	if err != nil || fp.Files != 1 {
		t.Fatalf("%+v, %v", fp, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "testdata/y"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := s.Unchanged(fp); err != nil {
		t.Error(err)
	}
}

func TestUnchangedFileIsNotReadAgain(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), ".pipe")
	dir := outsideFixture(t, map[string]string{"a": "content"})
	path := filepath.Join(dir, "a")
	var want Fingerprint
	withStore(t, pipe, func(s *Store) {
		later(s)
		want = fingerprint(t, s, path)
	})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	withStore(t, pipe, func(s *Store) {
		if _, ok := s.stats.get(path, identify(info)); !ok {
			t.Error("the digest was not saved")
		}
		if got := fingerprint(t, s, path); got.Digest != want.Digest {
			t.Errorf("%+v", got)
		}
	})
}

func TestYoungFileIsNotTrusted(t *testing.T) {
	s := newStore(t)
	dir := outsideFixture(t, map[string]string{"a": "one"})
	path := filepath.Join(dir, "a")
	// The clock stands still, as if all of this happened within one tick.
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	s.now = info.ModTime
	before := fingerprint(t, s, path)
	if err := os.WriteFile(path, []byte("two"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if after := fingerprint(t, s, path); after.Digest == before.Digest {
		t.Error("a change within a tick of the clock was missed")
	}
}

func TestChangeWithTheOldTimeIsSeen(t *testing.T) {
	s := newStore(t)
	later(s)
	dir := outsideFixture(t, map[string]string{"a": "one"})
	path := filepath.Join(dir, "a")
	before := fingerprint(t, s, path)
	info, _ := os.Stat(path)
	time.Sleep(20 * time.Millisecond) // a tick of the file system's clock
	if err := os.WriteFile(path, []byte("two"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if after := fingerprint(t, s, path); after.Digest == before.Digest {
		t.Error("a file of the same size and time but other content was taken for the old one")
	}
}

func TestFingerprintFollowsLinksButNotInCircles(t *testing.T) {
	s := newStore(t)
	data := outsideFixture(t, map[string]string{"x": "linked", "sub/y": "too"})
	dir := outsideFixture(t, map[string]string{"a": "1"})
	if err := os.Symlink(data, filepath.Join(dir, "data")); err != nil {
		t.Fatal(err)
	}
	if fp := fingerprint(t, s, dir); fp.Files != 3 {
		t.Errorf("%+v", fp)
	}
	if err := os.Symlink(dir, filepath.Join(data, "back")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Fingerprint(dir); err == nil || !strings.Contains(err.Error(), "leads back") {
		t.Errorf("error %v", err)
	}
}

func TestFingerprintRefusesWhatIsNoFile(t *testing.T) {
	s := newStore(t)
	dir := outsideFixture(t, map[string]string{"a": "1"})
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o666); err != nil {
		t.Skip("skipped: no named pipes here: ", err)
	}
	for _, path := range []string{dir, fifo, filepath.Join(dir, "absent")} {
		if _, err := s.Fingerprint(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v", path, err)
		}
	}
}

func TestDamagedStatCacheIsIgnored(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), ".pipe")
	dir := outsideFixture(t, map[string]string{"a": "content", "b": "more"})
	withStore(t, pipe, func(s *Store) {
		later(s)
		fingerprint(t, s, dir)
	})
	path := filepath.Join(pipe, "stat")
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if entries := readStats(path); len(entries) != 2 {
		t.Fatalf("entries %v", entries)
	}
	for i := range sound {
		damaged := append([]byte(nil), sound...)
		damaged[i] ^= 4
		if _, err := parseStats(damaged); err == nil {
			t.Errorf("a flipped bit in byte %d is not noticed", i)
		}
	}
	for n := range sound {
		if _, err := parseStats(sound[:n]); err == nil {
			t.Errorf("a cut after %d bytes is not noticed", n)
		}
	}
}

func TestStatCachesOfTwoProcessesAreMerged(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), ".pipe")
	dir := outsideFixture(t, map[string]string{"a": "1", "b": "2", "gone": "3"})
	a, b := openStore(t, pipe), openStore(t, pipe)
	later(a)
	later(b)
	fingerprint(t, a, filepath.Join(dir, "a"))
	fingerprint(t, a, filepath.Join(dir, "gone"))
	fingerprint(t, b, filepath.Join(dir, "b"))
	if err := a.saveStats(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "gone")); err != nil {
		t.Fatal(err)
	}
	if err := b.saveStats(); err != nil {
		t.Fatal(err)
	}
	entries := readStats(filepath.Join(pipe, "stat"))
	if len(entries) != 2 || entries[filepath.Join(dir, "a")].digest == "" || entries[filepath.Join(dir, "b")].digest == "" {
		t.Errorf("entries %v", entries)
	}
}
