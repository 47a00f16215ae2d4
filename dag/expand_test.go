package dag

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"pipe/dag/text"
)

// loadFiles loads p.yaml of a txtar-like map of files.
func loadFiles(t testing.TB, files map[string]string, params map[string]string) (*Pipeline, error) {
	t.Helper()
	read := func(path string) ([]byte, error) {
		if src, ok := files[path]; ok {
			return []byte(src), nil
		}
		return nil, fs.ErrNotExist
	}
	return Load(context.Background(), &text.File{Name: "p.yaml", Data: []byte(files["p.yaml"])}, LoadOptions{Kinds: testKinds(), Params: params, Read: read})
}

// drawn tells the stages of a pipeline, one a line: "name < input output, …".
func drawn(p *Pipeline) string {
	var lines []string
	for _, s := range p.Stages {
		line := s.Name
		for i, e := range s.In {
			line += map[bool]string{true: " < ", false: ", "}[i == 0] + e.From.Name + "." + e.FromPort
			for _, label := range e.Labels {
				line += fmt.Sprintf(" %s=%v", label.Name, label.Value)
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestExpansion(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"a matrix is a product, and its fan-in a list", `pipeline: p
stages:
  a: { uses: draw }
  b: { uses: join, in: a, matrix: { n: [1, 2], word: [x, y] }, with: { times: "${matrix.n}", suffix: "${matrix.word}" } }
  c: { uses: join, in: b }
`, `a
b/1-x < a.out
b/1-y < a.out
b/2-x < a.out
b/2-y < a.out
c < b/1-x.out n=1 word=x, b/1-y.out n=1 word=y, b/2-x.out n=2 word=x, b/2-y.out n=2 word=y`},
		{"exclude and include", `pipeline: p
stages:
  a: { uses: draw }
  b:
    matrix: { n: [1, 2], word: [x, y], exclude: [{ n: 1, word: x }, { n: 2 }], include: { n: 9, word: z } }
    uses: join
    in: a
    with: { times: "${matrix.n}", suffix: "${matrix.word}" }
`, `a
b/1-y < a.out
b/9-z < a.out`},
		{"whole numbers beside others are numbers", `pipeline: p
stages:
  a: { uses: draw }
  b: { uses: join, in: a, matrix: { x: [1, 0.5] }, with: { limit: "${matrix.x / 2.0}" } }
`, `a
b/1 < a.out
b/0_5 < a.out`},
		{"foreach over words and maps", `pipeline: p
params: { many: 2 }
stages:
  a: { uses: draw }
  b: { uses: join, in: a, foreach: [en, de], with: { suffix: "${item}" } }
  c: { uses: join, in: a, foreach: [{ name: small, n: 1 }, { name: large, n: 3 }], with: { times: "${item.n * params.many}" } }
  d: { uses: join, in: [b, c, a] }
  e: { uses: join, in: b/de }
`, `a
b/en < a.out
b/de < a.out
c/small < a.out
c/large < a.out
d < b/en.out item=en, b/de.out item=de, c/small.out name=small n=1, c/large.out name=large n=3, a.out
e < b/de.out`},
		{"foreach over the rows of a table", `pipeline: p
stages:
  a: { uses: draw }
  b: { uses: join, in: a, foreach: { table: grid.csv }, with: { times: "${item.times}", suffix: "${item.word}", limit: "${item.limit}" } }
`, `a
b/2-x-0_5 < a.out
b/3-a_b-1 < a.out`},
		{"a group: inside its stages go by their names, and one variant reads its own", `pipeline: p
stages:
  a: { uses: draw }
  tune:
    matrix: { n: [1, 2] }
    stages:
      train: { uses: join, in: a, with: { times: "${matrix.n}" } }
      test: { uses: weigh, in: { size: train.size } }
  all: { uses: join, in: tune.test }
  one: { uses: weigh, in: tune/2/train.size }
  plain: { stages: { only: { uses: join, in: a } } }
  last: { uses: join, in: plain }
`, `a
tune/1/train < a.out
tune/1/test < tune/1/train.size
tune/2/train < a.out
tune/2/test < tune/2/train.size
all < tune/1/test.out n=1, tune/2/test.out n=2
one < tune/2/train.size
plain/only < a.out
last < plain/only.out`},
		{"files that are included, defaults and merge keys", `pipeline: p
include: [parts/common.yaml]
params: { word: own }
.join: &join { uses: join, in: a }
stages:
  b: { <<: *join, with: { suffix: "${params.word}${params.more}" } }
`, ""},
		{"a pipeline that uses another one, twice", `pipeline: p
stages:
  a: { uses: draw }
  prep:
    foreach: [x, y]
    uses: parts/prepare.yaml
    in: { raw: a }
    with: { word: "${item}", times: 3 }
  all: { uses: join, in: prep.done }
  sizes: { uses: weigh, in: { size: prep/x/second.size } }
`, `a
prep/x/first < a.out
prep/x/second < prep/x/first.out
prep/y/first < a.out
prep/y/second < prep/y/first.out
all < prep/x/second.out item=x, prep/y/second.out item=y
sizes < prep/x/second.size`},
	} {
		p, err := loadFiles(t, map[string]string{"p.yaml": c.src, "grid.csv": "times,word,limit\n2,x,0.5\n3,a b,1\n",
			"parts/common.yaml":  "params: { word: common, more: s }\nstages:\n  a: { uses: draw }\n",
			"parts/prepare.yaml": "pipeline: prepare\nparams: { word: { type: string }, times: { default: 1, max: 5 } }\ninputs: { raw: file }\noutputs: { done: second, size: second.size }\nstages:\n  first: { uses: join, in: inputs.raw, with: { suffix: \"${params.word}\" } }\n  second: { uses: join, in: first, with: { times: \"${params.times}\" } }\n",
		}, nil)
		if c.want == "" { // the top of a file has no free keys
			if err == nil || !strings.Contains(err.Error(), `unknown key ".join"`) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := drawn(p); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}
