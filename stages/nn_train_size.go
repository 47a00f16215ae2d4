package stages

import (
	"fmt"
	"reflect"

	"pipe/dag"
	"pipe/stages/nn"
)

// maxParameters bounds a network. At four bytes each, and as much again for the
// gradients, more would not fit into the memory of one machine.
const maxParameters = 1 << 31

// checkSize refuses a network that is too large to exist, and one of which
// nothing would be trained. What only fitting will tell counts as the least that
// it can be, so that nothing is refused that could be right.
func (t *Train) checkSize(c *dag.Check, s *dag.Signature, layers []nn.Layer) {
	in := nn.Input{Tokens: s.Tokens != 0, Shape: append([]int(nil), s.Shape...)}
	if last := len(in.Shape) - 1; !in.Tokens && in.Shape[last] == nn.Unknown {
		in.Shape[last] = 1
	}
	sizes := leastParameters(in, nn.Context{Vocab: max(s.Tokens, 1), Classes: 2}, layers)
	total, largest, trained := int64(0), 0, len(sizes) == 0
	for i, size := range sizes {
		total += max(size, 0)
		if size > sizes[largest] {
			largest = i
		}
		trained = trained || i >= t.Freeze && size != 0
	}
	kind := nn.LayerKind(layers[largest])
	switch {
	case total > maxParameters && sizes[largest] > maxParameters:
		c.Errorf(layerField(largest, kind), "the %s alone would have more than %d parameters, which is the most that a whole network may have", kind, maxParameters)
	case total > maxParameters:
		c.Errorf(layerField(largest, kind), "the network would have at least %d parameters and may have %d; most of them, %d, are in the %s", total, maxParameters, sizes[largest], kind)
	case !trained && t.Freeze > 0 && t.Freeze < len(layers):
		c.Errorf("freeze", "none of the %d layers after the first %d has weights, so nothing would be trained", len(layers)-t.Freeze, t.Freeze)
	}
}

// checkFreeze wants a layer that is trained.
func (t *Train) checkFreeze(c *dag.Check) {
	if n := len(t.Layers); n > 0 && t.Freeze >= n && c.In["model"].Type == "" {
		c.Errorf("freeze", "%v", t.frozenWhole(n))
	}
}

func (t *Train) frozenWhole(layers int) error {
	return fmt.Errorf("the network has %d layers and the first %d are to keep their weights, so nothing would be trained; freeze at most %d", layers, t.Freeze, layers-1)
}

// refuseFrozen is checkFreeze for a network that is known only when it runs.
func (t *Train) refuseFrozen(n *nn.Network) error {
	if t.Freeze >= len(n.Layers) {
		return t.frozenWhole(len(n.Layers))
	}
	for _, l := range n.Layers[t.Freeze:] {
		if len(l.Params()) > 0 {
			return nil
		}
	}
	return fmt.Errorf("none of the %d layers after the first %d has weights, so nothing would be trained", len(n.Layers)-t.Freeze, t.Freeze)
}

// leastParameters counts the parameters of each layer: -1 where that is not
// known, and nil where the shapes are not.
func leastParameters(in nn.Input, c nn.Context, layers []nn.Layer) []int64 {
	shapes, err := nn.Check(in, c, layers)
	if err != nil {
		return nil
	}
	out := make([]int64, len(layers))
	shape := append(nn.Shape{nn.Unknown}, in.Shape...)
	for i, l := range layers {
		out[i] = layerParameters(l, shape, c)
		shape = shapes[i]
	}
	return out
}

// twinOf copies a layer, so that it can be built for sizes that may turn out to be
// others.
func twinOf(l nn.Layer) nn.Layer {
	v := reflect.New(reflect.TypeOf(l).Elem())
	v.Elem().Set(reflect.ValueOf(l).Elem())
	return v.Interface().(nn.Layer)
}

// layerParameters builds a copy of the layer, without values.
func layerParameters(l nn.Layer, in nn.Shape, c nn.Context) int64 {
	twin := twinOf(l)
	if err := twin.Build(in, c, nil); err != nil {
		return -1
	}
	sum := int64(0)
	for _, p := range twin.Params() {
		sum = min(sum+elements(p.Shape), maxParameters+1)
	}
	return sum
}

// elements multiplies the sizes, up to a little more than maxParameters. A size
// that is not known counts as one, and one that has overflowed as too many.
func elements(s nn.Shape) int64 {
	n := int64(1)
	for _, d := range s {
		switch {
		case d == nn.Unknown:
		case d < 0 || int64(d) > maxParameters/n:
			return maxParameters + 1
		default:
			n = max(n*int64(d), 1)
		}
	}
	return n
}
