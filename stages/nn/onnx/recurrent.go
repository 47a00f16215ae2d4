package onnx

import (
	"fmt"

	"pipe/stages/nn"
)

// lstm is LSTM-14, whose gates are i, o, f, c where ours are i, f, g, o.
func (g *builder) lstm(l *nn.LSTM, w weights, x value, s *states) (value, error) {
	return g.recurrent(&l.Recurrent, w, x, s, "LSTM", []int{0, 3, 1, 2})
}

// gru is GRU-14, whose gates are z, r, h where ours are r, z, n, with
// linear_before_reset.
func (g *builder) gru(l *nn.GRU, w weights, x value, s *states) (value, error) {
	return g.recurrent(&l.Recurrent, w, x, s, "GRU", []int{1, 0, 2}, intAttribute("linear_before_reset", 1))
}

// simpleRNN is RNN-14.
func (g *builder) simpleRNN(l *nn.SimpleRNN, w weights, x value, s *states) (value, error) {
	name, ok := map[nn.Activation]string{nn.Tanh: "Tanh", nn.Relu: "Relu", nn.Sigmoid: "Sigmoid", nn.Linear: "Affine"}[l.Activation]
	if !ok {
		return value{}, fmt.Errorf("activation %q %w inside RNN", l.Activation, errNoForm)
	}
	list := &Attribute{Name: "activations", Type: TextsAttribute}
	for range directions(&l.Recurrent) {
		list.Texts = append(list.Texts, name)
	}
	attributes := []*Attribute{list}
	if name == "Affine" { // 1·x + 0
		alpha, beta := &Attribute{Name: "activation_alpha", Type: FloatsAttribute}, &Attribute{Name: "activation_beta", Type: FloatsAttribute}
		for range list.Texts {
			alpha.Floats, beta.Floats = append(alpha.Floats, 1), append(beta.Floats, 0)
		}
		attributes = append(attributes, alpha, beta)
	}
	return g.recurrent(&l.Recurrent, w, x, s, "RNN", []int{0}, attributes...)
}

// states are what one recurrent layer hands to another, h and, of an LSTM, c, each
// (batch, direction·units).
type states struct {
	initial []string // what a layer begins with; none for its own initial state
	last    []string // set by the layer: what it ends with
}

// stateful translates a recurrent layer that goes on from states and hands them on.
func (g *builder) stateful(l nn.Layer, w weights, x value, s *states) (value, error) {
	switch l := l.(type) {
	case *nn.GRU:
		return g.gru(l, w, x, s)
	case *nn.LSTM:
		return g.lstm(l, w, x, s)
	case *nn.SimpleRNN:
		return g.simpleRNN(l, w, x, s)
	}
	return value{}, errNoForm
}

// directions returns what the names of the weights of each direction end with.
func directions(l *nn.Recurrent) []string {
	if l.Bidirectional {
		return []string{"", "_reverse"}
	}
	return []string{""}
}

// recurrent adds a recurrent operator. order tells for each of its gates which of
// ours it is. Where the input has a mask, the operator reads the sequence without
// its masked steps, which the state passes unchanged. between is nil where nobody gives
// or takes states.
func (g *builder) recurrent(l *nn.Recurrent, w weights, x value, between *states, op string, order []int, attributes ...*Attribute) (value, error) {
	suffixes := directions(l)
	input, recur, bias, units, err := g.gateWeights(w, suffixes, order)
	if err != nil {
		return value{}, err
	}
	attributes = append(attributes, intAttribute("hidden_size", units))
	if l.Bidirectional {
		attributes = append(attributes, stringAttribute("direction", "bidirectional"))
	}
	var c compaction
	sequence, lengths := x.name, ""
	if x.mask != "" {
		if err := g.tableFits(x.shape[1], 1, 8); err != nil {
			return value{}, err
		}
		c = g.compact(x.mask, x.shape[1])
		sequence, lengths = g.gather(x.name, c.order), c.lengths
	}
	inputs := in("", input, recur, bias, lengths)
	states, err := g.initialStates(w, suffixes, x.name, units)
	if err != nil {
		return value{}, err
	}
	outputs := 2
	if between != nil {
		for i, s := range between.initial { // to (direction, batch, units)
			split := g.transpose(g.reshape(s, 0, int64(len(suffixes)), int64(units)), 1, 0, 2)
			states = append(states[:i:i], split)
		}
		if op == "LSTM" {
			outputs++
		}
	}
	inputs = append(inputs, states...)
	inputs[0] = g.transpose(sequence, 1, 0, 2) // (time, batch, features)
	outs := g.ops(op, outputs, inputs, attributes...)
	width := int64(len(suffixes) * units)
	last := func(i int) string {
		last := outs[1+i]
		if len(states) > 0 && lengths != "" { // the operator gives zeros for a sequence without steps
			count := g.op("Cast", in(lengths), intAttribute("to", int(Int64)))
			some := g.op("Unsqueeze", in(g.op("Greater", in(count, g.int(0))), g.ints(1)))
			last = g.op("Where", in(some, last, states[i]))
		}
		last = g.transpose(last, 1, 0, 2) // (batch, direction, units)
		return g.reshape(last, 0, width)
	}
	if between != nil {
		for i := range outs[1:] {
			between.last = append(between.last, last(i))
		}
	}
	if !l.ReturnSequences {
		return value{name: last(0)}, nil
	}
	all := g.transpose(outs[0], 2, 0, 1, 3) // (batch, time, direction, units)
	if x.mask == "" {
		return value{name: g.reshape(all, 0, int64(x.shape[1]), width)}, nil
	}
	initial := ""
	if len(states) > 0 {
		initial = states[0]
	}
	return value{name: g.spread(all, c, len(suffixes), initial), mask: x.mask}, nil
}

// initialStates adds initial_h and, where the layer has one, initial_c, each
// (direction, batch, units) for the batch of x; none where the layer begins with zeros.
func (g *builder) initialStates(w weights, suffixes []string, x string, units int) (names []string, err error) {
	directions := int64(len(suffixes))
	for _, state := range []string{"h0", "c0"} {
		if w.optional(state+suffixes[0]) == nil {
			continue
		}
		var data []float32
		for _, suffix := range suffixes {
			p, err := w.need(state + suffix)
			if err != nil {
				return nil, err
			}
			data = append(data, p.Data...)
		}
		batch := g.op("Gather", in(g.op("Shape", in(x)), g.ints(0)))
		shape := g.op("Concat", in(g.ints(directions), batch, g.ints(int64(units))), intAttribute("axis", 0))
		names = append(names, g.op("Expand", in(constant(g, []int64{directions, 1, int64(units)}, data), shape)))
	}
	return names, nil
}

// gateWeights adds W (direction, gates·units, features), R (direction,
// gates·units, units) and B (direction, 2·gates·units), which is empty where no
// bias is added.
func (g *builder) gateWeights(w weights, suffixes []string, order []int) (input, recur, bias string, units int, err error) {
	var wi, wr, b []float32
	var features int
	for _, suffix := range suffixes {
		ih, err := w.need("weight_ih" + suffix)
		if err != nil {
			return "", "", "", 0, err
		}
		hh, err := w.need("weight_hh" + suffix)
		if err != nil {
			return "", "", "", 0, err
		}
		features, units = ih.Shape[1], hh.Shape[1]
		wi, wr = append(wi, reordered(ih.Data, order)...), append(wr, reordered(hh.Data, order)...)
		if one := w.optional("bias" + suffix); one != nil { // the recurrent half is 0
			b = append(append(b, reordered(one.Data, order)...), make([]float32, len(one.Data))...)
		}
		first, second := w.optional("bias_ih"+suffix), w.optional("bias_hh"+suffix)
		if first != nil && second != nil {
			b = append(append(b, reordered(first.Data, order)...), reordered(second.Data, order)...)
		}
	}
	n, width := int64(len(suffixes)), int64(len(order)*units)
	input = constant(g, []int64{n, width, int64(features)}, wi)
	recur = constant(g, []int64{n, width, int64(units)}, wr)
	if b != nil {
		bias = constant(g, []int64{n, 2 * width}, b)
	}
	return input, recur, bias, units, nil
}

// reordered puts the equal parts of data, one for each gate, in another order.
func reordered(data []float32, order []int) []float32 {
	size := len(data) / len(order)
	var out []float32
	for _, gate := range order {
		out = append(out, data[gate*size:(gate+1)*size]...)
	}
	return out
}
