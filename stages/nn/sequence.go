package nn

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
)

// Stack is a list of layers inside a layer, each {kind: {field: value}} as plain
// data: whoever decodes the file around it needs to know nothing of layers.
type Stack []map[string]any

// sequence makes the layers of the stack, with their defaults, under names that
// are a prefix and their places.
func (s Stack) sequence(prefix string) (sequence, error) {
	made := make(sequence, len(s))
	for i, item := range s {
		data, err := json.Marshal(item)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i+1, err)
		}
		l, err := unmarshalKind(data, NewLayer)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i+1, err)
		}
		made[i] = part{prefix + strconv.Itoa(i), l}
	}
	return made, nil
}

// sequence is layers that follow one another inside a layer. The names of their
// parameters begin with the name of their part.
type sequence []part

type part struct {
	name  string
	layer Layer
}

// OutShape follows a shape through the parts.
func (s sequence) OutShape(in Shape, c Context) (Shape, error) {
	for i, part := range s {
		var err error
		if i > 0 && readsTokens(part.layer) {
			err = fmt.Errorf("needs token ids, got numbers of shape %v", in)
		} else {
			in, err = part.layer.OutShape(in, c)
		}
		if err != nil {
			return nil, &LayerError{i, LayerKind(part.layer), err}
		}
	}
	return in, nil
}

// Build builds the parts one after the other.
func (s sequence) Build(in Shape, c Context, rng *rand.Rand) error {
	for i, part := range s {
		out, err := part.layer.OutShape(in, c)
		if err == nil && out.Last() == Unknown {
			err = errors.New("needs the number of classes, which is not known")
		}
		if err == nil {
			err = part.layer.Build(in, c, rng)
		}
		if err != nil {
			return &LayerError{i, LayerKind(part.layer), err}
		}
		part.prefix()
		in = out
	}
	return nil
}

// prefix puts the name of a part, if it has one, before those of its parameters.
func (part part) prefix() {
	if part.name == "" {
		return
	}
	for _, p := range part.layer.Params() {
		p.Name = part.name + "." + p.Name
	}
}

// Params returns those of all parts.
func (s sequence) Params() []*Param {
	var all []*Param
	for _, part := range s {
		all = append(all, part.layer.Params()...)
	}
	return all
}

// Forward runs the parts one after the other.
func (s sequence) Forward(p *Pass, x *Tensor) *Tensor {
	for i := 0; i < len(s); i++ {
		var next Layer
		if i+1 < len(s) {
			next = s[i+1].layer
		}
		var both bool
		if x, both = ahead(p, s[i].layer, next, x); both {
			i++
		}
	}
	return x
}

func (s sequence) readsTokens() bool { return len(s) > 0 && readsTokens(s[0].layer) }

// readsTokens reports whether the input of a layer is token ids and not numbers.
func readsTokens(l Layer) bool {
	if r, ok := l.(interface{ ReadsTokens() bool }); ok { // of another package
		return r.ReadsTokens()
	}
	r, ok := l.(tokenReader)
	return ok && r.readsTokens()
}
