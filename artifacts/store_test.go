package artifacts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
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

// remains lists what a session has in tmp/ beside its lock and, once it has
// written something, its leases.
func remains(t testing.TB, s *Store) []string {
	return slices.DeleteFunc(filesIn(t, s.session.dir), func(name string) bool { return name == sessionLock || name == leasesFile })
}

func TestGoroutinesShareAStore(t *testing.T) {
	s := newStore(t)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 30 {
				// Half of the work is everybody's, half is one's own.
				name := fmt.Sprint("shared ", i)
				if i%2 == 0 {
					name = fmt.Sprint("worker ", worker, " ", i)
				}
				k, ref := recordOf(t, s, name)
				if r, ok := s.Lookup(k); !ok || r.Outputs["out"] != ref {
					t.Errorf("%s: %v, %v", name, r, ok)
				}
				if got, err := s.ReadAll(ref); err != nil || string(got) != "output of "+name {
					t.Errorf("%s: %q, %v", name, got, err)
				}
			}
		})
	}
	wg.Wait()
	records := 0
	err := s.Records(context.Background(), func(*Record) bool {
		records++
		return true
	})
	if want := 15 + 8*15; err != nil || records != want {
		t.Errorf("%d records, want %d, %v", records, want, err)
	}
}

func TestFlush(t *testing.T) {
	s := newStore(t)
	for _, n := range []int{0, 1, fewFiles, fewFiles + 1, 100} {
		for i := range n {
			mustPut(t, s, fmt.Appendf(nil, "%d of %d", i, n))
		}
		if len(s.unflushed) != n {
			t.Errorf("%d objects are to be flushed, want %d", len(s.unflushed), n)
		}
		if err := s.Flush(); err != nil {
			t.Error(err)
		}
		if len(s.unflushed) != 0 {
			t.Errorf("%d objects are left", len(s.unflushed))
		}
	}
	// What was removed meanwhile needs no flush.
	ref := mustPut(t, s, []byte("removed"))
	if err := os.Remove(s.objectPath(ref.Digest)); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(); err != nil {
		t.Error(err)
	}
}

func TestRecordOfASlowStageIsFlushed(t *testing.T) {
	s := newStore(t)
	for _, test := range []struct {
		took time.Duration
		left int
	}{{slowStage - 1, 1}, {slowStage, 0}} {
		ref := mustPut(t, s, []byte("output"))
		r := &Record{Kind: "test", Outputs: map[string]Ref{"out": ref}, Started: time.Unix(0, 0), Finished: time.Unix(0, 0).Add(test.took)}
		if err := s.Record(keyOf("k"), r); err != nil {
			t.Fatal(err)
		}
		if len(s.unflushed) != test.left {
			t.Errorf("after a stage of %v: %d objects are to be flushed, want %d", test.took, len(s.unflushed), test.left)
		}
	}
}
