package onnx

import (
	"errors"
	"fmt"
	"slices"
)

// PyTorch computes the shape of zero states from that of the input. Such values
// depend on the batch only; what they are matters nowhere else.

// sized is a value that is computed from shapes.
type sized struct {
	zero bool    // all its elements are 0
	of   *Tensor // the constant that is repeated along its dimensions of size 1, if it is one
}

// sizeOps are the operators by which shapes are computed.
var sizeOps = []string{"Concat", "ConstantOfShape", "Expand", "Gather", "Slice", "Squeeze", "Unsqueeze"}

// size translates a node that computes a shape, or something of that shape, and
// reports whether it does.
func (i *importer) size(n *Node) bool {
	if n.Op == "Shape" {
		i.sizes[n.Outputs[0]] = sized{}
		return true
	}
	if !slices.Contains(sizeOps, n.Op) || len(n.Inputs) == 0 {
		return false
	}
	some := n.Op == "ConstantOfShape"
	for _, name := range n.Inputs {
		if i.values[name] != nil {
			return false
		}
		_, ok := i.sizes[name]
		some = some || ok
	}
	if !some {
		return false
	}
	s := sized{zero: (n.Op == "Slice" || n.Op == "Expand") && i.isZero(n.Inputs[0])}
	if n.Op == "ConstantOfShape" {
		a := n.attribute("value")
		s.zero = a == nil || a.Tensor != nil && allZero(a.Tensor)
	}
	if n.Op == "Expand" {
		s.of = i.constants[n.Inputs[0]]
	}
	i.sizes[n.Outputs[0]] = s
	return true
}

// state returns the initial state that a recurrent operator reads, (direction, units)
// and the same for all sequences; nil for zeros.
func (i *importer) state(name string, directions, units int) ([]float32, error) {
	if i.isZero(name) {
		return nil, nil
	}
	t := i.constants[name]
	if t == nil {
		t = i.sizes[name].of
	}
	if t == nil || !slices.Equal(t.Dims, []int64{int64(directions), 1, int64(units)}) {
		return nil, fmt.Errorf("begins with the state %q, which is not one constant for all sequences", name)
	}
	return t.Floats()
}

// isZero reports whether a value is left out, or is known to be 0 everywhere.
func (i *importer) isZero(name string) bool {
	if t := i.constants[name]; t != nil {
		return allZero(t)
	}
	return name == "" || i.sizes[name].zero
}

func allZero(t *Tensor) bool { return !slices.ContainsFunc(t.Raw, func(b byte) bool { return b != 0 }) }

// onlySizes is the translation of an operator that is known for shapes only.
func (i *importer) onlySizes(*Node) (*imported, error) {
	return nil, errors.New("can be imported only where it computes the shape of something")
}
