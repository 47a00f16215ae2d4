package onnx

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"pipe/stages/nn"
)

// What exported models say of themselves.
const (
	irVersion = 8
	opset     = 17
)

// Options say what an exported model tells of itself.
type Options struct {
	// Name is the name of the graph, "network" where it is empty.
	Name string
	// Version is the version of the program that writes.
	Version string
	// Metadata is stored in metadata_props, in the order of its keys.
	Metadata map[string]string
}

// Names of the input and the output of exported models.
const (
	TokensInput   = "tokens"   // int64 [batch, time]
	FeaturesInput = "features" // float32 [batch, …]
	Output        = "output"   // float32, of the shape that the network gives
)

// Export writes the network as an ONNX model that computes what Predict does. The
// batch is a free dimension; all others are those of the network. Its description is
// kept in metadata_props beside the given ones, for Import. Errors name the
// layer. Equal networks and options give equal bytes.
func Export(w io.Writer, net *nn.Network, o Options) error {
	m, err := NewModel(net, o)
	if err != nil {
		return err
	}
	return m.Write(w)
}

// NewModel is Export without the writing.
func NewModel(net *nn.Network, o Options) (*Model, error) { return newModel(net, o, math.MaxInt) }

// newModel is NewModel with a bound to the bytes of tables that follow from shapes.
func newModel(net *nn.Network, o Options, room int) (*Model, error) {
	g := &builder{alone: len(net.Layers) == 1, context: net.Context, room: room, constants: map[string]bool{}, origins: map[string]origin{}, compactions: map[string]compaction{}}
	all := weights{all: map[string]*nn.Param{}, used: map[string]bool{}}
	for _, p := range net.Params() {
		if p.Data == nil {
			return nil, fmt.Errorf("onnx: the network has no weights yet: %q is to be read", p.Name)
		}
		all.all[p.Name] = p
	}
	x, input := inputOf(net)
	for i, l := range net.Layers {
		var err error
		if x, err = g.layer(l, all.sub(fmt.Sprint(i)), x); err != nil {
			return nil, fmt.Errorf("onnx: %w", &nn.LayerError{Index: i, Kind: nn.LayerKind(l), Err: err})
		}
	}
	if rest := all.unused(); len(rest) > 0 {
		return nil, fmt.Errorf("onnx: the exported form has no place for %s", strings.Join(rest, ", "))
	}
	if !x.shape.Equal(net.OutShape()) {
		return nil, fmt.Errorf("onnx: the exported form gives %v and the network %v", x.shape, net.OutShape())
	}
	g.nodes = append(g.nodes, &Node{Name: Output, Op: "Identity", Inputs: []string{x.name}, Outputs: []string{Output}})
	m := g.model(input, x, o)
	if slices.ContainsFunc(net.Layers, func(l nn.Layer) bool { _, ok := l.(*Computed); return ok }) {
		return m, nil // whoever imports it tries the graph again
	}
	description, err := json.Marshal(net)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	m.Metadata = append(m.Metadata, Property{networkProperty, string(description)})
	return m, nil
}

// inputOf describes what goes into a network.
func inputOf(net *nn.Network) (value, *ValueInfo) {
	x := value{name: FeaturesInput, shape: append(nn.Shape{nn.Unknown}, net.Input.Shape...)}
	info := &ValueInfo{Name: x.name, Type: Float32, Dims: dimsOf(x.shape)}
	if net.Input.Tokens {
		x.name = TokensInput
		info.Name, info.Type = x.name, Int64
	}
	return x, info
}

// dimsOf names the batch, which is the one dimension that is not known.
func dimsOf(s nn.Shape) []Dim {
	dims := make([]Dim, len(s))
	for i, d := range s {
		if d == nn.Unknown {
			dims[i] = Dim{Param: "batch"}
		} else {
			dims[i] = Dim{Size: int64(d)}
		}
	}
	return dims
}

func (g *builder) model(input *ValueInfo, out value, o Options) *Model {
	if o.Name == "" {
		o.Name = "network"
	}
	m := &Model{IRVersion: irVersion, Producer: "pipe", ProducerVersion: o.Version, Opsets: []Opset{{Version: opset}}}
	for _, key := range slices.Sorted(maps.Keys(o.Metadata)) {
		m.Metadata = append(m.Metadata, Property{key, o.Metadata[key]})
	}
	if g.opsets != nil {
		m.Opsets = g.opsets
	}
	g.prune()
	m.Graph = &Graph{Name: o.Name, Nodes: g.nodes, Initializers: g.initializers, Inputs: []*ValueInfo{input},
		Outputs: []*ValueInfo{{Name: Output, Type: Float32, Dims: dimsOf(out.shape)}}}
	return m
}

// errNoForm is the reason why a layer cannot be exported.
var errNoForm = errors.New("has no ONNX form")
