package dag

import (
	"context"
	"strings"
	"testing"
)

func TestResourcesBoundWhatRunsTogether(t *testing.T) {
	const src = `pipeline: p
pools: { disk: 1 }
stages:
  a: { uses: trouble, with: { how: fine, note: a }, resources: { pools: { disk: 1 } } }
  b: { uses: trouble, with: { how: fine, note: b }, resources: { pools: { disk: 1 } }, priority: 3 }
  c: { uses: trouble, with: { how: fine, note: c }, resources: { cpu: 9, memory: 100TiB } }
  d: { uses: trouble, with: { how: fine, note: d }, resources: { memory: 512MiB } }
`
	rec := &recording{}
	res, err := Run(context.Background(), mustLoad(t, src, nil), RunOptions{ID: "r", Store: testStore(t), Sink: rec, Jobs: 4, Memory: 1 << 30})
	if err != nil || res.Ran != 4 {
		t.Fatalf("%v, %+v", err, res)
	}
	running := map[string]bool{}
	for _, e := range rec.events {
		switch e.Type {
		case StageStarted:
			running[e.Stage] = true
			if running["a"] && running["b"] || running["c"] && len(running) > 1 {
				t.Errorf("together: %v", running)
			}
		case StageFinished:
			delete(running, e.Stage)
		}
	}
	rec = &recording{}
	if _, err := Run(context.Background(), mustLoad(t, src, nil), RunOptions{ID: "r", Store: testStore(t), Sink: rec, Jobs: 1}); err != nil {
		t.Fatal(err)
	}
	if got := rec.ends(); !strings.HasPrefix(got, "b=") {
		t.Errorf("%s: b has the highest priority", got)
	}
	for src, want := range map[string]string{
		"{ pools: { dsk: 1 } }":  `there is no pool "dsk" (did you mean "disk"?)`,
		"{ pools: { disk: 2 } }": "it would wait for ever",
		"{ pools: { disk: 0 } }": "must be at least 1",
		"{ memory: much }":       `"much" is no amount of memory`,
		"{ cpu: 0 }":             "must be at least 1",
	} {
		_, err := load(t, "pipeline: p\npools: { disk: 1 }\nstages:\n  a: { uses: draw, resources: "+src+" }\n", nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", src, err)
		}
	}
}

func TestBytes(t *testing.T) {
	for s, want := range map[string]Bytes{"1": 1, "1000B": 1000, "2KB": 2000, "2KiB": 2048, "1.5 GiB": 3 << 29, "4G": 4e9, "1Ti": 1 << 40} {
		var b Bytes
		if err := b.UnmarshalText([]byte(s)); err != nil || b != want {
			t.Errorf("%s is %d (%v), want %d", s, b, err, want)
		}
	}
	for _, s := range []string{"", "x", "-1", "0", "1 TB2", "99999999TiB"} {
		var b Bytes
		if b.UnmarshalText([]byte(s)) == nil {
			t.Errorf("%q is %d", s, b)
		}
	}
}
