package artifacts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// recordOf commits a small object and a record that names it.
func recordOf(t testing.TB, s *Store, name string) (Key, Ref) {
	t.Helper()
	ref := mustPut(t, s, []byte("output of "+name))
	k := keyOf(name)
	if err := s.Record(k, &Record{Kind: "test", Outputs: map[string]Ref{"out": ref}}); err != nil {
		t.Fatal(err)
	}
	return k, ref
}

func gc(t *testing.T, s *Store, roots Roots, opt GCOptions) GCReport {
	t.Helper()
	r, err := s.GC(context.Background(), func() (Roots, error) { return roots, nil }, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// withStore runs fn in a session of its own, which has ended, and with it its
// leases, when withStore returns.
func withStore(t testing.TB, dir string, fn func(*Store)) {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	fn(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestGCKeepsWhatRootsNeed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".pipe")
	var kept, dropped Key
	var pinned, lost, model Ref
	withStore(t, dir, func(s *Store) {
		kept, _ = recordOf(t, s, "kept")
		dropped, lost = recordOf(t, s, "dropped")
		pinned = mustPut(t, s, []byte("pinned"))
		f, err := s.CreateFolder(Model)
		if err != nil {
			t.Fatal(err)
		}
		w, _ := f.Create("weights")
		fmt.Fprint(w, "0.5")
		w.Close()
		if model, err = f.Commit(); err != nil {
			t.Fatal(err)
		}
	})
	roots := Roots{Refs: []Ref{pinned, model}, Keys: []Key{kept}}

	withStore(t, dir, func(s *Store) {
		dry := gc(t, s, roots, GCOptions{DryRun: true})
		if dry.RemovedRecords != 1 || dry.RemovedObjects != 1 || dry.RemovedBytes != lost.Size || dry.KeptObjects != 4 {
			t.Errorf("dry run: %+v", dry)
		}
		if got := len(filesIn(t, filepath.Join(dir, "objects"))); got != 5 {
			t.Errorf("a dry run left %d objects", got)
		}
		if real := gc(t, s, roots, GCOptions{}); real != dry {
			t.Errorf("the dry run said %+v, the real one did %+v", dry, real)
		}
	})
	withStore(t, dir, func(s *Store) {
		if _, ok := s.Lookup(kept); !ok {
			t.Error("a root's record is gone")
		}
		if _, ok := s.Lookup(dropped); ok || s.Has(lost) {
			t.Error("what nothing needs is still there")
		}
		if !s.Has(pinned) || !s.Has(model) {
			t.Error("a root is gone")
		}
		if findings, err := s.Verify(context.Background(), nil); err != nil || len(findings) > 0 {
			t.Errorf("after gc: %v, %v", findings, err)
		}
	})
}

func TestGCKeepsWhatLiveSessionsUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".pipe")
	var hit Key
	withStore(t, dir, func(s *Store) { hit, _ = recordOf(t, s, "hit") })

	run := openStore(t, dir)
	if _, ok := run.Lookup(hit); !ok {
		t.Fatal("miss")
	}
	fresh := mustPut(t, run, []byte("committed and in no record yet"))
	other := openStore(t, dir)
	if r := gc(t, other, Roots{}, GCOptions{}); r.RemovedObjects != 0 || r.RemovedRecords != 0 {
		t.Errorf("removed what a live session uses: %+v", r)
	}
	if _, err := run.ReadAll(fresh); err != nil {
		t.Error(err)
	}
}

func TestGCBounds(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	build := func(t *testing.T) string {
		dir := filepath.Join(t.TempDir(), ".pipe")
		withStore(t, dir, func(s *Store) {
			for days := range 5 {
				k, ref := recordOf(t, s, fmt.Sprint("days ", days))
				used := now.AddDate(0, 0, -days)
				for _, path := range []string{s.keyPath(k), s.objectPath(ref.Digest)} {
					if err := os.Chtimes(path, used, used); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
		return dir
	}
	size := int64(len("output of days 0"))
	day := 24 * time.Hour
	for _, test := range []struct {
		name string
		opt  GCOptions
		want int // records that are left: always the most recent
	}{
		{"no bound", GCOptions{}, 0},
		{"by age", GCOptions{MaxAge: 2*day + time.Hour}, 3},
		{"by size", GCOptions{MaxSize: 4*size + 1}, 4},
		{"by both, size is less", GCOptions{MaxAge: 3 * day, MaxSize: size}, 1},
		{"by both, age is less", GCOptions{MaxAge: day, MaxSize: 100 * size}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := build(t)
			withStore(t, dir, func(s *Store) {
				s.now = func() time.Time { return now }
				if r := gc(t, s, Roots{}, test.opt); r.KeptRecords != test.want || r.KeptObjects != test.want {
					t.Errorf("report %+v", r)
				}
			})
			withStore(t, dir, func(s *Store) {
				for days := range 5 {
					if _, ok := s.Lookup(keyOf(fmt.Sprint("days ", days))); ok != (days < test.want) {
						t.Errorf("used %d days ago: found %v", days, ok)
					}
				}
			})
		})
	}
}

func TestLookupRefreshesTheTimeOfLastUse(t *testing.T) {
	s := newStore(t)
	k, _ := recordOf(t, s, "old")
	old := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(s.keyPath(k), old, old); err != nil {
		t.Fatal(err)
	}
	now := old.Add(2 * touchInterval)
	s.now = func() time.Time { return now }
	if _, ok := s.Lookup(k); !ok {
		t.Fatal("miss")
	}
	if info, err := os.Stat(s.keyPath(k)); err != nil || !info.ModTime().Equal(now) {
		t.Errorf("last used %v, %v", info.ModTime(), err)
	}
}

func TestGCStopsWhereItCannotKnowTheRoots(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".pipe")
	withStore(t, dir, func(s *Store) { recordOf(t, s, "a") })
	s := openStore(t, dir)
	want := errors.New("the registry cannot be read")
	if _, err := s.GC(context.Background(), func() (Roots, error) { return Roots{}, want }, GCOptions{}); !errors.Is(err, want) {
		t.Errorf("error %v", err)
	}
	if got := len(filesIn(t, filepath.Join(dir, "objects"))); got != 1 {
		t.Errorf("%d objects are left", got)
	}
}

func TestGCWaitsForUsersAndIsNotStarved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".pipe")
	busy := openStore(t, dir)
	k, _ := recordOf(t, busy, "busy")
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				if _, ok := busy.Lookup(k); !ok {
					t.Error("miss")
					return
				}
			}
		}
	}()
	s := openStore(t, dir)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for range 3 {
		if _, err := s.GC(ctx, func() (Roots, error) { return Roots{}, nil }, GCOptions{}); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	<-stopped

	if err := busy.gcLock.acquire(); err != nil {
		t.Fatal(err)
	}
	defer busy.gcLock.release()
	ctx, cancel = context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	if _, err := s.GC(ctx, func() (Roots, error) { return Roots{}, nil }, GCOptions{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("gc beside a user: %v", err)
	}
}

func TestGCEmptiesTheQuarantine(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".pipe")
	s := openStore(t, dir)
	ref := mustPut(t, s, []byte("content"))
	damage(t, s.objectPath(ref.Digest), func(b []byte) []byte { return b[1:] })
	if _, err := s.Open(ref); err == nil {
		t.Fatal("a damaged object was opened")
	}
	if st, err := s.Stats(context.Background()); err != nil || st != (Stats{Quarantined: 1, Sessions: 1}) {
		t.Errorf("%+v, %v", st, err)
	}
	if r := gc(t, s, Roots{}, GCOptions{MaxAge: time.Hour}); r.RemovedQuarantined != 0 {
		t.Errorf("%+v", r)
	}
	if r := gc(t, s, Roots{}, GCOptions{}); r.RemovedQuarantined != 1 {
		t.Errorf("%+v", r)
	}
}
