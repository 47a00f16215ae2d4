package dag

import (
	"context"
	"strings"
	"testing"
)

const gated = `pipeline: p
params: { most: 4, go: true }
stages:
  a: { uses: draw }
  b: { uses: join, in: a, with: { suffix: xyz } }
  c: { uses: weigh, in: { size: b.size }, when: "metrics.size <= params.most && params.go" }
  d: { uses: join, in: c }
  e: { uses: weigh, in: { size: b.size, more: c } }
`

func TestWhen(t *testing.T) {
	s := testStore(t)
	for _, c := range []struct{ most, ends, why, e string }{
		{"4", "a=finished b=finished c=finished d=finished e=finished", "", "more: true"},
		// Without its optional input, e has the key that c had above.
		{"3", "a=cached b=cached c=skipped d=skipped e=cached", "when: metrics.size <= params.most && params.go is false", "more: false"},
	} {
		rec := &recording{}
		p := mustLoad(t, gated, map[string]string{"most": c.most})
		res, err := Run(context.Background(), p, RunOptions{ID: "r", Store: s, Sink: rec, Jobs: 1})
		if err != nil || res.Status != "finished" {
			t.Fatalf("%v, %+v", err, res)
		}
		if got := rec.ends(); got != c.ends {
			t.Errorf("most = %s: stages ended %s, want %s", c.most, got, c.ends)
		}
		if got := content(t, s, res, "e", Out); got != c.e {
			t.Errorf("e = %q, want %q", got, c.e)
		}
		for _, e := range rec.events {
			if e.Type == StageSkipped && e.Stage == "c" && e.Text != c.why {
				t.Errorf("c was skipped because %q", e.Text)
			}
			if e.Type == StageSkipped && e.Stage == "d" && e.Text != `stage "c" was skipped` {
				t.Errorf("d was skipped because %q", e.Text)
			}
		}
	}
	plan, err := Plan(context.Background(), mustLoad(t, gated, map[string]string{"most": "3"}), PlanOptions{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, one := range plan {
		told = append(told, one.Name+"="+string(one.Action))
	}
	if got := strings.Join(told, " "); got != "a=cached b=cached c=skip d=skip e=cached" {
		t.Errorf("plan: %s", got)
	}
}

func TestWhenThatIsWritten(t *testing.T) {
	_, rec, err := runIt(t, testStore(t), "pipeline: p\nparams: { on: false }\nstages: { a: { uses: draw, when: '${params.on}' }, b: { uses: join, in: a } }\n", nil)
	expect(t, rec, err, "a=skipped b=skipped")
}
