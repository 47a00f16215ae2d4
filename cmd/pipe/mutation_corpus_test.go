package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pipe/dag"
	"pipe/dag/text"
	"pipe/stages/all"
)

// TestMutations makes hundreds of pipelines with one mistake each and demands
// that the checker refuses nearly all of them at the right line, and that those
// it does not are listed in docs/errors.md.
func TestMutations(t *testing.T) {
	corpus := mutationCorpus(t)
	beside := map[string][]byte{} // what language.yaml includes and uses
	for _, name := range []string{"sources.yaml", "prepare.yaml", "grid.csv"} {
		data, err := os.ReadFile(filepath.Join("testdata/language", name))
		if err != nil {
			t.Fatal(err)
		}
		beside[name] = data
	}
	t.Chdir(t.TempDir())
	for from, to := range map[string]string{"template/tickets.csv": "tickets.csv"} {
		data, err := template.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range beside {
		if err := os.WriteFile(name, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("messages.tsv", []byte("ham\tsee you\nspam\tyou won\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	kinds, refused := all.Kinds(), 0
	for _, m := range corpus {
		given := map[string]string{}
		if strings.HasPrefix(m.name, "spam.yaml") {
			given["data"] = "messages.tsv"
		}
		_, err := dag.Load(context.Background(), &text.File{Name: "p.yaml", Data: []byte(m.src)}, dag.LoadOptions{Kinds: kinds, Params: given})
		var e *text.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%s: %v", m.name, err)
		}
		if e != nil && slices.ContainsFunc(e.Problems, func(p *text.Problem) bool { return p.Pos.Line >= m.lines[0] && p.Pos.Line <= m.lines[1] }) {
			refused++
			if strings.Contains(errorsPage, "- "+m.name+"\n") {
				t.Errorf("docs/errors.md lists what is found by now: %s", m.name)
			}
			continue
		}
		how := "accepted"
		if e != nil {
			how = "shown elsewhere: " + e.Problems[0].Pos.String()
		}
		if !strings.Contains(errorsPage, "- "+m.name+"\n") {
			t.Errorf("docs/errors.md does not list this miss (%s):\n- %s", how, m.name)
		}
	}
	if len(corpus) < 200 || float64(refused) < 0.95*float64(len(corpus)) {
		t.Errorf("%d of %d mistakes are refused at the right line", refused, len(corpus))
	}
	t.Logf("%d of %d mistakes are refused at the right line", refused, len(corpus))
}

func mutationCorpus(t *testing.T) []mutation {
	t.Helper()
	own := ownPipelines(t)
	var corpus []mutation
	for _, path := range []string{"../../pipelines/textclass.yaml", "../../pipelines/spam.yaml", "../../pipelines/textclass-best.yaml", "template/pipeline.yaml", "testdata/language/language.yaml"} {
		if own[path] == "" {
			t.Fatalf("there is no %s", path)
		}
		corpus = append(corpus, mutations(filepath.Base(path), own[path])...)
	}
	return corpus
}
