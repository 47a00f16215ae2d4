package onnx

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"pipe/stages/nn"
)

// Import reads a model of size bytes as a network. What Export has written comes
// back as it was, whatever its layers. Of other models it knows the operators of
// networks of convolutions, dense and recurrent layers, with residual connections and
// branches, as this package and PyTorch write them, which can be trained further. Any
// other graph of known operators becomes one layer, Computed, which answers only;
// unknown operators are all named in one error. Whatever layout the model reads, the
// network reads images as (height, width, channels) and sequences as (time, channels).
// The batch must be the first dimension of the input.
func Import(r io.ReaderAt, size int64) (*nn.Network, error) { return ImportFor(r, size, nil) }

// ImportFor is Import of a model that may leave the shape of an example open, such as
// the length of a text; shape has it.
func ImportFor(r io.ReaderAt, size int64, shape []int) (*nn.Network, error) {
	m, err := Read(r, size)
	if err != nil {
		return nil, err
	}
	net, err := m.imported(shape, trialBudget)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	return net, nil
}

// imported makes layers of the graph or, where they cannot say what it does, one layer
// that computes it.
func (m *Model) imported(shape []int, budget int) (*nn.Network, error) {
	net, err := m.network()
	if err == nil {
		return net, nil
	}
	net, other := m.computed(shape, budget)
	switch {
	case other != nil && m.Graph.unknown() != nil:
		return nil, other
	case other != nil:
		return nil, fmt.Errorf("%w; and as a graph that is computed node by node: %w", err, other)
	}
	return net, nil
}

func (m *Model) network() (*nn.Network, error) {
	if net := m.own(); net != nil {
		return net, nil
	}
	if err := m.Graph.unknown(); err != nil {
		return nil, err
	}
	i := &importer{constants: map[string]*Tensor{}, values: map[string]*imported{}, sizes: map[string]sized{}}
	for _, o := range m.Opsets {
		if o.Domain == "" || o.Domain == "ai.onnx" {
			i.opset = o.Version
		}
	}
	for _, t := range m.Graph.Initializers {
		i.constants[t.Name] = t
	}
	input, err := i.input(m.Graph)
	if err != nil {
		return nil, err
	}
	for _, n := range m.Graph.Nodes {
		if err := i.node(n); err != nil {
			return nil, fmt.Errorf("node %q (%s): %w", n.Name, n.Op, err)
		}
	}
	if len(m.Graph.Outputs) != 1 {
		return nil, fmt.Errorf("the graph has %d outputs, want 1", len(m.Graph.Outputs))
	}
	out := i.values[m.Graph.Outputs[0].Name]
	switch {
	case out == nil:
		return nil, fmt.Errorf("no node gives the output %q", m.Graph.Outputs[0].Name)
	case out.unordered():
		return nil, fmt.Errorf("the output %q is in another order than (batch, …, channels), which a network does not give", m.Graph.Outputs[0].Name)
	}
	pieces, err := chainOf(out, input, 0)
	if err != nil {
		return nil, err
	}
	return i.build(input, pieces)
}

// unknown names all operators that cannot be imported.
func (g *Graph) unknown() error {
	return g.without(func(n *Node) bool { return translators[n.operator()] != nil })
}

// operator is the name of what a node does, with the domain if it is not ONNX' own.
func (n *Node) operator() string {
	if n.Domain != "" && n.Domain != "ai.onnx" {
		return n.Domain + "." + n.Op
	}
	return n.Op
}

// without names the operators of a graph that are not known, each with its first node.
func (g *Graph) without(known func(*Node) bool) error {
	first := map[string]*Node{}
	for _, n := range g.Nodes {
		if name := n.operator(); !known(n) && first[name] == nil {
			first[name] = n
		}
	}
	if len(first) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(first))
	nodes := make([]string, len(names))
	for i, name := range names {
		n := first[name]
		nodes[i] = fmt.Sprintf("%q", n.Name)
		if n.Name == "" && len(n.Outputs) > 0 {
			nodes[i] = fmt.Sprintf("the one that gives %q", n.Outputs[0])
		}
	}
	return fmt.Errorf("the model has operators that cannot be imported: %s (first nodes: %s); export it without them: what prepares pictures is the transform's work, and what picks among the scores is done here",
		strings.Join(names, ", "), strings.Join(nodes, ", "))
}

// importer follows a graph from its input on.
type importer struct {
	constants map[string]*Tensor
	values    map[string]*imported
	sizes     map[string]sized
	opset     int64
	tokens    bool
	vocab     int
}

// imported is a value of the graph that depends on the input.
type imported struct {
	shape  nn.Shape // as this project has it: the batch Unknown, the channels last
	second bool     // the model has the channels second

	from  []*imported // what it is computed from; none for the input
	piece *piece      // the layer that computes it, nil where nothing is to be done
	join  string      // "add" or "concat" where from is several
	fork  *imported   // the nearest value through which all ways to this one lead
	depth int         // number of forks before it
	used  bool        // the value is part of a list of layers

	// flat is the shape, channels last, of what was flattened with its channels
	// second: who reads it must put its weights in our order.
	flat       nn.Shape
	axes       string // of a value that a recurrent layer reads or gives, "" for our order
	directions int    // of that layer
	// ones says that the model keeps dimensions of size 1 behind the channels.
	ones bool
}

// unordered reports whether the elements lie in another order than ours.
func (v *imported) unordered() bool {
	return v.second && len(v.shape) > 2 || v.flat != nil || v.axes != ""
}

// maxDim bounds a dimension or an attribute, so that products of two fit.
const maxDim = 1 << 30

func (i *importer) input(g *Graph) (*imported, error) {
	var inputs []*ValueInfo
	for _, v := range g.Inputs {
		if i.constants[v.Name] == nil { // old models list their constants as well
			inputs = append(inputs, v)
		}
	}
	if len(inputs) != 1 {
		return nil, fmt.Errorf("the graph has %d inputs, want 1", len(inputs))
	}
	info := inputs[0]
	if len(info.Dims) < 2 || len(info.Dims) > 4 {
		return nil, fmt.Errorf("the input %q has %d dimensions, want 2 to 4", info.Name, len(info.Dims))
	}
	in := &imported{shape: nn.Shape{nn.Unknown}}
	for at, d := range info.Dims[1:] {
		if d.Param != "" || d.Size < 1 || d.Size > maxDim {
			return nil, fmt.Errorf("dimension %d of the input %q must be known", at+1, info.Name)
		}
		in.shape = append(in.shape, int(d.Size))
	}
	switch info.Type {
	case Float32:
	case Int64, Int32:
		i.tokens = true
	default:
		return nil, fmt.Errorf("the input %q has data type %d, want float32 or int64", info.Name, info.Type)
	}
	if len(in.shape) > 2 && !g.readsChannelsLast(info.Name) {
		in.second, in.shape = true, lastFromSecond(in.shape)
	}
	i.values[info.Name] = in
	return in, in.bounded()
}

// readsChannelsLast reports whether no convolution, pool or normalisation of
// channels reads a value directly.
func (g *Graph) readsChannelsLast(name string) bool {
	for _, n := range g.Nodes {
		if slices.Contains(n.Inputs, name) {
			switch n.Op {
			case "Conv", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "BatchNormalization":
				return false
			}
		}
	}
	return true
}

// lastFromSecond moves the channels to the end.
func lastFromSecond(s nn.Shape) nn.Shape {
	return append(append(nn.Shape{s[0]}, s[2:]...), s[1])
}

// build makes the network of the pieces and gives it their weights.
func (i *importer) build(input *imported, pieces []*piece) (*nn.Network, error) {
	layers, params := stackOf(pieces)
	if len(layers) == 0 {
		return nil, errors.New("the graph computes nothing")
	}
	data, err := json.Marshal(map[string]any{"format": "pipe.network/1", "context": nn.Context{Vocab: i.vocab}, "layers": layers,
		"input": nn.Input{Tokens: i.tokens, Shape: input.shape[1:]}})
	if err != nil {
		return nil, err
	}
	net, err := nn.ParseNetwork(data)
	if err != nil {
		return nil, err
	}
	for _, p := range net.Params() {
		p.Data = params[p.Name]
		if len(p.Data) != p.Shape.Size() {
			return nil, fmt.Errorf("parameter %q has %d numbers, its shape %v needs %d", p.Name, len(p.Data), p.Shape, p.Shape.Size())
		}
		delete(params, p.Name)
	}
	if len(params) > 0 {
		return nil, fmt.Errorf("%d parameters have no place in the network", len(params))
	}
	return net, nil
}

// piece is a layer: its kind, its configuration and its parameters.
type piece struct {
	kind   string
	fields map[string]any
	params map[string][]float32
}

// stackOf writes pieces as a list of layers, and their parameters under the places
// of the layers.
func stackOf(pieces []*piece) ([]map[string]any, map[string][]float32) {
	layers, params := []map[string]any{}, map[string][]float32{}
	for i, p := range pieces {
		layers = append(layers, map[string]any{p.kind: p.fields})
		for name, data := range p.params {
			params[strconv.Itoa(i)+"."+name] = data
		}
	}
	return layers, params
}
