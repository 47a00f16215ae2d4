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
  f: { uses: weigh, in: { size: b.size, after: c } }
  g: { uses: weigh, in: { size: b.size, some: [a, c] } }
  h: { uses: weigh, in: { size: b.size, some: [c, d] } }
`

func TestWhen(t *testing.T) {
	s := testStore(t)
	for _, c := range []struct{ most, ends, why, g string }{
		{"4", "a=finished b=finished c=finished d=finished e=finished f=finished g=finished h=finished", "", "more: false, some: 2"},
		// e has c on an input that it might leave out, but does not: it is
		// skipped. f goes on without it and has then the key that c had above; g
		// goes on with the rest of its list; nothing of it is left for h.
		{"3", "a=cached b=cached c=skipped d=skipped h=skipped e=skipped f=cached g=finished", "when: metrics.size <= params.most && params.go is false", "more: false, some: 1"},
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
		if got := content(t, s, res, "g", Out); got != c.g {
			t.Errorf("g = %q, want %q", got, c.g)
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
	if got := strings.Join(told, " "); got != "a=cached b=cached c=skip d=skip e=skip f=cached g=cached h=skip" {
		t.Errorf("plan: %s", got)
	}
}

func TestWhenThatIsWritten(t *testing.T) {
	_, rec, err := runIt(t, testStore(t), "pipeline: p\nparams: { on: false }\nstages: { a: { uses: draw, when: '${params.on}' }, b: { uses: join, in: a } }\n", nil)
	expect(t, rec, err, "a=skipped b=skipped")
}
