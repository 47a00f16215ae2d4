package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestGenerated compares the reference pages in docs/ with the code that they
// are made of; -update writes them.
func TestGenerated(t *testing.T) {
	schema, err := languageSchema()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"kinds.md":    kindsReference(),
		"cli.md":      cliReference(newRoot()),
		"schema.json": schema,
		"errors.md":   errorsPage,
	} {
		path := filepath.Join("..", "..", "docs", name)
		if *update {
			if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Errorf("docs/%s is stale (%v): run go test ./cmd/pipe -run TestGenerated -update", name, err)
		}
	}
}
