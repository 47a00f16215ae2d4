package onnx

import (
	"errors"
	"slices"
)

// PyTorch computes the shape of zero states from that of the input. Such values
// depend on the batch only; what they are matters nowhere else.

// sized is a value that is computed from shapes.
type sized struct{ zero bool } // all its elements are 0

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
	i.sizes[n.Outputs[0]] = s
	return true
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
