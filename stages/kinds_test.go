package stages

import (
	"context"
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/dag/text"
)

// What holds for every kind, so that a new one is tested by being there.

func eachKind(t *testing.T, f func(t *testing.T, info dag.Info)) {
	all := Kinds()
	for _, name := range all.Names() {
		info, _ := all.Get(name)
		t.Run(name, func(t *testing.T) { f(t, info) })
	}
}

var kindName = regexp.MustCompile(`^[a-z0-9]+([._][a-z0-9]+)*$`)

func TestEveryKindIsDocumented(t *testing.T) {
	eachKind(t, func(t *testing.T, info dag.Info) {
		if !kindName.MatchString(info.Name) {
			t.Errorf("the name %q is not lower case with dots", info.Name)
		}
		if first := dag.FirstSentence(info.Doc); !strings.HasSuffix(first, ".") {
			t.Errorf("the description does not begin with a sentence: %q", first)
		}
		fieldsAreDocumented(t, "", reflect.TypeOf(info.New()).Elem())
		in, out := info.New().Ports()
		if len(out) == 0 && !info.Effect {
			t.Error("it has no output and no effect")
		}
		for _, p := range append(in, out...) {
			if p.Name == "*" {
				continue // stands for ports that the pipeline names
			}
			if p.Doc == "" || !p.Type.Valid() {
				t.Errorf("port %q has no description or no type", p.Name)
			}
		}
	})
}

func fieldsAreDocumented(t *testing.T, path string, typ reflect.Type) {
	for _, f := range text.Fields(typ) {
		if f.Doc == "" {
			t.Errorf("field %s%s has no description", path, f.Name)
		}
		inner := f.Type
		for inner.Kind() == reflect.Map || inner.Kind() == reflect.Slice || inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		decodesItself := reflect.PointerTo(inner).Implements(reflect.TypeFor[text.NodeDecoder]()) || reflect.PointerTo(f.Type).Implements(reflect.TypeFor[text.NodeDecoder]())
		if inner.Kind() == reflect.Struct && !decodesItself {
			fieldsAreDocumented(t, path+f.Name+".", inner)
		}
	}
}

// The example of a kind is a stage of that kind that decodes without a problem.
func TestEveryExampleDecodes(t *testing.T) {
	expression := regexp.MustCompile(`\$\{[^}]*\}`)
	eachKind(t, func(t *testing.T, info dag.Info) {
		var ps text.Problems
		n := text.Parse(&text.File{Name: "example", Data: []byte(expression.ReplaceAllString(info.Example, "7"))}, &ps)
		if err := ps.Err(); err != nil {
			t.Fatal(err)
		}
		if n.Kind != text.Mapping || len(n.Items) != 1 {
			t.Fatalf("the example is not one stage:\n%s", info.Example)
		}
		stage := n.Items[0]
		if uses := stage.Get("uses"); uses == nil || uses.Text() != info.Name {
			t.Errorf("the example does not use %s", info.Name)
		}
		with := stage.Get("with")
		if with == nil {
			with = &text.Node{Kind: text.Mapping, Pos: stage.Pos}
		}
		d := text.Decoder{Problems: &ps}
		d.Decode(with, info.New())
		if err := ps.Err(); err != nil {
			t.Errorf("the example:\n%s\n%v", info.Example, err)
		}
	})
}

// A kind that is asked with nothing connected and nothing set reports problems
// and fails, but does not panic.
func TestEveryKindSurvivesNothing(t *testing.T) {
	eachKind(t, func(t *testing.T, info dag.Info) {
		t.Chdir(t.TempDir())
		k := info.New()
		dagtest.Decode(k, "")
		dagtest.Check(k, map[string]dag.Schema{})
		if info.Name == "source.godoc" {
			return // reads what is installed
		}
		_, _, err := dag.RunKind(context.Background(), dagtest.Store(t), k, map[string][]artifacts.Ref{}, 7, nil, t.TempDir(), nil)
		needsInput := false
		in, _ := k.Ports()
		for _, p := range in {
			needsInput = needsInput || !p.Optional
		}
		var bug *dag.PanicError
		if err == nil && needsInput || errors.As(err, &bug) {
			t.Errorf("without inputs it gave the error %v", err)
		}
	})
}
