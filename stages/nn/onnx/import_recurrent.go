package onnx

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pipe/stages/nn"
)

// ONNX' recurrent operators read (time, batch, channels) and give (time, direction,
// batch, units). What is between that and (batch, time, channels) changes no number,
// only places; a value's axes tell the order in which the model has it: b, t, c, and
// d and u for the two parts of c that were not put side by side yet.

// recurrentGates are the operators with their gates: for each of theirs which of
// ours it is.
var recurrentGates = map[string]struct {
	kind  string
	order []int
	acts  []string // that ours has
}{
	"LSTM": {"lstm", []int{0, 3, 1, 2}, []string{"Sigmoid", "Tanh", "Tanh"}},
	"GRU":  {"gru", []int{1, 0, 2}, []string{"Sigmoid", "Tanh"}},
	"RNN":  {"simple_rnn", []int{0}, nil},
}

// recurrent is LSTM-14, GRU-14 or RNN-14. The first output is all states, the second
// the last ones.
func (i *importer) recurrent(n *Node) (*imported, error) {
	x, err := i.data(n)
	if err != nil {
		return nil, err
	}
	if x.axes != "tbc" {
		return nil, errors.New("must read (time, batch, channels), made from the batch first")
	}
	p, directions, err := i.recurrentPiece(n, x)
	if err != nil {
		return nil, err
	}
	width := directions * p.fields["units"].(int)
	if len(n.Outputs) > 1 && n.Outputs[1] != "" {
		last := i.layer(x, &piece{p.kind, maps.Clone(p.fields), p.params}, nn.Shape{nn.Unknown, width})
		last.axes, last.directions = "dbu", directions
		last.place()
		i.values[n.Outputs[1]] = last
	}
	p.fields["return_sequences"] = true
	y := i.layer(x, p, x.shape.With(width))
	y.axes, y.directions = "tdbu", directions
	return y, nil
}

func (i *importer) recurrentPiece(n *Node, x *imported) (p *piece, directions int, err error) {
	op := recurrentGates[n.Op]
	input, dims, err := i.floats(n, 1, 3, false)
	if err != nil {
		return nil, 0, err
	}
	recur, inner, err := i.floats(n, 2, 3, false)
	if err != nil {
		return nil, 0, err
	}
	bias, sums, err := i.floats(n, 3, 2, true)
	if err != nil {
		return nil, 0, err
	}
	directions, units, gates := dims[0], inner[2], len(op.order)
	width := gates * units
	if dims[1] != width || dims[2] != x.shape.Last() || !slices.Equal(inner, []int{directions, width, units}) ||
		bias != nil && !slices.Equal(sums, []int{directions, 2 * width}) {
		return nil, 0, fmt.Errorf("has weights %v, %v and %v, which do not fit %d features", dims, inner, sums, x.shape.Last())
	}
	p = &piece{op.kind, map[string]any{"units": units, "use_bias": bias != nil, "bidirectional": directions == 2}, map[string][]float32{}}
	if err := i.recurrentForm(n, p, directions, op.acts); err != nil {
		return nil, 0, err
	}
	for at := 5; at < min(len(n.Inputs), 7); at++ {
		state, err := i.state(n.Inputs[at], directions, units)
		if err != nil {
			return nil, 0, err
		}
		if state != nil {
			p.fields["initial_state"] = nn.LearnedState
			p.states(at-5, state, directions, n.Op == "LSTM")
		}
	}
	for d, suffix := range []string{"", "_reverse"}[:directions] {
		part := func(data []float32, size, from, to int) []float32 {
			return ordered(data[d*size+from:d*size+to], op.order)
		}
		p.params["weight_ih"+suffix] = part(input, width*dims[2], 0, width*dims[2])
		p.params["weight_hh"+suffix] = part(recur, width*units, 0, width*units)
		if bias == nil {
			continue
		}
		first, second := part(bias, 2*width, 0, width), part(bias, 2*width, width, 2*width)
		if n.Op == "GRU" {
			p.params["bias_ih"+suffix], p.params["bias_hh"+suffix] = first, second
			continue
		}
		for k := range first {
			first[k] += second[k]
		}
		p.params["bias"+suffix] = first
	}
	return p, directions, nil
}

// states gives a recurrent layer its first or, of an LSTM, second initial state; the
// other one is zero until it is given.
func (p *piece) states(which int, state []float32, directions int, both bool) {
	names := []string{"h0", "c0"}
	if !both {
		names = names[:1]
	}
	size := len(state) / directions
	for d, suffix := range []string{"", "_reverse"}[:directions] {
		for k, name := range names {
			if k == which {
				p.params[name+suffix] = state[d*size : (d+1)*size]
			} else if p.params[name+suffix] == nil {
				p.params[name+suffix] = make([]float32, size)
			}
		}
	}
}

// ordered undoes reordered.
func ordered(data []float32, order []int) []float32 {
	size := len(data) / len(order)
	out := make([]float32, len(data))
	for k, gate := range order {
		copy(out[gate*size:(gate+1)*size], data[k*size:])
	}
	return out
}

// recurrentForm checks what else an operator may ask for, and reads the function of
// an RNN.
func (i *importer) recurrentForm(n *Node, p *piece, directions int, acts []string) error {
	direction := "forward"
	if a := n.attribute("direction"); a != nil {
		direction = a.String
	}
	reset, err := n.int("linear_before_reset", 0)
	if err != nil {
		return err
	}
	layout, err := n.int("layout", 0)
	if err != nil {
		return err
	}
	coupled, err := n.int("input_forget", 0)
	if err != nil {
		return err
	}
	switch {
	case direction != []string{"forward", "bidirectional"}[min(directions-1, 1)] || directions > 2:
		return fmt.Errorf("has the direction %q and weights of %d", direction, directions)
	case n.Op == "GRU" && reset != 1:
		return errors.New("resets the state before its product, as no layer does (linear_before_reset must be 1)")
	case layout != 0 || coupled != 0 || n.attribute("clip") != nil:
		return errors.New("has a layout, input_forget or clip that no layer has")
	case len(n.Inputs) > 4 && n.Inputs[4] != "" || len(n.Inputs) > 7 && n.Inputs[7] != "":
		return errors.New("has lengths of sequences or peepholes")
	}
	a := n.attribute("activations")
	if acts == nil {
		acts = []string{"Tanh"}
		if a != nil && len(a.Texts) > 0 {
			acts = a.Texts[:1]
		}
		f, ok := map[string]nn.Activation{"Tanh": nn.Tanh, "Relu": nn.Relu, "Sigmoid": nn.Sigmoid}[acts[0]]
		if !ok {
			return fmt.Errorf("has the function %q", acts[0])
		}
		p.fields["activation"] = f
	}
	if a == nil {
		return nil
	}
	for at, name := range a.Texts {
		if len(a.Texts) != directions*len(acts) || name != acts[at%len(acts)] {
			return fmt.Errorf("has the functions %v, want %v in each direction", a.Texts, acts)
		}
	}
	return nil
}

// places is x with its axes in another order.
func (x *imported) places(i *importer, axes string) *imported {
	y := i.same(x, nil)
	y.axes, y.directions = axes, x.directions
	if axes == "btc" || axes == "bc" {
		y.axes = ""
	}
	return y
}

// transposeAxes is Transpose of a value that a recurrent layer reads or gives.
func (i *importer) transposeAxes(n *Node, x *imported) (*imported, error) {
	axes := x.axes
	if axes == "" {
		axes = "btc"
	}
	order, err := n.list("perm", len(axes), -1)
	if err != nil {
		return nil, err
	}
	moved := ""
	for _, at := range order {
		if at < 0 || at >= len(axes) || strings.IndexByte(moved, axes[at]) >= 0 {
			return nil, fmt.Errorf("has the order %v, which is none of %d dimensions", order, len(axes))
		}
		moved += axes[at : at+1]
	}
	return x.places(i, moved), nil
}

// joinAxes is Reshape that puts the directions side by side.
func (i *importer) joinAxes(x *imported, dims []int64) (*imported, error) {
	axes := strings.Replace(x.axes, "du", "c", 1)
	size := map[byte]int{'c': x.shape.Last(), 't': x.shape[len(x.shape)-2]}
	fits := axes != x.axes && len(dims) == len(axes)
	for at := 0; fits && at < len(dims); at++ {
		d := dims[at]
		same := d == 0 && at < len(x.axes) && axes[at] == x.axes[at]
		fits = same || d == -1 || axes[at] != 'b' && d == int64(size[axes[at]])
	}
	if !fits {
		return nil, fmt.Errorf("gives %v, where only the directions can be put beside one another", dims)
	}
	return x.places(i, axes), nil
}

// squeeze leaves the only direction out.
func (i *importer) squeeze(n *Node) (*imported, error) {
	x, err := i.data(n)
	if err != nil {
		return nil, err
	}
	var list []int64
	if a := n.attribute("axes"); a != nil {
		list = a.Ints
	} else if len(n.Inputs) > 1 && i.constants[n.Inputs[1]] != nil {
		if list, err = i.constants[n.Inputs[1]].Ints(); err != nil {
			return nil, err
		}
	}
	if len(list) != 1 {
		return nil, errors.New("must leave one dimension out")
	}
	return i.onlyDirection(x, list[0])
}

func (i *importer) onlyDirection(x *imported, axis int64) (*imported, error) {
	at := int64(strings.IndexByte(x.axes, 'd'))
	if at < 0 || axis != at && axis != at-int64(len(x.axes)) || x.directions != 1 {
		return nil, errors.New("can only leave out the direction of a recurrent layer that has one")
	}
	return x.places(i, strings.Replace(strings.Replace(x.axes, "d", "", 1), "u", "c", 1)), nil
}

// pick is Gather of one place along an axis: the only direction, or the last step of a
// recurrent layer.
func (i *importer) pick(n *Node, x *imported) (*imported, error) {
	axis, err := n.int("axis", 0)
	if err != nil {
		return nil, err
	}
	axes := x.axes
	if axes == "" {
		if len(x.shape) != 3 || x.second || x.ones || x.flat != nil {
			return nil, errors.New("takes a place of a value that is no sequence")
		}
		axes = "btc"
	}
	at := i.constants[n.Inputs[1]]
	if at == nil || len(at.Dims) != 0 {
		return nil, errors.New("must take one place that is a constant")
	}
	places, err := at.Ints()
	if err != nil {
		return nil, err
	}
	if axis < 0 {
		axis += len(axes)
	}
	if axis < 0 || axis >= len(axes) || len(places) != 1 {
		return nil, fmt.Errorf("takes places %v along axis %d of %d", places, axis, len(axes))
	}
	if axes[axis] == 'd' && (places[0] == 0 || places[0] == -1) {
		return i.onlyDirection(x, int64(axis))
	}
	layer := x
	for layer.piece == nil && len(layer.from) == 1 {
		layer = layer.from[0]
	}
	last := int64(x.shape[len(x.shape)-2] - 1)
	if axes[axis] != 't' || places[0] != -1 && places[0] != last || layer.directions != 1 || layer.piece == nil || len(layer.from) != 1 {
		return nil, errors.New("can only take the last step of a recurrent layer with one direction, or an only direction")
	}
	p := &piece{layer.piece.kind, maps.Clone(layer.piece.fields), layer.piece.params}
	p.fields["return_sequences"] = false
	y := i.layer(layer.from[0], p, nn.Shape{nn.Unknown, x.shape.Last()})
	y.directions = 1
	y.place()
	return y.places(i, strings.Replace(axes, "t", "", 1)), nil
}
