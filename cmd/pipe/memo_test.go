package main

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pipe/dag"
)

// twin is one of two folders to which the same things happen. In one of them,
// memos are removed before each command.
type twin struct {
	t     *testing.T
	dir   string
	memos bool
}

func (w *twin) path(name string) string { return filepath.Join(w.dir, name) }

func (w *twin) write(name, content string) {
	if err := os.WriteFile(w.path(name), []byte(content), 0o666); err != nil {
		w.t.Fatal(err)
	}
}

// twinRun is what a run came to, without times and ids.
type twinRun struct {
	code   int
	stages map[string]string // type, key, inputs, outputs, files and metrics
	said   string
	recall bool // a memo stood for the pipeline
}

func (w *twin) run(args ...string) twinRun {
	w.t.Helper()
	w.t.Chdir(w.dir)
	if !w.memos {
		os.RemoveAll(".pipe/memos")
	}
	before := w.runs()
	var out, errOut bytes.Buffer
	got := twinRun{code: run(args, strings.NewReader(""), &out, &errOut), stages: map[string]string{}}
	got.said = strings.ReplaceAll(errOut.String(), w.dir, "DIR")
	for _, id := range w.runs() {
		if slices.Contains(before, id) {
			continue
		}
		recall := true
		err := dag.ReadJournal(filepath.Join(".pipe/runs", id), func(e *dag.Event) error {
			switch e.Type {
			case dag.StageCached:
				recall = recall && e.Seconds == 0
			case dag.StageFinished, dag.StageFailed, dag.StageSkipped:
				recall = false
			case dag.RunFinished:
				got.stages[""] = e.Status
				return nil
			default:
				return nil
			}
			for i := range e.Metrics {
				e.Metrics[i].Time = time.Time{}
			}
			got.stages[e.Stage] = fmt.Sprint(e.Type, e.Kind, e.Key, e.Inputs, e.Outputs, e.Metrics, e.Text, len(e.Externals))
			for _, x := range e.Externals {
				got.stages[e.Stage] += fmt.Sprint(x.Path, x.Digest, x.Size, x.Files)
			}
			got.stages[e.Stage] = strings.ReplaceAll(got.stages[e.Stage], w.dir, "DIR")
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
		got.recall = recall && got.stages[""] == dag.StatusFinished
	}
	return got
}

func (w *twin) runs() []string {
	entries, _ := os.ReadDir(w.path(".pipe/runs"))
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

// memoPipeline has what keys are made of: params, an included file, a variable,
// a table, a folder, conditions, the logical time; and switches for what no memo
// can stand for.
const memoPipeline = `pipeline: twin
include: shared.yaml
params:
  level: { default: 1 }
  strict: { default: true }
stages:
  rows: { uses: source.csv, with: { path: rows.csv } }
  names: { uses: select, in: rows, with: { columns: [name] } }
  few:
    uses: select
    in: rows
    when: params.strict
    with: { columns: [id] }
  shout:
    uses: exec
    in: { table: names }
    cache: CACHED
    with: { run: "cat \"$PIPE_INPUT_TABLE\" > /dev/null; echo $TWIN_TONE ${params.level} > \"$PIPE_OUTPUT_WORD\"; echo '{\"level\": ${params.level}}' > \"$PIPE_METRICS\"", pass_env: [TWIN_TONE], outputs: { word: file } }
  again:
    uses: exec
    in: { word: shout.word }
    matrix: { times: [1, 2] }
    with: { run: "cp \"$PIPE_INPUT_WORD\" \"$PIPE_OUTPUT_COPY\"; echo ${matrix.times}DATE", files: [lib], outputs: { copy: file } }
HOOK`

// TestMemoChangesNothing does random things to two folders, in one of which no
// memo lasts: all runs come to the same. PIPE_MEMO_STEPS sets how many.
func TestMemoChangesNothing(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Setenv("TWIN_TONE", "low")
	with, without := &twin{t, t.TempDir(), true}, &twin{t, t.TempDir(), false}
	both := func(do func(*twin)) { do(with); do(without) }
	cached, date, hook, comment := "true", "", "", 0
	pipeline := func() string {
		s := strings.NewReplacer("CACHED", cached, "DATE", date, "HOOK", hook).Replace(memoPipeline)
		return s + fmt.Sprintf("\n# %d\n", comment)
	}
	both(func(w *twin) {
		if err := os.Mkdir(w.path("lib"), 0o777); err != nil {
			t.Fatal(err)
		}
		w.write("lib/a.txt", "a")
		w.write("rows.csv", "id,name\n1,ann\n2,bob\n")
		w.write("shared.yaml", "params:\n  shared: { default: 1 }\n")
		w.write("pipeline.yaml", pipeline())
	})
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	var args []string // of the next run, beside the file
	things := map[string]func(){
		"text": func() { comment++; both(func(w *twin) { w.write("pipeline.yaml", pipeline()) }) },
		"caching": func() {
			cached = pick("true", "true", "false")
			both(func(w *twin) { w.write("pipeline.yaml", pipeline()) })
		},
		"date": func() {
			date = pick("", "; echo ${run.date}")
			both(func(w *twin) { w.write("pipeline.yaml", pipeline()) })
		},
		"hook": func() {
			hook = pick("", "", "finally: { uses: exec, with: { run: \"echo over\" } }\n")
			both(func(w *twin) { w.write("pipeline.yaml", pipeline()) })
		},
		"include": func() {
			s := fmt.Sprintf("params:\n  shared: { default: %d }\n", rng.IntN(3))
			both(func(w *twin) { w.write("shared.yaml", s) })
		},
		"data of the same size and time": func() {
			s := "id,name\n1,ann\n2," + pick("bob", "eve", "joe") + "\n"
			both(func(w *twin) {
				before, err := os.Stat(w.path("rows.csv"))
				w.write("rows.csv", s)
				if err == nil {
					_ = os.Chtimes(w.path("rows.csv"), before.ModTime(), before.ModTime())
				}
			})
		},
		"data gone": func() { both(func(w *twin) { os.Remove(w.path("rows.csv")) }) },
		"folder": func() {
			s, n := pick("a", "b"), pick("a", "b")
			both(func(w *twin) { w.write("lib/"+n+".txt", s) })
		},
		"touch": func() {
			both(func(w *twin) { _ = os.Chtimes(w.path("lib/a.txt"), time.Now(), time.Now()) })
		},
		"variable": func() { t.Setenv("TWIN_TONE", pick("low", "high")) },
		"param of the environment": func() {
			if pick("set", "not") == "set" {
				t.Setenv("PIPE_PARAM_LEVEL", pick("1", "2"))
			} else {
				os.Unsetenv("PIPE_PARAM_LEVEL")
			}
		},
		"param": func() { args = append(args, "-p", "level="+pick("1", "2", "3")) },
		"when":  func() { args = append(args, "-p", "strict=false") },
		"params file": func() {
			s := "level: " + pick("1", "4") + "\n"
			both(func(w *twin) { w.write("params.yaml", s) })
			args = append(args, "--params", "params.yaml")
		},
		"flag": func() {
			args = append(args, pick("--force", "--force=shout", "--from=shout", "--until=names", "--verify", "-q", "--json", "-k", "-j1", "--at=2026-01-02", "--name=x"))
		},
		"target": func() { args = append(args, pick("names", "shout")) },
		"gone": func() {
			kind := pick("objects", "keys")
			files, _ := filepath.Glob(with.path(".pipe/" + kind + "/*/*"))
			if len(files) == 0 {
				return
			}
			rel, err := filepath.Rel(with.dir, files[rng.IntN(len(files))])
			if err != nil {
				t.Fatal(err)
			}
			both(func(w *twin) { os.Remove(w.path(rel)) })
		},
		"gc":     func() { both(func(w *twin) { w.run("gc") }) },
		"gc all": func() { both(func(w *twin) { w.run("gc", "--keep-runs", "1") }) },
		"damage": func() {
			files, _ := filepath.Glob(with.path(".pipe/memos/*"))
			if len(files) == 0 {
				return
			}
			b, err := os.ReadFile(files[0])
			if err != nil || len(b) == 0 {
				return
			}
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
			with.write(strings.TrimPrefix(files[0], with.dir), string(b))
		},
		"nothing": func() {},
	}
	names := slices.Sorted(maps.Keys(things))
	recalled := 0
	var story []string
	for range rounds(t, "PIPE_MEMO_STEPS", 60) {
		args = nil
		what := names[rng.IntN(len(names))]
		if rng.IntN(2) == 0 {
			what = "nothing"
		}
		if what == "nothing" && rng.IntN(3) == 0 { // what was gone comes back
			both(func(w *twin) { w.write("rows.csv", "id,name\n1,ann\n2,bob\n") })
		}
		things[what]()
		story = append(story, what+" "+strings.Join(args, " "))
		all := append([]string{"run", "pipeline.yaml"}, args...)
		a, b := with.run(all...), without.run(all...)
		if a.recall {
			recalled++
		}
		if b.recall {
			t.Fatalf("the folder without memos has used one")
		}
		if a.code != b.code || a.said != b.said || !maps.Equal(a.stages, b.stages) {
			t.Fatalf("seed %d: after %q\nwith memos: %d %v\n%s\nwithout:    %d %v\n%s", seed, story, a.code, a.stages, a.said, b.code, b.stages, b.said)
		}
	}
	if recalled == 0 {
		t.Errorf("seed %d: no run used a memo: %q", seed, story)
	}
	t.Logf("%d of %d runs used a memo", recalled, len(story))
}
