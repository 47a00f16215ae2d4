package onnx

import (
	"fmt"
	"maps"
	"slices"

	"pipe/stages/nn"
)

// weights finds the parameters of a layer by their names, which begin with the
// prefix of the layer.
type weights struct {
	prefix string
	all    map[string]*nn.Param
	used   map[string]bool
}

// sub returns the weights of a part; a part without a name shares them.
func (w weights) sub(name string) weights {
	if name != "" {
		w.prefix += name + "."
	}
	return w
}

// optional returns a parameter, nil where the layer does without.
func (w weights) optional(name string) *nn.Param {
	p := w.all[w.prefix+name]
	if p != nil {
		w.used[p.Name] = true
	}
	return p
}

// need returns a parameter that the layer must have.
func (w weights) need(name string) (*nn.Param, error) {
	p := w.optional(name)
	if p == nil {
		return nil, fmt.Errorf("parameter %q is missing", w.prefix+name)
	}
	return p, nil
}

// unused returns the sorted names that nobody asked for.
func (w weights) unused() []string {
	var rest []string
	for _, name := range slices.Sorted(maps.Keys(w.all)) {
		if !w.used[name] {
			rest = append(rest, name)
		}
	}
	return rest
}
