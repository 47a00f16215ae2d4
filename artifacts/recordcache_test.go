package artifacts

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// openLater opens a store whose clock goes ahead, so that the files of a test are
// old enough to be remembered.
func openLater(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { return time.Now().Add(time.Minute) }
	return s
}

func lookUp(t *testing.T, s *Store, keys []Key) (found []*Record) {
	t.Helper()
	for _, k := range keys {
		r, ok := s.Lookup(k)
		if !ok {
			r = nil
		}
		found = append(found, r)
	}
	return found
}

func TestRecordsAreRemembered(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".pipe")
	s := openLater(t, dir)
	var keys []Key
	for i := range 2 * fewRecords {
		k := keyOf(fmt.Sprint("stage ", i))
		r := sampleRecord(t, s)
		r.Outputs["extra"] = mustPut(t, s, fmt.Appendf(nil, "bytes %d", i))
		if err := s.Record(k, r); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	want := lookUp(t, s, keys)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "records")
	saved, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}

	s = openLater(t, dir)
	if got := lookUp(t, s, keys); !reflect.DeepEqual(got, want) {
		t.Error("what is remembered is not what was recorded")
	}
	if len(s.records.used) != len(keys) || s.records.changed {
		t.Errorf("%d of %d look-ups were answered from the file", len(s.records.used), len(keys))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	// An edited record is read again, though its size and its mtime are as before.
	path := s.keyPath(keys[0])
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(b, []byte("0.25"), []byte("0.26"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	// A forgotten one is not found.
	if err := s.Forget(keys[1]); err != nil {
		t.Fatal(err)
	}
	want[0], want[1] = nil, nil
	s = openLater(t, dir)
	if got := lookUp(t, s, keys); !reflect.DeepEqual(got, want) {
		t.Error("an edited or forgotten record was answered from memory")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	// A damaged file of records is as good as none.
	for _, at := range []int{0, len(recordsPrefix) + 3, len(saved) / 2, len(saved) - 1} {
		damaged := bytes.Clone(saved)
		damaged[at] ^= 0x10
		if err := os.WriteFile(file, damaged, 0o666); err != nil {
			t.Fatal(err)
		}
		s := openLater(t, dir)
		if got := lookUp(t, s, keys); !reflect.DeepEqual(got, want) {
			t.Errorf("with a bit of byte %d changed, other records are found", at)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestYoungRecordsAreNotRemembered(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".pipe")
	s := openStore(t, dir)
	now := time.Now() // the clock stands still: every record is as young as can be
	s.now = func() time.Time { return now }
	var keys []Key
	for i := range 2 * fewRecords {
		k := keyOf(fmt.Sprint("stage ", i))
		if err := s.Record(k, sampleRecord(t, s)); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	lookUp(t, s, keys)
	if s.records.changed {
		t.Error("a record was remembered that could still change without a trace")
	}
}

func FuzzRecords(f *testing.F) {
	one := encodeRecords(map[Key]recordEntry{keyOf("a"): {identity{dev: 1, ino: 2, size: 3}, []byte("abc")}}, nil)
	_, body, _ := bytes.Cut(one, []byte("\n"))
	f.Add(body)
	f.Fuzz(func(t *testing.T, body []byte) {
		head := fmt.Appendf(nil, "%s%s\n", recordsPrefix, DigestOf(body))
		got, err := parseRecords(append(head, body...))
		if err != nil {
			return
		}
		again, err := parseRecords(encodeRecords(got, nil))
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%d records became %d: %v", len(got), len(again), err)
		}
	})
}
