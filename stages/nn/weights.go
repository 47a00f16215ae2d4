package nn

import (
	"fmt"
	"io"
)

// weightsFormat is what the metadata of a file of weights in our layout say.
const weightsFormat = "pipe.weights/1"

// WriteWeights writes all parameters as safetensors, in the layout in which they are
// computed; WritePyTorch writes them for others. Equal weights give equal bytes.
func (n *Network) WriteWeights(w io.Writer) error {
	arrays := make([]Array, len(n.params))
	for i, p := range n.params {
		arrays[i] = Array{p.Name, p.Shape, p.Data}
	}
	return WriteSafetensors(w, arrays, map[string]string{"format": weightsFormat})
}

// ReadWeights fills all parameters from a safetensors file of size bytes that
// WriteWeights wrote, or WritePyTorch. It refuses, and changes nothing, when a name or a
// shape does not fit.
func (n *Network) ReadWeights(r io.Reader, size int64) error {
	arrays, metadata, err := ReadSafetensors(r, size)
	if err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	if metadata["format"] == pyTorchFormat {
		return n.FromPyTorch(arrays, sameName)
	}
	byName := make(map[string]Array, len(arrays))
	for _, a := range arrays {
		byName[a.Name] = a
	}
	for _, p := range n.params {
		a, ok := byName[p.Name]
		switch {
		case !ok:
			return fmt.Errorf("weights: %q is missing", p.Name)
		case !a.Shape.Equal(p.Shape):
			return fmt.Errorf("weights: %q has shape %v, the network needs %v", p.Name, a.Shape, p.Shape)
		}
	}
	if len(arrays) != len(n.params) {
		for _, a := range arrays {
			if !n.hasParam(a.Name) {
				return fmt.Errorf("weights: %q is not a parameter of the network", a.Name)
			}
		}
	}
	for _, p := range n.params {
		p.Data = byName[p.Name].Data
	}
	n.packs.empty()
	return nil
}

// ready says when weights are still to be read.
func (n *Network) ready() error {
	for _, p := range n.params {
		if p.Data == nil {
			return fmt.Errorf("the network has no weights yet: %q is to be read", p.Name)
		}
	}
	return nil
}

func (n *Network) hasParam(name string) bool {
	for _, p := range n.params {
		if p.Name == name {
			return true
		}
	}
	return false
}
