package artifacts

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// damage rewrites a file in place, as a failing disk would: same inode, same
// name.
func damage(t testing.TB, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(b), 0o644); err != nil {
		t.Fatal(err)
	}
}

func flipBit(rng *rand.Rand) func([]byte) []byte {
	return func(b []byte) []byte {
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		return b
	}
}

func cut(rng *rand.Rand) func([]byte) []byte {
	return func(b []byte) []byte { return b[:rng.IntN(len(b))] }
}

func TestDamagedObjectIsNeverServedAndMadeAgain(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for name, change := range map[string]func([]byte) []byte{
		"flipped bit": flipBit(rng),
		"cut":         cut(rng),
		"longer":      func(b []byte) []byte { return append(b, 0) },
		"zeros":       func(b []byte) []byte { clear(b); return b },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), ".pipe")
			content := randomBytes(7, 100_000)
			k := keyOf("stage")
			var ref Ref
			withStore(t, dir, func(s *Store) {
				ref = mustPut(t, s, content)
				if err := s.Record(k, &Record{Kind: "test", Outputs: map[string]Ref{"out": ref}}); err != nil {
					t.Fatal(err)
				}
				damage(t, s.objectPath(ref.Digest), change)
			})
			s := openStore(t, dir)
			_, err := s.Open(ref)
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || corrupt.Digest != ref.Digest || corrupt.Quarantined == "" {
				t.Fatalf("error %v", err)
			}
			if _, err := os.Stat(corrupt.Quarantined); err != nil {
				t.Error(err)
			}
			if _, err := s.Open(ref); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("second Open: %v", err)
			}
			if _, ok := s.Lookup(k); ok || s.Has(ref) {
				t.Error("a damaged object still counts")
			}
			// What the next run does:
			if again := mustPut(t, s, content); again != ref {
				t.Errorf("%+v", again)
			}
			if _, ok := s.Lookup(k); !ok {
				t.Error("miss after the repair")
			}
			if got, err := s.ReadAll(ref); err != nil || !bytes.Equal(got, content) {
				t.Errorf("after the repair: %v", err)
			}
		})
	}
}

func TestCommitRepairsADamagedObject(t *testing.T) {
	for _, size := range []int{1000, 3 * blockSize} {
		dir := filepath.Join(t.TempDir(), ".pipe")
		content := randomBytes(9, size)
		withStore(t, dir, func(s *Store) {
			damage(t, s.objectPath(mustPutStream(t, s, content).Digest), flipBit(rand.New(rand.NewPCG(3, 4))))
		})
		s := openStore(t, dir)
		if got, err := s.ReadAll(mustPutStream(t, s, content)); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func mustPutStream(t testing.TB, s *Store, b []byte) Ref {
	t.Helper()
	d, err := s.Create(File, "bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.ReadFrom(bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	ref, err := d.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func TestObjectIsHashedAgainAfterAChange(t *testing.T) {
	s := newStore(t)
	ref := mustPut(t, s, []byte("some content"))
	if _, err := s.ReadAll(ref); err != nil {
		t.Fatal(err)
	}
	damage(t, s.objectPath(ref.Digest), func(b []byte) []byte { b[0]++; return b })
	var corrupt *CorruptError
	if _, err := s.ReadAll(ref); !errors.As(err, &corrupt) {
		t.Errorf("error %v", err)
	}
}

func TestLinksAndFoldersInPlaceOfObjects(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	content := []byte("the very same bytes")
	if err := os.WriteFile(secret, content, 0o666); err != nil {
		t.Fatal(err)
	}
	for name, put := range map[string]func(path string) error{
		"link":   func(path string) error { return os.Symlink(secret, path) },
		"folder": func(path string) error { return os.Mkdir(path, 0o777) },
	} {
		s := newStore(t)
		ref := mustPut(t, s, content)
		path := s.objectPath(ref.Digest)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := put(path); err != nil {
			t.Fatal(err)
		}
		if s.Has(ref) {
			t.Errorf("%s: Has is true", name)
		}
		var corrupt *CorruptError
		if _, err := s.Open(ref); !errors.As(err, &corrupt) {
			t.Errorf("%s: error %v", name, err)
		}
		if again := mustPut(t, s, content); !s.Has(again) {
			t.Errorf("%s: not repaired", name)
		}
		if got, err := os.ReadFile(secret); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: the file that the link led to: %q, %v", name, got, err)
		}
	}
}

func TestDamagedRecordIsAMiss(t *testing.T) {
	s := newStore(t)
	k, _ := recordOf(t, s, "stage")
	path := s.keyPath(k)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, b []byte) {
		t.Helper()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, ok := s.Lookup(k); ok {
			t.Errorf("%s: a hit", what)
		}
	}
	for i := range sound {
		b := bytes.Clone(sound)
		b[i] ^= 1 << (i % 8)
		try("flipped bit", b)
		try("cut", sound[:i])
	}
	try("longer", append(bytes.Clone(sound), '\n'))
	try("newer", bytes.Replace(sound, []byte("pipe-record 1"), []byte("pipe-record 2"), 1))
	other := keyOf("another stage")
	if err := os.MkdirAll(filepath.Dir(s.keyPath(other)), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.keyPath(other), sound, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Lookup(other); ok {
		t.Error("a record under another key's name is a hit")
	}
}

func TestVerifyFindsEverythingAndLeavesASoundStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".pipe")
	var flipped, gone, sound Ref
	var damagedKey, soundKey Key
	withStore(t, dir, func(s *Store) {
		_, flipped = recordOf(t, s, "flipped")
		_, gone = recordOf(t, s, "gone")
		soundKey, sound = recordOf(t, s, "sound")
		damagedKey, _ = recordOf(t, s, "damaged record")
		f, err := s.CreateFolder(Model)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Add("lost", gone); err != nil {
			t.Fatal(err)
		}
		model, err := f.Commit()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Record(keyOf("model"), &Record{Kind: "test", Outputs: map[string]Ref{"model": model}}); err != nil {
			t.Fatal(err)
		}
		wrongSize := sound
		wrongSize.Size++
		r := &Record{Version: recordVersion, Key: keyOf("size"), Kind: "test", Outputs: map[string]Ref{"out": wrongSize}}
		b, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.writeFile(s.keyPath(r.Key), b, 0o444, syncNever); err != nil {
			t.Fatal(err)
		}
		damage(t, s.objectPath(flipped.Digest), flipBit(rand.New(rand.NewPCG(5, 6))))
		damage(t, s.keyPath(damagedKey), flipBit(rand.New(rand.NewPCG(7, 8))))
		if err := os.Remove(s.objectPath(gone.Digest)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "objects", "README"), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(filepath.Dir(s.objectPath(sound.Digest)), "notes.txt"), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	})

	s := openStore(t, dir)
	var last VerifyProgress
	findings, err := s.Verify(context.Background(), func(p VerifyProgress) { last = p })
	if err != nil {
		t.Fatal(err)
	}
	want := map[Problem]int{FlippedBits: 2, Missing: 3, WrongSize: 1, Foreign: 2}
	got := make(map[Problem]int)
	for _, f := range findings {
		got[f.Problem]++
		if !strings.HasPrefix(f.Path, dir) || f.Detail == "" {
			t.Errorf("finding %v", f)
		}
	}
	for p, n := range want {
		if got[p] != n {
			t.Errorf("%s: %d findings, want %d", p, got[p], n)
		}
	}
	if t.Failed() {
		for _, f := range findings {
			t.Log(f)
		}
	}
	if last.Files != last.TotalFiles || last.Bytes != last.TotalBytes || last.Files == 0 {
		t.Errorf("progress ended at %+v", last)
	}
	if _, ok := s.Lookup(soundKey); !ok {
		t.Error("a sound record is gone")
	}
	if _, ok := s.Lookup(damagedKey); ok {
		t.Error("a damaged record is a hit")
	}
	// What is foreign is not ours to remove.
	findings, err = s.Verify(context.Background(), nil)
	if err != nil || len(findings) != want[Foreign] {
		t.Errorf("the second time: %v %v", err, findings)
	}
}

// A disk that loses a bit leaves no trace in a file's times, and what is
// remembered of a record then hides it from all who do not read.
func TestVerifyReadsRecordsThemselves(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".pipe")
	s := openStore(t, dir)
	k, _ := recordOf(t, s, "rotten")
	path := s.keyPath(k)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damage(t, path, flipBit(rand.New(rand.NewPCG(9, 10))))
	var st syscall.Stat_t
	if err := lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	s.records.put(k, identifyStat(&st), b, time.Now().Add(time.Hour))
	findings, err := s.Verify(context.Background(), nil)
	if err != nil || len(findings) != 1 || findings[0].Problem != FlippedBits || findings[0].Path != path {
		t.Errorf("%v %v", err, findings)
	}
}

func TestVerifyStops(t *testing.T) {
	s := newStore(t)
	mustPut(t, s, []byte("x"))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Verify(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
