package registry

import (
	"bytes"
	"context"
	"math/rand/v2"
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
	if _, err := r.Restore(ctx, text); err == nil || !strings.Contains(err.Error(), "customers.csv is no backup") || strings.Contains(err.Error(), ".restore-") {
		t.Errorf("restore of a text: %v", err)
	}
}

// A backup of which any bytes have changed, or that was cut short, is refused, and
// the registry stays as it was. One without a checksum is told apart.
func TestRestoreComparesBytes(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	r, err := Open(ctx, filepath.Join(dir, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	exp := must(r.EnsureExperiment(ctx, "kept"))(t)
	backup := filepath.Join(dir, "backup.db")
	if err := r.Backup(ctx, backup); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	restore := func(data []byte) (bool, error) {
		path := filepath.Join(dir, "given.db")
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		return r.Restore(ctx, path)
	}
	if compared, err := restore(good); err != nil || !compared {
		t.Fatalf("the backup itself: %v, %v", compared, err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		bad := bytes.Clone(good)
		at := 18 + rng.IntN(len(bad)-18-8) // before, it is no database, or one of other pages
		for i := range 8 {
			bad[at+i] ^= byte(1 + rng.IntN(255))
		}
		if _, err := restore(bad); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Fatalf("8 bytes at %d of %d: %v", at, len(bad), err)
		}
	}
	for _, n := range []int{1, sealLength - 1, sealLength + 1, len(good) / 2} {
		if _, err := restore(good[:len(good)-n]); err == nil {
			t.Errorf("%d bytes are missing, and it was restored", n)
		}
	}
	if compared, err := restore(good[:len(good)-sealLength]); err != nil || compared {
		t.Errorf("a backup without a checksum: %v, %v", compared, err)
	}
	if e := must(r.Experiment(ctx, exp.ID))(t); e.Name != "kept" {
		t.Errorf("the registry has %q", e.Name)
	}
}
