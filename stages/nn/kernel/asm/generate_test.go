package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestGeneratedFilesAreCurrent writes every file again, beside the committed ones, and compares.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	out := t.TempDir()
	if msg, err := exec.Command("./generate.sh", out).CombinedOutput(); err != nil {
		t.Fatalf("generate.sh: %v\n%s", err, msg)
	}
	files, err := filepath.Glob(filepath.Join(out, "*_amd64.*"))
	if err != nil || len(files) != 4*len(families) {
		t.Fatalf("%d files were generated, want %d: %v", len(files), 4*len(families), err)
	}
	for _, file := range files {
		fresh, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := os.ReadFile(filepath.Join("..", filepath.Base(file)))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(withoutHeader(fresh), withoutHeader(kept)) {
			t.Errorf("%s is not what the generator writes; run go generate in the parent folder", filepath.Base(file))
		}
	}
}

// withoutHeader drops the first line, which names the file that was written.
func withoutHeader(b []byte) []byte {
	_, rest, _ := bytes.Cut(b, []byte("\n"))
	return rest
}
