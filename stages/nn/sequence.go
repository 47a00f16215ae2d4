package nn

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
)

// Stack is a list of layers inside a layer, each {kind: {field: value}} as plain
// data: whoever decodes the file around it needs to know nothing of layers.
type Stack []map[string]any

// layers makes the layers of the stack, with their defaults.
func (s Stack) layers() ([]Layer, error) {
	made := make([]Layer, len(s))
	for i, item := range s {
		data, err := json.Marshal(item)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i+1, err)
		}
		if made[i], err = unmarshalKind(data, NewLayer); err != nil {
			return nil, fmt.Errorf("layer %d: %w", i+1, err)
		}
	}
	return made, nil
}

// sequence is layers that follow one another inside a layer. Its parameters are
// named by the place of their layer: "0.weight".
type sequence []Layer

// newSequence makes the layers of a stack.
func newSequence(s Stack) (sequence, error) {
	made, err := s.layers()
	return made, err
}

// outShape follows a shape through the layers.
func (s sequence) outShape(in Shape, c Context) (Shape, error) {
	for i, l := range s {
		var err error
		if i > 0 && readsTokens(l) {
			err = fmt.Errorf("needs token ids, got numbers of shape %v", in)
		} else {
			in, err = l.OutShape(in, c)
		}
		if err != nil {
			return nil, &LayerError{i, LayerKind(l), err}
		}
	}
	return in, nil
}

func (s sequence) build(in Shape, c Context, rng *rand.Rand) error {
	for i, l := range s {
		out, err := l.OutShape(in, c)
		if err == nil && out.Last() == Unknown {
			err = errors.New("needs the number of classes, which is not known")
		}
		if err == nil {
			err = l.Build(in, c, rng)
		}
		if err != nil {
			return &LayerError{i, LayerKind(l), err}
		}
		prefixed(fmt.Sprint(i), l.Params())
		in = out
	}
	return nil
}

func (s sequence) params() []*Param {
	var all []*Param
	for _, l := range s {
		all = append(all, l.Params()...)
	}
	return all
}

func (s sequence) forward(p *Pass, x *Tensor) *Tensor {
	for _, l := range s {
		x = l.Forward(p, x)
	}
	return x
}

// prefixed puts a name before those of parameters.
func prefixed(name string, params []*Param) {
	for _, p := range params {
		p.Name = name + "." + p.Name
	}
}

// readsTokens reports whether the input of a layer is token ids and not numbers.
func readsTokens(l Layer) bool {
	r, ok := l.(tokenReader)
	return ok && r.readsTokens()
}
