package onnx

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// A network is a list of layers, and some layers hold lists of their own; a graph
// is any graph. What follows finds the lists: where several values are joined, the
// ways to them since the last value that lies on all ways, their fork, are the
// lists inside a layer.

// place sets the fork and the depth of a value whose inputs have theirs.
func (v *imported) place() {
	v.fork = v.from[0]
	for _, other := range v.from[1:] {
		for v.fork != other {
			if v.fork.depth >= other.depth && v.fork.fork != nil {
				v.fork = v.fork.fork
			} else {
				other = other.fork
			}
		}
	}
	v.depth = v.fork.depth + 1
}

// maxNesting bounds how deep layers lie inside layers.
const maxNesting = 16

// chainOf returns the layers between two values, of which the second lies on all
// ways to the first. Each value may be part of one list only.
func chainOf(to, from *imported, level int) ([]*piece, error) {
	var pieces []*piece
	for v := to; v != from; v = v.fork {
		switch {
		case v.fork == nil || v.depth <= from.depth || v.used:
			return nil, errors.New("connections cross one another, which layers inside layers cannot say")
		case level > maxNesting:
			return nil, fmt.Errorf("connections are nested more than %d deep", maxNesting)
		}
		v.used = true
		p := v.piece
		if v.join != "" {
			var err error
			if p, err = joined(v, level+1); err != nil {
				return nil, err
			}
		}
		if p != nil {
			pieces = append(pieces, p)
		}
	}
	slices.Reverse(pieces)
	return pieces, nil
}

// joined makes a residual or branches layer of what is joined in v.
func joined(v *imported, level int) (*piece, error) {
	ways := make([][]*piece, len(v.from))
	for i, from := range v.from {
		var err error
		if ways[i], err = chainOf(from, v.fork, level); err != nil {
			return nil, err
		}
	}
	if v.join == "concat" {
		branches, params := []any{}, map[string][]float32{}
		for i, way := range ways {
			if len(way) == 0 { // a branch holds at least one layer
				way = []*piece{{kind: "activation", fields: map[string]any{"function": "linear"}}}
			}
			stack, inner := stackOf(way)
			branches = append(branches, stack)
			addParams(params, inner, strconv.Itoa(i)+".")
		}
		return &piece{"branches", map[string]any{"branches": branches}, params}, nil
	}
	if len(ways[0]) < len(ways[1]) {
		ways[0], ways[1] = ways[1], ways[0]
	}
	if len(ways[0]) == 0 {
		return nil, errors.New("a value is added to itself")
	}
	main, params := stackOf(ways[0])
	around, inner := stackOf(ways[1])
	all := map[string][]float32{}
	addParams(all, params, "layers.")
	addParams(all, inner, "shortcut.")
	return &piece{"residual", map[string]any{"layers": main, "shortcut": around}, all}, nil
}

func addParams(to, from map[string][]float32, prefix string) {
	for name, data := range from {
		to[prefix+name] = data
	}
}

// add joins two values, or adds the bias of a dense layer (Add-14).
func (i *importer) add(n *Node) (*imported, error) {
	if len(n.Inputs) != 2 {
		return nil, fmt.Errorf("has %d inputs, want 2", len(n.Inputs))
	}
	a, b := i.values[n.Inputs[0]], i.values[n.Inputs[1]]
	if a == nil || b == nil {
		return i.addBias(n)
	}
	if !a.shape.Equal(b.shape) || a.second != b.second || a.ones != b.ones || !a.flat.Equal(b.flat) {
		return nil, fmt.Errorf("adds %v and %v, which differ in shape or layout", a.shape, b.shape)
	}
	return &imported{shape: a.shape, second: a.second, flat: a.flat, ones: a.ones, from: []*imported{a, b}, join: "add"}, nil
}

// concat joins values along their channels (Concat-13).
func (i *importer) concat(n *Node) (*imported, error) {
	if len(n.Inputs) == 0 {
		return nil, errors.New("has no inputs")
	}
	v := &imported{join: "concat"}
	for _, name := range n.Inputs {
		x := i.values[name]
		if x == nil {
			return nil, fmt.Errorf("input %q does not depend on the input of the graph", name)
		}
		if len(v.from) == 0 {
			v.shape, v.second = slices.Clone(x.shape), x.second
		} else {
			if len(x.shape) != len(v.shape) || x.second != v.second || !x.shape[:len(x.shape)-1].Equal(v.shape[:len(v.shape)-1]) {
				return nil, fmt.Errorf("puts %v beside %v, which does not fit", x.shape, v.shape)
			}
			v.shape = v.shape.With(v.shape.Last() + x.shape.Last())
		}
		if x.flat != nil || x.ones {
			return nil, errors.New("joins values that were flattened")
		}
		v.from = append(v.from, x)
	}
	axis, err := n.int("axis", 0)
	if err != nil {
		return nil, err
	}
	return v, v.wantChannels(axis)
}

// wantChannels says that an axis is not that of the channels.
func (v *imported) wantChannels(axis int) error {
	rank, want := len(v.shape), len(v.shape)-1
	if v.second {
		want = 1
	}
	if axis < 0 {
		axis += rank
	}
	if axis != want {
		return fmt.Errorf("works along axis %d, want %d, the channels", axis, want)
	}
	return nil
}
