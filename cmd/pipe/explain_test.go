package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pipe/dag"
	"pipe/dag/text"
	"pipe/stages/all"
)

// emitted are the ways in which the source gives a problem its code.
var emitted = regexp.MustCompile(`(?:Code: *|badReference\{|Hintf\(|report\(|[eE]rrorf\([^,"]+, |\.fail\([^,"]+, )"([a-z]+(?:-[a-z]+)*-?)"( \+)?`)

// families complete the code "unknown-" of what a network is made of.
var families = []string{"layer", "loss", "optimizer", "schedule"}

func TestEveryCodeIsExplained(t *testing.T) {
	found := map[string]bool{}
	for _, room := range []string{"../../dag", "../../notify", "../../stages"} {
		err := filepath.WalkDir(room, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			src, err := os.ReadFile(path)
			for _, m := range emitted.FindAllStringSubmatch(string(src), -1) {
				if m[2] == "" {
					found[m[1]] = true
					continue
				}
				for _, f := range families {
					found[m[1]+f] = true
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, codes := explanations()
	for code := range found {
		if !slices.Contains(codes, code) {
			t.Errorf("explain.md has no section for the code %q", code)
		}
	}
	for _, code := range codes {
		if !found[code] {
			t.Errorf("no problem has the code %q", code)
		}
	}
	if !slices.IsSorted(codes) {
		t.Error("the sections are not in alphabetical order")
	}
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// TestExamplesHaveTheirMistake checks each example of the page.
func TestExamplesHaveTheirMistake(t *testing.T) {
	data, err := template.ReadFile("template/tickets.csv")
	if err != nil {
		t.Fatal(err)
	}
	sections, codes := explanations()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("tickets.csv", data, 0o666); err != nil {
		t.Fatal(err)
	}
	given := map[string]map[string]string{"param": {"epochs": "many"}, "unknown-param": {"epohcs": "5"}}
	for _, code := range codes {
		m := yamlBlock.FindStringSubmatch(sections[code])
		if m == nil {
			t.Errorf("%s has no example", code)
			continue
		}
		p, err := dag.Load(context.Background(), &text.File{Name: "p.yaml", Data: []byte(m[1])}, dag.LoadOptions{Kinds: all.Kinds(), Params: given[code]})
		if err == nil { // what is not in the file is found where a run begins
			_, err = p.FindSecrets(dag.Selection{}, func(string) (string, bool) { return "", false }, nil)
		}
		var e *text.Error
		if !errors.As(err, &e) || !slices.ContainsFunc(e.Problems, func(p *text.Problem) bool { return p.Code == code }) {
			t.Errorf("the example of %s: %v", code, err)
		} else if len(e.Problems) > 1 {
			t.Errorf("the example of %s has %d mistakes: %v", code, len(e.Problems), err)
		}
	}
}
