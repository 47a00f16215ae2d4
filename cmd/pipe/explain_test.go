package main

import (
	"context"
	"errors"
	"io/fs"
	"maps"
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

// chains are mistakes late in a pipeline: what is shown of the way to them is
// part of the golden file, too.
var chains = map[string]string{
	"a metric that no stage gives": `  split: { uses: split, in: rows, with: { train: 0.8, test: 0.2 } }
  words: { uses: text.tfidf, in: split.train, with: { column: text } }
  train: { uses: nn.train, in: { train: split.train, transform: words }, with: { target: team, layers: [{ dense: { units: classes, activation: softmax } }], loss: categorical_crossentropy, epochs: 1 } }
  evaluate: { uses: evaluate, in: { model: train, data: split.test } }
  release: { uses: register, in: { model: train, metrics: evaluate }, with: { model: m, alias: champion, when: metrics.acuracy > 0.5 } }
`,
	"fewer units than classes": `  clean: { uses: clean, in: rows, with: { drop_duplicates: [text] } }
  split: { uses: split, in: clean, with: { train: 0.8, test: 0.2 } }
  words: { uses: text.tfidf, in: split.train, with: { column: text } }
  train: { uses: nn.train, in: { train: split.train, transform: words }, with: { target: team, layers: [{ dense: { units: 2, activation: softmax } }], loss: categorical_crossentropy, epochs: 1 } }
`,
	"nulls that come from afar": `  sized: { uses: derive, in: rows, with: { columns: { size: double(text) }, on_error: "null" } }
  split: { uses: split, in: sized, with: { train: 0.8, test: 0.2 } }
  scaled: { uses: normalize, in: split.train, with: { columns: [size] } }
`,
	"a column that was left out": `  teams: { uses: select, in: rows, with: { columns: [team] } }
  split: { uses: split, in: teams, with: { train: 0.8, test: 0.2 } }
  words: { uses: text.tfidf, in: split.train, with: { column: text } }
`,
	"a param of the wrong type": `  few: { uses: sample, in: rows, with: { rows: "${params.data}" } }
`,
}

// TestExamplesHaveTheirMistake checks each example of the page, and holds what is
// said of it, with its place, against the golden file.
func TestExamplesHaveTheirMistake(t *testing.T) {
	data, err := template.ReadFile("template/tickets.csv")
	if err != nil {
		t.Fatal(err)
	}
	sections, codes := explanations()
	place, err := filepath.Abs("testdata/problems.golden")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("tickets.csv", data, 0o666); err != nil {
		t.Fatal(err)
	}
	given := map[string]map[string]string{"param": {"epochs": "many"}, "unknown-param": {"epohcs": "5"}}
	var golden strings.Builder
	for _, name := range slices.Sorted(maps.Keys(chains)) {
		_, err := dag.Load(context.Background(), &text.File{Name: "p.yaml", Data: []byte("pipeline: p\nparams: { data: tickets.csv }\nstages:\n  rows: { uses: source.csv, with: { path: \"${params.data}\" } }\n" + chains[name])}, dag.LoadOptions{Kinds: all.Kinds()})
		var e *text.Error
		if !errors.As(err, &e) || len(e.Problems) != 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		golden.WriteString("## " + name + "\n" + e.Problems[0].Render() + "\n")
	}
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
		} else {
			golden.WriteString("## " + code + "\n" + e.Problems[0].Render() + "\n")
		}
	}
	if *update {
		if err := os.WriteFile(place, []byte(golden.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(place); err != nil || golden.String() != string(want) {
		t.Errorf("what is said is not what %s has (%v); run with -update and look at the difference:\n%s", place, err, golden.String())
	}
}
