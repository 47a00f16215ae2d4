package onnx

import (
	"encoding/json"
	"fmt"
	"strconv"

	"pipe/stages/nn"
)

// named is a part of a chain, whose parameters' names begin with its name.
type named struct {
	name string
	emit emitter
}

// chain translates parts that follow one another.
func chain(parts ...named) emitter {
	return func(g *builder, w weights, x value) (value, error) {
		for _, part := range parts {
			var err error
			if x, err = part.emit(g, w.sub(part.name), x); err != nil {
				return x, err
			}
		}
		return x, nil
	}
}

// skip translates activation(main(x) + around(x)). The mask is main's.
func skip(main, around emitter, activation nn.Activation) emitter {
	return func(g *builder, w weights, x value) (value, error) {
		a, err := main(g, w, x)
		if err != nil {
			return a, err
		}
		b, err := around(g, w, x)
		if err != nil {
			return b, fmt.Errorf("shortcut: %w", err)
		}
		return g.activation(activation, g.add(a, b))
	}
}

// beside translates emitters that read the same input and whose outputs are put
// side by side (Concat-13). The mask is that of the first.
func beside(all ...emitter) emitter {
	return func(g *builder, w weights, x value) (value, error) {
		var y value
		var last, second []string
		for i, emit := range all {
			part, err := emit(g, w, x)
			if err != nil {
				return y, fmt.Errorf("branch %d: %w", i+1, err)
			}
			if i == 0 {
				y = part
			} else {
				y.shape = y.shape.With(y.shape.Last() + part.shape.Last())
			}
			last = append(last, part.name)
			if from, ok := g.origins[part.name]; ok {
				second = append(second, from.name)
			}
		}
		if len(second) == len(last) {
			y.name = g.channelsLast(g.op("Concat", second, intAttribute("axis", 1)), len(y.shape))
		} else {
			y.name = g.op("Concat", last, intAttribute("axis", -1))
		}
		return y, nil
	}
}

func (g *builder) residual(l *nn.Residual, w weights, x value) (value, error) {
	main, err := g.stack(l.Layers, "layers.", x)
	if err != nil {
		return value{}, err
	}
	around, err := g.stack(l.Shortcut, "shortcut.", x)
	if err != nil {
		return value{}, fmt.Errorf("shortcut: %w", err)
	}
	return skip(main, around, l.Activation)(g, w, x)
}

func (g *builder) branches(l *nn.Branches, w weights, x value) (value, error) {
	all := make([]emitter, len(l.Branches))
	for i, stack := range l.Branches {
		var err error
		if all[i], err = g.stack(stack, strconv.Itoa(i)+".", x); err != nil {
			return value{}, fmt.Errorf("branch %d: %w", i+1, err)
		}
	}
	return beside(all...)(g, w, x)
}

// stack translates layers inside a layer, which reads x.
func (g *builder) stack(s nn.Stack, prefix string, x value) (emitter, error) {
	if len(s) == 0 {
		return chain(), nil
	}
	// A network that reads x decodes the layers as nn itself does.
	data, err := json.Marshal(map[string]any{"format": "pipe.network/1", "context": g.context, "layers": s,
		"input": nn.Input{Tokens: x.tokens(), Shape: x.shape[1:]}})
	if err != nil {
		return nil, err
	}
	net, err := nn.ParseNetwork(data)
	if err != nil {
		return nil, err
	}
	parts := make([]named, len(net.Layers))
	for i, l := range net.Layers {
		parts[i] = named{prefix + strconv.Itoa(i), asEmitter(l)}
	}
	return chain(parts...), nil
}
