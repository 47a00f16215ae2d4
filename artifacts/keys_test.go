package artifacts

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

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
	r.Outputs["absent"] = Ref{Type: File, Digest: DigestOf([]byte("never stored")), Size: 12}
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
	unlock, err := a.LockKey(context.Background(), k, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := b.LockKey(ctx, k, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
	other, err := b.LockKey(context.Background(), keyOf("other"), nil)
	if err != nil {
		t.Fatal(err)
	}
	other()
	got := make(chan error)
	go func() {
		unlock, err := b.LockKey(context.Background(), k, nil)
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
}

func TestLockKeyExcludesWithinAStore(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), ".pipe"))
	k := keyOf("key")
	unlock, err := s.LockKey(context.Background(), k, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.LockKey(ctx, k, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("locked twice: %v", err)
	}
	unlock()
	again, err := s.LockKey(context.Background(), k, nil)
	if err != nil {
		t.Fatal(err)
	}
	unlock() // once more: must not give up what the next holder has
	ctx, cancel = context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.LockKey(ctx, k, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the second unlock has freed another's lock: %v", err)
	}
	again()
}

// TestLockKeyEndsWithTheStore leaves a lock to Close, after which unlock does
// nothing: the descriptor may be another file's by then.
func TestLockKeyEndsWithTheStore(t *testing.T) {
	dir := t.TempDir()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := a.LockKey(context.Background(), keyOf("key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	release, err := b.LockKey(ctx, keyOf("key"), nil)
	if err != nil {
		t.Fatalf("the lock of a store that is closed: %v", err)
	}
	defer release()
	unlock()
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.LockKey(short, keyOf("key"), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a late unlock has freed another's lock: %v", err)
	}
}
