package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pipe/workspace"

	"pipe/dag"
	"pipe/dag/text"
)

var languageBlock = regexp.MustCompile("(?s)```yaml\n# ([a-z]+\\.yaml)\n(.*?)```")

// TestLanguagePage checks every example of docs/language.md and docs/sources.md, and that the first
// names every key of the language.
func TestLanguagePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/language.md")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := os.ReadFile("../../docs/sources.md")
	if err != nil {
		t.Fatal(err)
	}
	data, err := template.ReadFile("template/tickets.csv")
	if err != nil {
		t.Fatal(err)
	}
	schema := compiled(t)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("tickets.csv", data, 0o666); err != nil {
		t.Fatal(err)
	}
	blocks := append(languageBlock.FindAllStringSubmatch(string(page), -1), languageBlock.FindAllStringSubmatch(string(sources), -1)...)
	if len(blocks) < strings.Count(string(page), "```yaml") || len(blocks) < 10 {
		t.Fatalf("%d of %d examples have a name", len(blocks), strings.Count(string(page), "```yaml"))
	}
	for _, b := range blocks {
		if err := os.WriteFile(filepath.Base(b[1]), []byte(b[2]), 0o666); err != nil {
			t.Fatal(err)
		}
		formatted, err := text.Format(&text.File{Name: b[1], Data: []byte(b[2])})
		if err != nil || string(formatted) != b[2] {
			t.Errorf("%s: pipe fmt would change it (%v)", b[1], err)
		}
		if !strings.HasPrefix(b[2], "pipeline:") || strings.Contains(b[2], "\ninputs:") {
			continue // a part of others
		}
		if _, err := workspace.LoadFile(context.Background(), b[1], dag.LoadOptions{}); err != nil {
			t.Errorf("%s: %v", b[1], err)
		}
		if err := validate(t, schema, b[2]); err != nil {
			t.Errorf("%s: %v", b[1], err)
		}
	}
}
