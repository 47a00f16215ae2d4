package onnx

import (
	"errors"
	"fmt"
	"slices"

	"pipe/stages/nn"
)

// computed writes the stored graph out again, under names of its own. Around it is what
// makes the input from that of exported networks, and the output theirs: the order of
// the axes, and the masks and positions that the graph wants beside the tokens.
func (g *builder) computed(l *Computed, w weights, x value) (value, error) {
	if l.Single {
		return value{}, errors.New("computes one example at a time, and an exported network takes batches; use the ONNX file that it was made of")
	}
	own := l.model.opset()
	if others := len(l.model.Opsets) > 1 || own != opset; others && !g.alone {
		return value{}, fmt.Errorf("is written with version %d of ONNX' operators, and the layers around it are exported with version %d; convert the file that it was made of to that version", own, opset)
	}
	if own != opset {
		g.opsets = l.model.Opsets
	}
	names := map[string]string{"": ""}
	for i, name := range l.names {
		if t := l.model.Graph.input(name).Type; t != Float32 {
			return value{}, fmt.Errorf("has constants of data type %d, which are kept as float32 and cannot be written out again; use the ONNX file that it was made of", t)
		}
		p, err := w.need(name)
		if err != nil {
			return value{}, err
		}
		if l.params[i].Data == nil {
			return value{}, fmt.Errorf("%q has no numbers", name)
		}
		names[name] = g.param(p)
	}
	for _, t := range l.model.Graph.Initializers {
		own := *t
		own.Name = g.name("constant")
		g.initializers = append(g.initializers, &own)
		names[t.Name] = own.Name
	}
	if x.tokens() {
		x.mask = g.op("Not", in(g.op("Equal", in(x.name, g.int(0)))))
	}
	for _, v := range l.model.Graph.Inputs {
		if names[v.Name] == "" {
			names[v.Name] = g.computedInput(l, v, x)
		}
	}
	for _, n := range l.model.Graph.Nodes {
		own := *n
		own.Name = g.name(n.Op)
		own.Inputs, own.Outputs = slices.Clone(n.Inputs), slices.Clone(n.Outputs)
		for i, name := range n.Inputs {
			own.Inputs[i] = names[name]
		}
		for i, name := range n.Outputs {
			if name != "" {
				names[name] = fmt.Sprintf("%s:%d", own.Name, i)
				own.Outputs[i] = names[name]
			}
		}
		g.nodes = append(g.nodes, &own)
	}
	y := value{name: names[l.model.Graph.Outputs[0].Name]}
	if l.Second && len(l.Out) == 3 {
		y.name = g.transpose(y.name, 0, 2, 3, 1)
	}
	if len(l.Out) == 2 && l.Tokens && l.Out[0] == l.Example[0] {
		y.mask = x.mask
	}
	return y, nil
}

// computedInput makes an input of a stored graph.
func (g *builder) computedInput(l *Computed, v *ValueInfo, x value) string {
	to := intAttribute("to", int(v.Type))
	switch l.Made[v.Name] {
	case "mask":
		return g.op("Cast", in(x.mask), to)
	case "zeros", "positions":
		made := g.op("Sub", in(x.name, x.name))
		if l.Made[v.Name] == "positions" {
			places := make([]int64, nn.Shape(l.Example).Size())
			for i := range places {
				places[i] = int64(i)
			}
			made = g.op("Add", in(made, constant(g, dims64(append([]int{1}, l.Example...)), places)))
		}
		return g.op("Cast", in(made), to)
	}
	if l.Tokens {
		return g.op("Cast", in(x.name), to)
	}
	if l.Second {
		order := []int64{0, int64(len(l.Example))}
		for i := 1; i < len(l.Example); i++ {
			order = append(order, int64(i))
		}
		return g.transpose(x.name, order...)
	}
	return x.name
}

// input returns the input of that name.
func (g *Graph) input(name string) *ValueInfo {
	return g.Inputs[slices.IndexFunc(g.Inputs, func(v *ValueInfo) bool { return v.Name == name })]
}
