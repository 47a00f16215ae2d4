package dag

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestFollowJournal: a journal that grows is given event by event, a line that
// is half written only when it is whole, and a changed one is refused.
func TestFollowJournal(t *testing.T) {
	dir := t.TempDir()
	if _, err := FollowJournal(dir); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("no journal: %v", err)
	}
	f, err := os.Create(filepath.Join(dir, JournalFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	j, err := FollowJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	write := func(b []byte) {
		t.Helper()
		if _, err := f.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	want := func(stage string) {
		t.Helper()
		e, err := j.Next()
		if stage == "" && errors.Is(err, io.EOF) {
			return
		}
		if err != nil || e.Stage != stage {
			t.Fatalf("%+v, %v; want %q", e, err, stage)
		}
	}
	want("")
	one, two := seal([]byte(`{"type":"stage.log","stage":"one"}`)), seal([]byte(`{"type":"stage.log","stage":"two"}`))
	write(one)
	write(two[:9])
	want("one")
	want("")
	write(two[9:])
	want("two")
	want("")
	one[3] ^= 1
	write(one)
	if _, err := j.Next(); !errors.Is(err, ErrJournalDamaged) {
		t.Fatalf("a changed line: %v", err)
	}
}
