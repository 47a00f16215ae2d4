package artifacts

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// Still says no to everything that would make Lookup say something else, and
// yes again when Lookup was asked and has found all as it was.
func TestStillSeesWhatLookupWouldSee(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".pipe")
	writer := openStore(t, dir)
	k := keyOf("train")
	want := sampleRecord(t, writer)
	folder, err := writer.CreateFolder(Model)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Abort()
	if err := folder.Add("b", mustPut(t, writer, []byte("two"))); err != nil {
		t.Fatal(err)
	}
	if want.Outputs["folder"], err = folder.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := writer.Record(k, want); err != nil {
		t.Fatal(err)
	}
	if sight, _ := writer.Sight(k); sight == "" {
		t.Skip("skipped: stat says too little on this system")
	}
	text, err := os.ReadFile(writer.keyPath(k))
	if err != nil {
		t.Fatal(err)
	}
	object := writer.objectPath(want.Outputs["model"].Digest)
	part := writer.objectPath(DigestOf([]byte("two")))

	var seen []Seen
	var named []Since
	look := func(s *Store) {
		t.Helper()
		if _, ok := s.Lookup(k); !ok {
			t.Fatal("not found")
		}
		see(s, k, want, &seen, &named)
	}
	see(writer, k, want, &seen, &named)
	if s := openStore(t, dir); !s.Still(seen, named) || !s.Still(nil, nil) {
		t.Error("what was recorded is not there still")
	}
	again := func() error {
		_ = os.Remove(object)
		_, err := openStore(t, dir).PutBytes(File, "", []byte("weights"))
		return err
	}
	for _, doubt := range []struct {
		name    string
		happens func() error
		mend    func() error // nil where Lookup finds all as it was
	}{
		{"the record is gone", func() error { return os.Remove(writer.keyPath(k)) }, func() error { return writer.Record(k, want) }},
		{"the record is written again", func() error { return writer.Record(k, want) }, nil},
		{"the record is edited", func() error { return overwrite(writer.keyPath(k), []byte("x"+string(text[1:]))) }, func() error { return writer.Record(k, want) }},
		{"the record is touched", func() error { return os.Chtimes(writer.keyPath(k), time.Time{}, time.Now()) }, nil},
		{"the record was last used long ago", func() error {
			old := time.Now().Add(-2 * touchInterval)
			return os.Chtimes(writer.keyPath(k), old, old)
		}, nil},
		{"an object is gone", func() error { return os.Rename(object, object+"~") }, func() error { return os.Rename(object+"~", object) }},
		{"an object is cut", func() error { return overwrite(object, []byte("weight")) }, again},
		{"an object is edited", func() error { return overwrite(object, []byte("weighty")) }, again},
		{"an object is written again", func() error { return overwrite(object, []byte("weights")) }, nil},
		{"a link takes an object's place", func() error {
			if err := os.Rename(object, object+"~"); err != nil {
				return err
			}
			return os.Symlink(object+"~", object)
		}, func() error { return os.Rename(object+"~", object) }},
		{"a file of a folder is gone", func() error { return os.Rename(part, part+"~") }, func() error { return os.Rename(part+"~", part) }},
	} {
		time.Sleep(10 * time.Millisecond) // beyond the resolution of file times
		s := openStore(t, dir)
		if !s.Still(seen, named) {
			t.Errorf("before %s: not there still", doubt.name)
		}
		if err := doubt.happens(); err != nil {
			t.Fatal(doubt.name, err)
		}
		s = openStore(t, dir)
		if s.Still(seen, named) {
			t.Errorf("%s: nothing is noticed", doubt.name)
		}
		if doubt.mend != nil {
			if _, ok := s.Lookup(k); ok {
				t.Errorf("%s: Lookup finds it", doubt.name)
			}
			if err := doubt.mend(); err != nil {
				t.Fatal(doubt.name, err)
			}
		}
		look(openStore(t, dir))
	}

	if sight, _ := openStore(t, dir).Sight(k); sight != "" {
		t.Error("a process has seen a record that it has not looked up")
	}
	if s := openStore(t, dir); s.Still([]Seen{{Key: k}}, nil) || s.Still([]Seen{{Key: "no key", Sight: seen[0].Sight}}, nil) || s.Still(nil, []Since{{}}) {
		t.Error("what was never seen is there still")
	}
}

// see lists what a store has seen of a key.
func see(s *Store, k Key, r *Record, seen *[]Seen, named *[]Since) {
	sight, log := s.Sight(k)
	*seen, *named = []Seen{{k, sight}}, nil
	for _, ref := range append(slices.Collect(maps.Values(r.Outputs)), *log) {
		*named = append(*named, Since{ref, sight.Recorded()})
	}
}

func overwrite(path string, b []byte) error {
	if err := os.Chmod(path, 0o666); err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o666)
}
