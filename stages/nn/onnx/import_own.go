package onnx

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"pipe/stages/nn"
)

// networkProperty is the key of metadata_props under which Export keeps the
// description of the network.
const networkProperty = "pipe.network"

// mostMarked bounds the parameters that own can tell apart: their marks are less,
// as bits of a float32, than any other number that Export writes but 0.
const mostMarked = 1 << 29

// own returns the network that Export made the model of, nil where it did not or
// where somebody has changed the graph since. The description alone is not believed:
// the network that it describes is exported again, with the place of each element
// of a parameter in place of its value. When the model has the same nodes and the
// same other constants, and only then, its numbers at those places are the
// parameters. Rows of tables that the graph does not read, such as those of
// positions behind the last, are 0.
func (m *Model) own() *nn.Network {
	net := m.described()
	if net == nil {
		return nil
	}
	at := 0
	for _, p := range net.Params() {
		p.Data = make([]float32, p.Shape.Size())
		for i := range p.Data {
			at++
			p.Data[i] = math.Float32frombits(uint32(at))
		}
	}
	params := make([]float32, at)
	room := 0 // whatever tables the network needs are in the model
	for _, t := range m.Graph.Initializers {
		room += len(t.Raw)
	}
	marked, err := newModel(net, Options{Name: m.Graph.Name}, room)
	if err != nil || !m.Graph.unmark(marked.Graph, params) {
		return nil
	}
	for _, p := range net.Params() {
		params = params[copy(p.Data, params):]
	}
	return net
}

// described reads the description of the network, nil where there is none that fits
// the numbers of the model.
func (m *Model) described() *nn.Network {
	for _, p := range m.Metadata {
		if p.Key != networkProperty {
			continue
		}
		net, err := nn.ParseNetwork([]byte(p.Value))
		if err != nil || slices.ContainsFunc(net.Layers, func(l nn.Layer) bool { _, ok := l.(*Computed); return ok }) {
			return nil // a graph is tried before it is believed
		}
		// Tables that are read in part only make the parameters more than the numbers.
		room, size := 1<<20, 0
		for _, t := range m.Graph.Initializers {
			room += len(t.Raw)
		}
		for _, q := range net.Params() {
			each := 1
			for _, d := range q.Shape {
				if d < 1 || each > min(room, mostMarked-1)/d {
					return nil
				}
				each *= d
			}
			if size += each; size > min(room, mostMarked-1) {
				return nil
			}
		}
		return net
	}
	return nil
}

// unmark compares a graph with the one of marked parameters and fills in what they
// are. It reports whether the graphs are the same otherwise.
func (g *Graph) unmark(marked *Graph, params []float32) bool {
	if len(g.Nodes) != len(marked.Nodes) || len(g.Initializers) != len(marked.Initializers) || len(g.Inputs) != 1 || len(g.Outputs) != 1 {
		return false
	}
	for i, n := range marked.Nodes {
		if !n.equal(g.Nodes[i]) {
			return false
		}
	}
	if !marked.Inputs[0].encode().equal(g.Inputs[0].encode()) || !marked.Outputs[0].encode().equal(g.Outputs[0].encode()) {
		return false
	}
	known := make([]bool, len(params))
	for i, t := range marked.Initializers {
		if !g.Initializers[i].unmark(t, params, known) {
			return false
		}
	}
	return true
}

// unmark is the same for a constant.
func (t *Tensor) unmark(marked *Tensor, params []float32, known []bool) bool {
	if t.Name != marked.Name || t.Type != marked.Type || len(t.Raw) != len(marked.Raw) || !slices.Equal(t.Dims, marked.Dims) {
		return false
	}
	if t.Type != Float32 {
		return bytes.Equal(t.Raw, marked.Raw)
	}
	for at := 0; at < len(t.Raw); at += 4 {
		mark, value := binary.LittleEndian.Uint32(marked.Raw[at:]), math.Float32frombits(binary.LittleEndian.Uint32(t.Raw[at:]))
		i := int(mark) - 1
		switch {
		case i < 0 || i >= len(params):
			if mark != math.Float32bits(value) {
				return false
			}
		case known[i]: // it stands in two places
			if math.Float32bits(params[i]) != math.Float32bits(value) {
				return false
			}
		default:
			params[i], known[i] = value, true
		}
	}
	return true
}

// equal reports whether a node that Export writes, which has no tensors as
// attributes, is the same as another.
func (n *Node) equal(other *Node) bool {
	for _, a := range other.Attributes {
		if a.Type == TensorAttribute {
			return false
		}
	}
	return n.encode().equal(other.encode())
}
