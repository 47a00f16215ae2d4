package stages

import (
	"fmt"
	"reflect"
	"strings"

	"pipe/dag/text"
	"pipe/stages/nn"
)

// Layers is a network as pipelines spell it: a list of layers, each a bare word
// (`- flatten`) or a kind with its settings (`- lstm: { units: 128 }`). The maps
// have one entry each; in this form a stage's key covers every setting.
type Layers []map[string]nn.Layer

// DecodeNode implements text.NodeDecoder.
func (l *Layers) DecodeNode(d *text.Decoder, n *text.Node) {
	items := n.Items
	switch {
	case n.Kind == text.Mapping:
		d.Problems.Add(&text.Problem{Code: "type", Pos: n.Pos, Text: "layers: expected a list, found a map", Hint: `begin each layer with "- "`})
		return
	case n.Kind == text.Scalar && n.Value == nil:
		return
	case n.Kind == text.Scalar:
		items = []*text.Node{n}
	}
	for i, item := range items {
		if one := decodeNamed(d, item, fmt.Sprintf("layers[%d]", i), "layer", nn.LayerKinds(), nn.NewLayer); one != nil {
			*l = append(*l, one)
		}
	}
}

// TypeText names the type for the reference pages.
func (Layers) TypeText() string { return "list of layers" }

// list gives the layers in order.
func (l Layers) list() []nn.Layer {
	out := make([]nn.Layer, len(l))
	for i, one := range l {
		_, out[i] = only(one)
	}
	return out
}

// Loss is a loss by name, or by name with its settings.
type Loss map[string]nn.Loss

// DecodeNode implements text.NodeDecoder.
func (l *Loss) DecodeNode(d *text.Decoder, n *text.Node) {
	*l = decodeNamed(d, n, "loss", "loss", nn.LossKinds(), nn.NewLoss)
}

// TypeText names the type for the reference pages.
func (Loss) TypeText() string { return "one of " + strings.Join(nn.LossKinds(), ", ") }

// Optimizer is an optimiser by name, or by name with its settings.
type Optimizer map[string]nn.Optimizer

// DecodeNode implements text.NodeDecoder.
func (o *Optimizer) DecodeNode(d *text.Decoder, n *text.Node) {
	*o = decodeNamed(d, n, "optimizer", "optimizer", nn.OptimizerKinds(), nn.NewOptimizer)
}

// TypeText names the type for the reference pages.
func (Optimizer) TypeText() string { return "one of " + strings.Join(nn.OptimizerKinds(), ", ") }

// Schedule is a schedule of the learning rate by name, or by name with its
// settings.
type Schedule map[string]nn.Schedule

// DecodeNode implements text.NodeDecoder.
func (s *Schedule) DecodeNode(d *text.Decoder, n *text.Node) {
	*s = decodeNamed(d, n, "schedule", "schedule", nn.ScheduleKinds(), nn.NewSchedule)
}

// TypeText names the type for the reference pages.
func (Schedule) TypeText() string { return "one of " + strings.Join(nn.ScheduleKinds(), ", ") }

// learningRate reads the setting that all optimisers have.
func (o Optimizer) learningRate() (float64, bool) {
	_, v := only(o)
	if v == nil {
		return 0, false
	}
	s := reflect.ValueOf(v).Elem()
	for _, f := range text.Fields(s.Type()) {
		if fv := s.FieldByIndex(f.Index); f.Name == "learning_rate" && fv.CanFloat() {
			return fv.Float(), true
		}
	}
	return 0, false
}

// only gives the one entry of a map.
func only[T any](m map[string]T) (name string, v T) {
	for name, v = range m {
		break
	}
	return name, v
}

// decodeNamed reads a word, or a map of one word to its settings, into what the
// registry makes for the word. Nil means that a problem was reported.
func decodeNamed[T any](d *text.Decoder, n *text.Node, path, family string, kinds []string, create func(string) (T, error)) map[string]T {
	word, settings := n, (*text.Node)(nil)
	switch {
	case n.Kind == text.Mapping && len(n.Keys) == 1:
		word, settings = n.Keys[0], n.Items[0]
	case n.Kind == text.Mapping && len(n.Keys) > 1:
		d.Problems.Add(&text.Problem{Code: "type", Pos: n.Keys[1].Pos, Text: fmt.Sprintf("%s: one %s is one word with its settings below; %q stands beside %q", path, family, n.Keys[1].Raw, n.Keys[0].Raw),
			Hint: fmt.Sprintf("indent the settings of %s further, or write %s: { … }", n.Keys[0].Raw, n.Keys[0].Raw)})
		return nil
	case n.Kind != text.Scalar || n.Value == nil:
		d.Errorf(n, "type", "%s: expected the name of a %s, found %s", path, family, n.What())
		return nil
	}
	name := word.Text()
	v, err := create(name)
	if err != nil {
		hint := text.DidYouMean(name, kinds)
		if hint == "" {
			hint = "known: " + strings.Join(kinds, ", ")
		}
		d.Problems.Add(&text.Problem{Code: "unknown-" + family, Pos: word.Pos, Text: fmt.Sprintf("%s: there is no %s %q", path, family, name), Hint: hint})
		return nil
	}
	if settings == nil {
		settings = &text.Node{Kind: text.Mapping, Pos: word.Pos}
	}
	before := d.Problems.Len()
	decodeStacks(d, settings, reflect.TypeOf(v).Elem(), path+"."+name)
	if d.Problems.Len() > before {
		return nil
	}
	d.Known(settings, v, path+"."+name)
	if d.Problems.Len() > before {
		return nil
	}
	return map[string]T{name: v}
}

// decodeStacks checks the layers inside a layer, which package nn takes as plain
// data, so that a mistake in them is shown at its place; a bare word becomes the
// map that nn expects.
func decodeStacks(d *text.Decoder, settings *text.Node, layer reflect.Type, path string) {
	for _, f := range text.Fields(layer) {
		n := settings.Get(f.Name)
		if n == nil || n.Kind != text.Sequence {
			continue // absent, or reported by the decoder
		}
		switch f.Type {
		case reflect.TypeFor[nn.Stack]():
			decodeStack(d, n, path+"."+f.Name)
		case reflect.TypeFor[[]nn.Stack]():
			for i, stack := range n.Items {
				decodeStack(d, stack, fmt.Sprintf("%s.%s[%d]", path, f.Name, i))
			}
		}
	}
}

func decodeStack(d *text.Decoder, stack *text.Node, path string) {
	for i, item := range stack.Items {
		one := decodeNamed(d, item, fmt.Sprintf("%s[%d]", path, i), "layer", nn.LayerKinds(), nn.NewLayer)
		if one != nil && item.Kind == text.Scalar {
			*item = text.Node{Kind: text.Mapping, Pos: item.Pos, Keys: []*text.Node{{Pos: item.Pos, Raw: item.Text(), Value: item.Text()}},
				Items: []*text.Node{{Kind: text.Mapping, Pos: item.Pos}}}
		}
	}
}
