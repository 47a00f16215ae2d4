package dag

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pipe/artifacts"
	"pipe/dag/expr"
	"pipe/dag/text"
)

// The kinds of these tests: text files that are read, joined and refused.

type readKind struct {
	Path Path `yaml:"path" doc:"the file" required:"true"`
}

// afterRead lets a test do what another program might do meanwhile.
var afterRead func()

func (k *readKind) Ports() (in, out []Port) {
	return nil, []Port{{Name: Out, Type: artifacts.File}}
}
func (k *readKind) Check(*Check) {}
func (k *readKind) Run(_ context.Context, env *Env) error {
	b, err := os.ReadFile(string(k.Path))
	if err != nil {
		return err
	}
	env.Logf("read %d bytes", len(b))
	if afterRead != nil {
		afterRead()
	}
	return write(env, Out, string(b))
}

type joinKind struct {
	Suffix string  `yaml:"suffix" doc:"what is put behind"`
	Times  int     `yaml:"times" doc:"how often" default:"1" min:"1" max:"9"`
	Mode   string  `yaml:"mode" doc:"how" default:"plain" enum:"plain,loud"`
	Limit  float64 `yaml:"limit" doc:"unused" above:"0" default:"0.5"`
	When   string  `yaml:"when" doc:"a condition over size"`
}

// ran counts how often kinds of these tests really ran.
var ran atomic.Int64

func (k *joinKind) Ports() (in, out []Port) {
	return []Port{{Name: "in", Type: artifacts.File, Many: true, Distinct: true}}, []Port{{Name: Out, Type: artifacts.File}, {Name: "size", Type: artifacts.Metrics}}
}
func (k *joinKind) Check(c *Check) {
	if k.When != "" {
		c.Expr("when", k.When, expr.Vars{"size": expr.Int}, expr.Bool)
	}
	c.Out["size"] = Schema{Metrics: []string{"size"}}
}
func (k *joinKind) Run(ctx context.Context, env *Env) error {
	ran.Add(1)
	var b strings.Builder
	for _, ref := range env.Inputs("in") {
		data, err := env.store.ReadAll(ref)
		if err != nil {
			return err
		}
		b.Write(data)
	}
	s := b.String() + strings.Repeat(k.Suffix, k.Times)
	if k.Mode == "loud" {
		s = strings.ToUpper(s)
	}
	env.Metric("size", float64(len(s)), 0)
	if err := write(env, "size", fmt.Sprint(len(s))); err != nil {
		return err
	}
	return write(env, Out, s)
}

// troubleKind does what stages do wrong.
type troubleKind struct {
	How  string `yaml:"how" doc:"error, panic, forget, half or sleep" required:"true"`
	Note string `yaml:"note" doc:"makes the key differ"`
}

func (k *troubleKind) Ports() (in, out []Port) {
	return []Port{{Name: "in", Type: artifacts.File, Optional: true}}, []Port{{Name: Out, Type: artifacts.File}}
}
func (k *troubleKind) Check(*Check) {}
func (k *troubleKind) Run(ctx context.Context, env *Env) error {
	switch k.How {
	case "error":
		return fmt.Errorf("the disk of %s is on fire", k.Note)
	case "panic":
		panic("ouch")
	case "forget":
		return nil
	case "half":
		if err := write(env, Out, "half"); err != nil {
			return err
		}
		return fmt.Errorf("stopped half-way")
	case "sleep":
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Minute):
		}
	case "deaf":
		time.Sleep(3 * time.Second)
	}
	return write(env, Out, "fine")
}

// weighKind needs metrics; another file is optional.
type weighKind struct{}

func (k *weighKind) Ports() (in, out []Port) {
	return []Port{{Name: "size", Type: artifacts.Metrics}, {Name: "more", Type: artifacts.File, Optional: true},
		{Name: "after", Type: artifacts.File, Optional: true, Lack: NeedsNone}, {Name: "some", Type: artifacts.File, Optional: true, Many: true, Lack: NeedsSome}}, []Port{{Name: Out, Type: artifacts.File}}
}
func (k *weighKind) Check(*Check) {}
func (k *weighKind) Run(_ context.Context, env *Env) error {
	return write(env, Out, fmt.Sprint("more: ", env.Has("more"), ", some: ", len(env.Inputs("some"))))
}

// flakyKind fails until it was tried often enough.
type flakyKind struct {
	Fails int    `yaml:"fails" doc:"how often" default:"2"`
	Text  string `yaml:"text" doc:"of the error" default:"no connection"`
}

// tries counts attempts at flakyKind.
var tries atomic.Int64

func (k *flakyKind) Ports() (in, out []Port) {
	return nil, []Port{{Name: Out, Type: artifacts.File}}
}
func (k *flakyKind) Check(*Check) {}
func (k *flakyKind) Run(_ context.Context, env *Env) error {
	n := tries.Add(1)
	env.Metric("tries", float64(n), 0)
	if err := write(env, Out, "fine"); err != nil {
		return err
	}
	if int(n) <= k.Fails {
		return errors.New(k.Text)
	}
	return nil
}

// effectKind changes something outside the store.
type effectKind struct {
	Name string `yaml:"name" doc:"whom it tells"`
}

var told atomic.Int64

func (k *effectKind) Ports() (in, out []Port) {
	return []Port{{Name: "in", Type: artifacts.File}}, nil
}
func (k *effectKind) Check(*Check)                          {}
func (k *effectKind) Run(_ context.Context, env *Env) error { told.Add(1); return nil }

// drawKind depends on the seed.
type drawKind struct{}

func (k *drawKind) Ports() (in, out []Port) {
	return nil, []Port{{Name: Out, Type: artifacts.File}}
}
func (k *drawKind) Check(*Check) {}
func (k *drawKind) Run(_ context.Context, env *Env) error {
	return write(env, Out, fmt.Sprint(env.Seed))
}

// diceKind is not deterministic.
type diceKind struct{}

func (k *diceKind) Ports() (in, out []Port) {
	return []Port{{Name: "in", Type: artifacts.File}}, []Port{{Name: Out, Type: artifacts.File}}
}
func (k *diceKind) Check(*Check) {}
func (k *diceKind) Run(_ context.Context, env *Env) error {
	return write(env, Out, fmt.Sprint(ran.Add(1)))
}

func write(env *Env, port, s string) error {
	t := artifacts.File
	if port == "size" {
		t = artifacts.Metrics
	}
	w, err := env.CreateFile(port, t, "txt")
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, s)
	return err
}

func testKinds() *Kinds {
	return NewKinds(
		Info{Name: "read", Version: 1, New: func() Kind { return &readKind{} }},
		Info{Name: "join", Version: 1, New: func() Kind { return &joinKind{} }},
		Info{Name: "trouble", Version: 1, New: func() Kind { return &troubleKind{} }},
		Info{Name: "weigh", Version: 1, New: func() Kind { return &weighKind{} }},
		Info{Name: "flaky", Version: 1, New: func() Kind { return &flakyKind{} }},
		Info{Name: "dice", Version: 1, New: func() Kind { return &diceKind{} }},
		Info{Name: "tell", Version: 1, Effect: true, New: func() Kind { return &effectKind{} }},
		Info{Name: "draw", Version: 1, Seeded: true, New: func() Kind { return &drawKind{} }},
	)
}

func load(t testing.TB, src string, params map[string]string) (*Pipeline, error) {
	t.Helper()
	return Load(context.Background(), &text.File{Name: "p.yaml", Data: []byte(src)}, LoadOptions{Kinds: testKinds(), Params: params})
}

func mustLoad(t testing.TB, src string, params map[string]string) *Pipeline {
	t.Helper()
	p, err := load(t, src, params)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
