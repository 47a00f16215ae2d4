package artifacts

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func openStore(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newStore(t testing.TB) *Store {
	t.Helper()
	return openStore(t, filepath.Join(t.TempDir(), ".pipe"))
}

// randomBytes is reproducible data that no other seed gives.
func randomBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	rng.Read(b)
	return b
}

func mustPut(t testing.TB, s *Store, b []byte) Ref {
	t.Helper()
	ref, err := s.PutBytes(File, "bin", b)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func keyOf(text string) Key {
	sum := sha256.Sum256([]byte(text))
	return Key(hex.EncodeToString(sum[:]))
}

func TestDraftOfAnySizeReadsBack(t *testing.T) {
	s := newStore(t)
	for _, size := range []int{0, 1, 4095, 4096, 4097, blockSize - 1, blockSize, blockSize + 1, 3*blockSize + 17, 9 * blockSize} {
		want := randomBytes(uint64(size), size)
		for name, write := range map[string]func(*Draft) error{
			"Write in odd pieces": func(d *Draft) error {
				for rest := want; len(rest) > 0; {
					n := min(len(rest), 77777)
					if _, err := d.Write(rest[:n]); err != nil {
						return err
					}
					rest = rest[n:]
				}
				return nil
			},
			"ReadFrom": func(d *Draft) error {
				_, err := d.ReadFrom(bytes.NewReader(want))
				return err
			},
		} {
			d, err := s.Create(Table, "parquet")
			if err != nil {
				t.Fatal(err)
			}
			if err := write(d); err != nil {
				t.Fatalf("%s %d: %v", name, size, err)
			}
			d.SetRows(5)
			ref, err := d.Commit()
			if err != nil {
				t.Fatalf("%s %d: %v", name, size, err)
			}
			d.Abort()
			sum := sha256.Sum256(want)
			if ref != (Ref{Type: Table, Digest: Digest(hex.EncodeToString(sum[:])), Size: int64(size), Format: "parquet", Rows: 5}) {
				t.Fatalf("%s %d: ref %+v", name, size, ref)
			}
			if got, err := s.ReadAll(ref); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s %d: read back %d bytes, %v", name, size, len(got), err)
			}
			if !s.Has(ref) {
				t.Errorf("%s %d: Has is false", name, size)
			}
		}
	}
	if left := filesIn(t, s.session.dir); !reflect.DeepEqual(left, []string{"leases", "lock"}) {
		t.Errorf("left in the session: %q", left)
	}
}

func filesIn(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			names = append(names, rel)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return names
}

func TestObjectFilesAreReadOnlyAndNamedByTheirHash(t *testing.T) {
	s := newStore(t)
	ref := mustPut(t, s, []byte("hello"))
	const sum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	if ref.Digest != sum {
		t.Fatalf("digest %s", ref.Digest)
	}
	info, err := os.Stat(filepath.Join(s.Dir(), "objects", sum[:2], sum[2:]))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm()&0o222 != 0 {
		t.Errorf("object has mode %v", info.Mode())
	}
}

func TestAbortedDraftLeavesNothing(t *testing.T) {
	s := newStore(t)
	for _, size := range []int{10, 5 * blockSize} {
		d, err := s.Create(File, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Write(randomBytes(1, size)); err != nil {
			t.Fatal(err)
		}
		d.Abort()
		if _, err := d.Commit(); err == nil {
			t.Error("a draft was committed after Abort")
		}
		if _, err := d.Write([]byte("x")); err == nil {
			t.Error("a draft was written after Abort")
		}
	}
	if got := filesIn(t, filepath.Join(s.Dir(), "objects")); len(got) > 0 {
		t.Errorf("objects %q", got)
	}
	if left := filesIn(t, s.session.dir); len(left) != 2 {
		t.Errorf("left in the session: %q", left)
	}
}

func TestOpenedObjectCanBeReadInAllWays(t *testing.T) {
	s := newStore(t)
	want := randomBytes(3, blockSize+100)
	o, err := s.Open(mustPut(t, s, want))
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if o.Size() != int64(len(want)) {
		t.Errorf("size %d", o.Size())
	}
	part := make([]byte, 50)
	if _, err := o.ReadAt(part, blockSize); err != nil || !bytes.Equal(part, want[blockSize:blockSize+50]) {
		t.Errorf("ReadAt: %v", err)
	}
	if m, err := o.Map(); err != nil || !bytes.Equal(m, want) {
		t.Errorf("Map: %v", err)
	}
	if _, err := o.Seek(100, io.SeekStart); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(o); err != nil || !bytes.Equal(got, want[100:]) {
		t.Errorf("ReadAll: %v", err)
	}
	empty, err := s.Open(mustPut(t, s, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	if m, err := empty.Map(); err != nil || len(m) != 0 {
		t.Errorf("Map of nothing: %v, %v", m, err)
	}
}

func TestFolder(t *testing.T) {
	s := newStore(t)
	shared := mustPut(t, s, []byte("shared"))
	build := func(order []string) Ref {
		f, err := s.CreateFolder(Model)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Abort()
		for _, name := range order {
			w, err := f.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(w, "content of "+name)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Add("z/shared.bin", shared); err != nil {
			t.Fatal(err)
		}
		ref, err := f.Commit()
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	names := []string{"weights.safetensors", "a/b/c.json", "a-b", "a/d", "network.json"}
	ref := build(names)
	if again := build([]string{"network.json", "a/d", "a-b", "weights.safetensors", "a/b/c.json"}); again != ref {
		t.Errorf("the order of files changes the folder: %v, %v", ref, again)
	}
	if !ref.IsFolder() || ref.Type != Model || !s.Has(ref) {
		t.Errorf("ref %+v", ref)
	}

	folder, err := s.OpenFolder(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(folder, append(names, "z/shared.bin")...); err != nil {
		t.Error(err)
	}
	for _, extract := range []func(string) error{folder.Extract, folder.Link} {
		dir := filepath.Join(t.TempDir(), "out")
		if err := extract(dir); err != nil {
			t.Fatal(err)
		}
		for _, f := range folder.List() {
			want, err := folder.ReadFile(f.Path)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(dir, f.Path)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %q, %v", f.Path, got, err)
			}
		}
		if err := extract(dir); !errors.Is(err, fs.ErrExist) {
			t.Errorf("extract onto existing files: %v", err)
		}
	}
	if err := os.Remove(s.objectPath(shared.Digest)); err != nil {
		t.Fatal(err)
	}
	if s.Has(ref) {
		t.Error("a folder without one of its files is there")
	}
}

func TestFolderWithinAFolder(t *testing.T) {
	s := newStore(t)
	inner, err := s.CreateFolder(Transform)
	if err != nil {
		t.Fatal(err)
	}
	if err := inner.Add("vocabulary.json", mustPut(t, s, []byte("{}"))); err != nil {
		t.Fatal(err)
	}
	innerRef, err := inner.Commit()
	if err != nil {
		t.Fatal(err)
	}
	build := func(names ...string) (Ref, error) {
		outer, err := s.CreateFolder(Model)
		if err != nil {
			t.Fatal(err)
		}
		defer outer.Abort()
		for _, name := range names {
			if err := outer.Add(name, innerRef); err != nil {
				t.Fatal(err)
			}
		}
		return outer.Commit()
	}
	ref, err := build("words", "more/words")
	if err != nil {
		t.Fatal(err)
	}
	folder, err := s.OpenFolder(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(folder, "words/vocabulary.json", "more/words/vocabulary.json"); err != nil {
		t.Error(err)
	}
	if _, err := build("words", "words/vocabulary.json"); err == nil || !strings.Contains(err.Error(), `"words/vocabulary.json" is a file and also the folder`) {
		t.Errorf("a name that is a file and a folder: error %v", err)
	}
}

func TestFolderRefusesNames(t *testing.T) {
	s := newStore(t)
	f, err := s.CreateFolder(File)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Abort()
	ref := mustPut(t, s, []byte("x"))
	for _, name := range []string{"", ".", "..", "/a", "a/", "a//b", "a/../b", "./a", "../a", `a\b`, "a\x00b", "a\nb", "\xff", strings.Repeat("n", 256)} {
		if _, err := f.Create(name); err == nil {
			t.Errorf("Create(%q) succeeded", name)
		}
		if err := f.Add(name, ref); err == nil {
			t.Errorf("Add(%q) succeeded", name)
		}
	}
	if err := f.Add("twice", ref); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Create("twice"); err == nil {
		t.Error("a name was taken twice")
	}
}

func TestFolderWithAnOpenFileIsNotCommitted(t *testing.T) {
	s := newStore(t)
	f, err := s.CreateFolder(File)
	if err != nil {
		t.Fatal(err)
	}
	w, err := f.Create("half")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "half of")
	if _, err := f.Commit(); err == nil || !strings.Contains(err.Error(), "still open") {
		t.Errorf("error %v", err)
	}
	if left := filesIn(t, s.session.dir); len(left) != 2 {
		t.Errorf("left in the session: %q", left)
	}
}

func sampleRecord(t testing.TB, s *Store) *Record {
	t.Helper()
	log := mustPut(t, s, []byte("epoch 1\n"))
	started := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.FixedZone("CET", 3600))
	return &Record{
		Kind:        "nn.train",
		Outputs:     map[string]Ref{"model": mustPut(t, s, []byte("weights")), "history": mustPut(t, s, []byte("1,2,3"))},
		Log:         &log,
		Started:     started,
		Finished:    started.Add(time.Minute),
		Metrics:     json.RawMessage(`{"loss":0.25,"note":"<b>"}`),
		Description: json.RawMessage(`{"config":{"epochs":10}}`),
	}
}

func TestRecordIsFoundByItsKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".pipe")
	s := openStore(t, dir)
	k := keyOf("train")
	if _, ok := s.Lookup(k); ok {
		t.Fatal("found in an empty store")
	}
	want := sampleRecord(t, s)
	if err := s.Record(k, want); err != nil {
		t.Fatal(err)
	}
	for _, store := range []*Store{s, openStore(t, dir)} {
		got, ok := store.Lookup(k)
		if !ok {
			t.Fatal("not found")
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		if got.Started.Location() != time.UTC {
			t.Errorf("time in %v", got.Started.Location())
		}
	}
	if err := s.Forget(k); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Lookup(k); ok {
		t.Error("found after Forget")
	}
}

func TestRecordNeedsItsOutputs(t *testing.T) {
	s := newStore(t)
	r := sampleRecord(t, s)
	r.Outputs["absent"] = Ref{Type: File, Digest: digestOf([]byte("never stored")), Size: 12}
	if err := s.Record(keyOf("k"), r); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	delete(r.Outputs, "absent")
	if err := s.Record(keyOf("k"), r); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.objectPath(r.Outputs["history"].Digest)); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Lookup(keyOf("k")); ok {
		t.Error("a record without one of its outputs was a hit")
	}
}

func TestLockKeyExcludes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".pipe")
	a, b := openStore(t, dir), openStore(t, dir)
	k := keyOf("k")
	unlock, err := a.LockKey(context.Background(), k)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := b.LockKey(ctx, k); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
	other, err := b.LockKey(context.Background(), keyOf("other"))
	if err != nil {
		t.Fatal(err)
	}
	other()
	got := make(chan error)
	go func() {
		unlock, err := b.LockKey(context.Background(), k)
		if err == nil {
			unlock()
		}
		got <- err
	}()
	unlock()
	unlock()
	if err := <-got; err != nil {
		t.Error(err)
	}
	for _, name := range filesIn(t, filepath.Join(dir, "locks")) {
		if strings.HasPrefix(name, "key-") {
			t.Errorf("the lock file %s is left", name)
		}
	}
}
