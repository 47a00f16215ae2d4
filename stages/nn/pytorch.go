package nn

import (
	"fmt"
	"slices"
	"strings"
)

// FromPyTorch fills the parameters from arrays as PyTorch lays them out: those of
// convolutions are (filters, channels, height, width) there and have the channels
// last here; all others are the same. name gives the array that belongs to a
// parameter. It refuses, and changes nothing, when an array is missing, left over
// or of another shape.
func (n *Network) FromPyTorch(arrays []Array, name func(param string) string) error {
	byName := make(map[string]Array, len(arrays))
	for _, a := range arrays {
		byName[a.Name] = a
	}
	var missing []string
	for _, p := range n.params {
		a, ok := byName[name(p.Name)]
		if !ok {
			missing = append(missing, name(p.Name))
			continue
		}
		if want := p.pyTorchShape(); !a.Shape.Equal(want) {
			return fmt.Errorf("weights: %q has shape %v, the network needs %v", a.Name, a.Shape, want)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("weights: missing are %s", strings.Join(missing, ", "))
	}
	used := map[string]bool{}
	for _, p := range n.params {
		used[name(p.Name)] = true
	}
	var rest []string
	for _, a := range arrays {
		if !used[a.Name] {
			rest = append(rest, a.Name)
		}
	}
	if len(rest) > 0 {
		slices.Sort(rest)
		return fmt.Errorf("weights: the network has no place for %s", strings.Join(rest, ", "))
	}
	for _, p := range n.params {
		if p.Data == nil {
			p.Data = make([]float32, p.Shape.Size())
		}
		p.moveChannels(p.Data, byName[name(p.Name)].Data, false)
	}
	n.packs.empty()
	return nil
}

// ToPyTorch is the inverse of FromPyTorch.
func (n *Network) ToPyTorch(name func(param string) string) []Array {
	arrays := make([]Array, len(n.params))
	for i, p := range n.params {
		arrays[i] = Array{name(p.Name), p.pyTorchShape(), make([]float32, len(p.Data))}
		p.moveChannels(arrays[i].Data, p.Data, true)
	}
	return arrays
}

func (p *Param) pyTorchShape() Shape {
	if !p.channelsLast {
		return p.Shape
	}
	s, last := p.Shape, len(p.Shape)-1
	return append(Shape{s[0], s[last]}, s[1:last]...)
}

// moveChannels copies from one layout to the other.
func (p *Param) moveChannels(dst, src []float32, toPyTorch bool) {
	if !p.channelsLast {
		copy(dst, src)
		return
	}
	filters, channels := p.Shape[0], p.Shape.Last()
	taps := len(p.Data) / filters / channels
	for f := range filters {
		for t := range taps {
			for c := range channels {
				ours, theirs := (f*taps+t)*channels+c, (f*channels+c)*taps+t
				if toPyTorch {
					dst[theirs] = src[ours]
				} else {
					dst[ours] = src[theirs]
				}
			}
		}
	}
}
