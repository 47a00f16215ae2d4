package workspace

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/registry"
)

// ran is the copy of a workspace in which runs have run, with the registry in
// one compact file.
func ran(t *testing.T, runs int) string {
	t.Helper()
	ctx := context.Background()
	folder := t.TempDir()
	text := "pipeline: small\nstages: { a: { uses: exec, with: { run: \"true\" } } }\n"
	p, err := LoadText(ctx, filepath.Join(folder, "small.yaml"), []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(folder, Folder)
	w, err := Open(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	for range runs {
		if _, _, err := w.Run(ctx, p, RunOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if w.Lost != 0 {
		t.Errorf("a new workspace has lost %d runs", w.Lost)
	}
	backup := filepath.Join(folder, "backup.db")
	if err := errors.Join(w.Registry.Backup(ctx, backup), w.Close()); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), Folder)
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	removeRegistry(t, copied)
	if err := os.Rename(backup, filepath.Join(copied, "registry.db")); err != nil {
		t.Fatal(err)
	}
	return copied
}

func removeRegistry(t *testing.T, dir string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(dir, "registry.db"+suffix)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// damage clears the last page of a compact registry, which is a row or an index
// and never the schema, and the journals of the runs.
func damage(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "registry.db")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The page with the text of the pipeline: nobody needs it to open the file.
	at := bytes.LastIndex(b, []byte("pipeline: "))
	if at < 0 {
		t.Fatal("the registry has no text of a pipeline")
	}
	page := at / 4096 * 4096
	clear(b[page : page+4096])
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	journals, err := filepath.Glob(filepath.Join(dir, "runs", "*", dag.JournalFile))
	if err != nil || len(journals) == 0 {
		t.Fatal("no journals", err)
	}
	for _, j := range journals {
		if err := os.WriteFile(j, []byte("{}\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenNoticesThatTheRegistryWasRemoved(t *testing.T) {
	dir := ran(t, 2)
	removeRegistry(t, dir)
	// Neither is a run that could be shown.
	if err := os.Mkdir(filepath.Join(dir, "runs", "no-journal"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{2, 0} {
		w, err := Open(context.Background(), dir)
		if err != nil {
			t.Fatal(err)
		}
		if w.Lost != want {
			t.Errorf("lost %d runs, want %d", w.Lost, want)
		}
		// It is noticed once, and nothing that those runs made is ever removed for it.
		if r, err := w.GC(context.Background(), 0, artifacts.GCOptions{}); err == nil || !strings.Contains(err.Error(), "does not know 2 runs") {
			t.Errorf("the collector removed %d objects: %v", r.RemovedObjects, err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestVerifyFindsADamagedRegistryAndJournal(t *testing.T) {
	for _, damaged := range []bool{false, true} {
		dir := ran(t, 1)
		if damaged {
			damage(t, dir)
		}
		w, err := Open(context.Background(), dir)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		findings, err := w.Verify(context.Background(), nil)
		if err != nil || !damaged && len(findings) > 0 {
			t.Fatalf("%v, %v", findings, err)
		}
		for _, want := range []string{w.Registry.Path(), w.RunDir("")} {
			found := slices.ContainsFunc(findings, func(f artifacts.Finding) bool {
				return f.Problem == "damaged" && strings.HasPrefix(f.Path, want)
			})
			if found != damaged {
				t.Errorf("%s: found is %v: %v", want, found, findings)
			}
		}
	}
}

// A program tells with errors.As and errors.Is why a workspace does not open.
func TestOpenTellsWhatIsDamaged(t *testing.T) {
	dir := ran(t, 1)
	if err := os.WriteFile(filepath.Join(dir, "registry.db"), []byte(strings.Repeat("no database ", 500)), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := Open(context.Background(), dir)
	if damaged := (*registry.DamagedError)(nil); !errors.As(err, &damaged) {
		t.Errorf("registry: %v", err)
	}
	for text, want := range map[string]bool{"": true, "pipe-stor": true, "pipe-store 0\n": true, "pipe-store 99\n": false} {
		if err := os.WriteFile(filepath.Join(dir, "format"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(context.Background(), dir); err == nil || errors.Is(err, artifacts.ErrDamaged) != want {
			t.Errorf("format %q: %v", text, err)
		}
	}
}
