package registry

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A backup replaces an earlier one and nothing else: neither the registry itself,
// nor a file, folder or link of anybody.
func TestBackupReplacesOnlyABackup(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	r, err := Open(ctx, filepath.Join(dir, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	backup := filepath.Join(dir, "backup.db")
	for range 2 {
		if err := r.Backup(ctx, backup); err != nil {
			t.Fatal(err)
		}
	}
	text := filepath.Join(dir, "customers.csv")
	if err := os.WriteFile(text, []byte(strings.Repeat("a,b\n", 100)), 0o666); err != nil {
		t.Fatal(err)
	}
	link, folder := filepath.Join(dir, "link.db"), filepath.Join(dir, "folder")
	if err := os.Symlink(backup, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		r.path: "belongs to the registry that is copied", r.path + "-wal": "belongs to the registry that is copied",
		text: "is no backup of a registry", link: "is no backup of a registry", folder: "is no backup of a registry",
	} {
		before, _ := os.ReadFile(path)
		if err := r.Backup(ctx, path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
		if after, _ := os.ReadFile(path); string(after) != string(before) {
			t.Errorf("%s has changed", path)
		}
	}
	other, err := Open(ctx, backup) // a copy that is in use
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Backup(ctx, backup); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a registry in use: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Restore(ctx, text); err == nil || !strings.Contains(err.Error(), "customers.csv is no backup") || strings.Contains(err.Error(), ".restore-") {
		t.Errorf("restore of a text: %v", err)
	}
}
