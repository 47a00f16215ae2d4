package dag

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"pipe/dag/text"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestProblems runs testdata/problems/*.txtar: a pipeline with mistakes, and
// what the checker says of all of them at once.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/problems/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{}
			ar.Files = slices.DeleteFunc(ar.Files, func(f txtar.File) bool {
				files[f.Name] = string(f.Data)
				return f.Name == "problems"
			})
			want := files["problems"]
			got := "ok\n"
			if _, err := loadFiles(t, files, nil); err != nil {
				var e *text.Error
				if !errors.As(err, &e) {
					t.Fatalf("not a list of problems: %v", err)
				}
				got = e.Render()
			}
			if *update {
				ar.Files = append(ar.Files, txtar.File{Name: "problems", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(ar), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want != got {
				t.Errorf("%s: got\n%s\nrun with -update to accept", file, got)
			}
		})
	}
}

func TestParams(t *testing.T) {
	const src = `pipeline: p
params:
  word: hello
  n: { default: 2, min: 1, max: 5 }
  ratio: 0.5
  on: true
  must: { type: int, description: the number of things }
stages:
  a: { uses: draw }
  b: { uses: join, in: a, with: { suffix: "${params.word}-${params.n * 2}", times: "${params.n}", limit: "${params.ratio}" } }
`
	p := mustLoad(t, src, map[string]string{"must": "3", "n": "4"})
	k := p.Stage("b").Kind.(*joinKind)
	if k.Suffix != "hello-8" || k.Times != 4 || k.Limit != 0.5 || k.Mode != "plain" {
		t.Errorf("configuration = %+v", k)
	}
	for _, c := range []struct {
		params map[string]string
		want   string
	}{
		{nil, `param "must" has no default and is not given (the number of things)`},
		{map[string]string{"must": "x"}, `param "must" is given as "x": a whole number is wanted`},
		{map[string]string{"must": "1", "n": "9"}, `param "n" must be at most 5, is 9`},
		{map[string]string{"must": "1", "wrod": "x"}, `the pipeline has no param "wrod" (did you mean "word"?)`},
		{map[string]string{"must": "1", "on": "perhaps"}, `true or false is wanted`},
	} {
		if _, err := load(t, src, c.params); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("params %v: %v, want %s", c.params, err, c.want)
		}
	}
}

func TestOrderAndDefaultsOfInputs(t *testing.T) {
	p := mustLoad(t, `pipeline: p
stages:
  c: { uses: join, in: [a, b.out] }
  b: { uses: join, in: { in: a } }
  a: { uses: draw }
`, nil)
	var names []string
	for _, s := range p.Order {
		names = append(names, s.Name)
	}
	if got := strings.Join(names, " "); got != "a b c" {
		t.Errorf("order = %s", got)
	}
	if n := len(p.Upstream(p.Stage("b"))); n != 2 {
		t.Errorf("b needs %d stages, want 2", n)
	}
}

func FuzzLoad(f *testing.F) {
	files, _ := filepath.Glob("testdata/problems/*.txtar")
	for _, file := range files {
		if ar, err := txtar.ParseFile(file); err == nil {
			f.Add(string(ar.Files[0].Data))
		}
	}
	f.Add("pipeline: p\nstages: {a: {uses: draw}}\n")
	f.Fuzz(func(t *testing.T, src string) {
		p, err := load(t, src, nil)
		if err == nil {
			if p == nil || len(p.Order) != len(p.Stages) {
				t.Fatalf("accepted, but not whole: %+v", p)
			}
			return
		}
		var e *text.Error
		if !errors.As(err, &e) || len(e.Problems) == 0 {
			t.Fatalf("refused without a problem: %v", err)
		}
		e.Render()
	})
}
