package onnx

import (
	"errors"
	"fmt"
	"slices"

	"pipe/stages/nn"
)

// attribute returns an attribute, nil where the node does without.
func (n *Node) attribute(name string) *Attribute {
	for _, a := range n.Attributes {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// int returns a whole number, or otherwise where the node does without.
func (n *Node) int(name string, otherwise int) (int, error) {
	a := n.attribute(name)
	if a == nil {
		return otherwise, nil
	}
	if a.Type != IntAttribute || a.Int < -maxDim || a.Int > maxDim {
		return 0, fmt.Errorf("attribute %s must be a whole number, not too large", name)
	}
	return int(a.Int), nil
}

// list returns count whole numbers that are not negative, or so many times
// otherwise.
func (n *Node) list(name string, count, otherwise int) ([]int, error) {
	list := make([]int, count)
	a := n.attribute(name)
	for i := range list {
		list[i] = otherwise
		if a == nil {
			continue
		}
		if a.Type != IntsAttribute || len(a.Ints) != count || a.Ints[i] < 0 || a.Ints[i] > maxDim {
			return nil, fmt.Errorf("attribute %s must be %d whole numbers from 0, not too large", name, count)
		}
		list[i] = int(a.Ints[i])
	}
	return list, nil
}

// float returns a number, or otherwise where the node does without.
func (n *Node) float(name string, otherwise float32) (float32, error) {
	a := n.attribute(name)
	if a == nil {
		return otherwise, nil
	}
	if a.Type != FloatAttribute {
		return 0, fmt.Errorf("attribute %s must be a number", name)
	}
	return a.Float, nil
}

// data returns the first input, which must depend on the input of the graph.
func (i *importer) data(n *Node) (*imported, error) {
	if len(n.Inputs) == 0 {
		return nil, errors.New("has no inputs")
	}
	x := i.values[n.Inputs[0]]
	if x == nil {
		return nil, fmt.Errorf("input %q does not depend on the input of the graph", n.Inputs[0])
	}
	return x, nil
}

// floats returns a constant input with rank dimensions, nil where it is optional
// and left out.
func (i *importer) floats(n *Node, at, rank int, optional bool) ([]float32, []int, error) {
	if at >= len(n.Inputs) || n.Inputs[at] == "" {
		if optional {
			return nil, nil, nil
		}
		return nil, nil, fmt.Errorf("has no input %d", at)
	}
	t := i.constants[n.Inputs[at]]
	if t == nil {
		return nil, nil, fmt.Errorf("input %q must be a constant", n.Inputs[at])
	}
	if len(t.Dims) != rank {
		return nil, nil, fmt.Errorf("input %q has shape %v, want %d dimensions", t.Name, t.Dims, rank)
	}
	dims := make([]int, rank)
	for d, size := range t.Dims {
		if size < 1 || size > maxDim {
			return nil, nil, fmt.Errorf("input %q has shape %v", t.Name, t.Dims)
		}
		dims[d] = int(size)
	}
	data, err := t.Floats()
	return data, dims, err
}

// layer returns the value that one layer makes of x.
func (i *importer) layer(x *imported, p *piece, shape nn.Shape) *imported {
	return &imported{shape: shape, second: x.second, from: []*imported{x}, piece: p}
}

// same is layer for what changes no element's place.
func (i *importer) same(x *imported, p *piece) *imported {
	y := i.layer(x, p, x.shape)
	y.flat, y.ones, y.axes, y.directions = x.flat, x.ones, x.axes, x.directions
	return y
}

// node translates one node.
func (i *importer) node(n *Node) error {
	if len(n.Outputs) == 0 {
		return errors.New("has no outputs")
	}
	for at, name := range n.Inputs {
		if _, size := i.sizes[name]; name != "" && i.values[name] == nil && i.constants[name] == nil && !size {
			return fmt.Errorf("input %d, %q, is given by no node before", at, name)
		}
	}
	if i.values[n.Outputs[0]] != nil || i.constants[n.Outputs[0]] != nil {
		return fmt.Errorf("output %q is given twice", n.Outputs[0])
	}
	if i.size(n) {
		return nil
	}
	if err := i.inOrder(n); err != nil {
		return err
	}
	v, err := translators[n.Op](i, n)
	if err != nil || v == nil {
		return err
	}
	if err := v.bounded(); err != nil {
		return err
	}
	v.place()
	i.values[n.Outputs[0]] = v
	return nil
}

// placing are the operators that read a value in the order of recurrent layers.
var placing = []string{"Dropout", "GRU", "Gather", "Identity", "LSTM", "RNN", "Reshape", "Squeeze", "Transpose"}

// inOrder refuses a node that works on a value whose first dimension is not the batch.
func (i *importer) inOrder(n *Node) error {
	for _, name := range n.Inputs {
		if x := i.values[name]; x != nil && x.axes != "" && !slices.Contains(placing, n.Op) {
			return fmt.Errorf("works on %q, whose dimensions are in the order of a recurrent operator", name)
		}
	}
	return nil
}

// bounded refuses shapes whose size no computer could count.
func (v *imported) bounded() error {
	size := 1
	for _, d := range v.shape[1:] {
		if d < 1 || size > maxDim/d {
			return fmt.Errorf("gives an example of shape %v, which is too large", v.shape[1:])
		}
		size *= d
	}
	return nil
}
