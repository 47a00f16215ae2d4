package onnx

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"pipe/stages/nn"
)

func init() { nn.RegisterStoredLayer("onnx", func() nn.Layer { return &Computed{} }) }

// Computed is the layer that a model from elsewhere becomes whose graph is not one of
// this project's layers: it computes the graph's operators one after the other. It
// answers and is not trained; layers behind it are. Its parameters are the graph's
// constants of floating-point numbers, under their names.
type Computed struct {
	Model   []byte            `yaml:"model"`   // the graph as ONNX, whose inputs are the network's and the parameters
	Example []int             `yaml:"example"` // the shape of an example, in the order of this project
	Out     []int             `yaml:"out"`     // the shape of what is given for one
	Tokens  bool              `yaml:"tokens"`
	Second  bool              `yaml:"second"` // the graph has the channels second
	Single  bool              `yaml:"single"` // the graph takes one example at a time
	Ends    nn.Activation     `yaml:"ends"`   // softmax or sigmoid where the graph gives probabilities
	Made    map[string]string `yaml:"made"`   // further inputs, which are made from the tokens: mask, zeros, positions

	model     *Model
	nodes     []*Node           // that compute something
	constants map[string]*array // what the others give, and the initializers; nothing changes them
	params    []*nn.Param
	names     []string // of the params in the graph
}

// ReadsTokens reports whether the input is token ids.
func (l *Computed) ReadsTokens() bool { return l.Tokens }

// OutShape returns (batch, …) as the graph gives it.
func (l *Computed) OutShape(in nn.Shape, _ nn.Context) (nn.Shape, error) {
	if !slices.Equal(in[1:], l.Example) {
		return nil, fmt.Errorf("was imported for examples of shape %v, not %v", nn.Shape(l.Example), nn.Shape(in[1:]))
	}
	return append(nn.Shape{in[0]}, l.Out...), nil
}

// Build reads the graph.
func (l *Computed) Build(nn.Shape, nn.Context, *rand.Rand) error {
	m, err := Read(bytes.NewReader(l.Model), int64(len(l.Model)))
	if err != nil {
		return err
	}
	if err := m.Graph.notRun(); err != nil {
		return err
	}
	if len(m.Graph.Outputs) != 1 || len(m.Graph.Inputs) == 0 {
		return errors.New("has no graph of one input and one output")
	}
	l.model, l.params, l.names = m, nil, nil
	if err := l.decode(); err != nil {
		return err
	}
	for _, v := range m.Graph.Inputs[1:] {
		if l.Made[v.Name] != "" {
			continue
		}
		p := &nn.Param{Name: v.Name}
		for _, d := range v.Dims {
			if d.Size < 0 || d.Size > mostElements {
				return fmt.Errorf("parameter %q has %d elements along an axis", v.Name, d.Size)
			}
			p.Shape = append(p.Shape, int(d.Size))
		}
		if _, err := count(p.Shape); err != nil {
			return err
		}
		l.params, l.names = append(l.params, p), append(l.names, v.Name)
	}
	return nil
}

// decode reads the constants, once for all runs.
func (l *Computed) decode() error {
	l.nodes, l.constants = nil, map[string]*array{}
	for _, t := range l.model.Graph.Initializers {
		a, err := arrayOf(t)
		if err != nil {
			return err
		}
		l.constants[t.Name] = a
	}
	for _, n := range l.model.Graph.Nodes {
		if n.Op != "Constant" || len(n.Outputs) != 1 {
			l.nodes = append(l.nodes, n)
			continue
		}
		a, err := constantOf(n)
		if err != nil {
			return fmt.Errorf("node %q (%s): %w", n.Name, n.Op, err)
		}
		l.constants[n.Outputs[0]] = a
	}
	return nil
}

// Infinite tells nn that constants may be infinite: masks are.
func (l *Computed) Infinite() {}

// Params returns the constants of the graph, which are not trained.
func (l *Computed) Params() []*nn.Param { return l.params }

// Forward computes the graph. That it can be computed was tried when it was imported.
func (l *Computed) Forward(p *nn.Pass, x *nn.Tensor) *nn.Tensor {
	y := p.Tensor(append([]int{x.Shape[0]}, l.Out...)...)
	parts := 1
	if l.Single {
		parts = x.Shape[0]
	}
	for i := range parts {
		out, err := l.run(x, i*x.Shape[0]/parts, (i+1)*x.Shape[0]/parts, 1<<62)
		if err == nil && len(out) != len(y.Data)/parts {
			err = fmt.Errorf("it gives %d numbers and not %d", len(out), len(y.Data)/parts)
		}
		if err != nil {
			panic(fmt.Errorf("an imported graph cannot be computed: %w", err))
		}
		copy(y.Data[i*len(out):], out)
	}
	if len(l.Out) == 2 && l.Tokens && l.Out[0] == l.Example[0] {
		y.Mask = make([]bool, len(x.IDs))
		for i, id := range x.IDs {
			y.Mask[i] = id != 0
		}
	}
	return y
}

// run computes the graph for the examples from lo to hi.
func (l *Computed) run(x *nn.Tensor, lo, hi, budget int) ([]float32, error) {
	dims := append([]int{hi - lo}, l.Example...)
	size, g := nn.Shape(l.Example).Size(), l.model.Graph
	var in *array
	if l.Tokens {
		in = intArray(dims, make([]int64, (hi-lo)*size))
		for i, id := range x.IDs[lo*size : hi*size] {
			in.ints[i] = int64(id)
		}
	} else {
		in = floatArray(dims, x.Data[lo*size:hi*size])
		if l.Second {
			in = in.permuted(slices.Concat([]int{0, len(dims) - 1}, identity(len(dims) - 1)[1:]))
		}
	}
	values := map[string]*array{g.Inputs[0].Name: in}
	for name, how := range l.Made {
		made := intArray(dims, make([]int64, len(in.ints)))
		for i := range made.ints {
			switch {
			case how == "positions":
				made.ints[i] = int64(i % max(size, 1))
			case how == "mask" && in.ints[i] != 0:
				made.ints[i] = 1
			}
		}
		values[name] = made
	}
	for i, p := range l.params {
		values[l.names[i]] = floatArray(p.Shape, p.Data)
	}
	maps.Copy(values, l.constants)
	r := &graphRun{opset: l.model.opset(), budget: budget}
	y, err := r.compute(l.nodes, values, g.Outputs[0].Name)
	if err != nil {
		return nil, err
	}
	if err := wantFloats(y); err != nil || len(y.dims) < 2 || y.dims[0] != hi-lo {
		return nil, errors.Join(err, fmt.Errorf("the output has the shape %v for %d examples", y.dims, hi-lo))
	}
	if l.Second && len(y.dims) == 4 {
		y = y.permuted([]int{0, 2, 3, 1})
	}
	if l.Out == nil {
		l.Out = slices.Clone(y.dims[1:])
	} else if !slices.Equal(l.Out, y.dims[1:]) {
		return nil, fmt.Errorf("the output has the shape %v, and before %v", y.dims[1:], l.Out)
	}
	return y.floats, nil
}

// opset is the version of ONNX' own operators.
func (m *Model) opset() (version int64) {
	for _, o := range m.Opsets {
		if o.Domain == "" || o.Domain == "ai.onnx" {
			version = o.Version
		}
	}
	return version
}

// trialBudget bounds what is computed to try a graph: ResNet-152 takes 2^34.
const trialBudget = 1 << 38

// computed makes a network of one layer that computes the graph. Where the model leaves
// the shape of an example open, shape has it.
func (m *Model) computed(shape []int, budget int) (*nn.Network, error) {
	g := m.Graph
	if err := g.notRun(); err != nil {
		return nil, err
	}
	constants := map[string]bool{}
	for _, t := range g.Initializers {
		constants[t.Name] = true
	}
	inputs := slices.DeleteFunc(slices.Clone(g.Inputs), func(v *ValueInfo) bool { return constants[v.Name] })
	if len(inputs) == 0 || len(g.Outputs) == 0 {
		return nil, errors.New("the graph has no input or no output")
	}
	main := max(slices.IndexFunc(inputs, func(v *ValueInfo) bool { return v.Name == "input_ids" }), 0)
	first := inputs[main]
	l := &Computed{Tokens: first.Type == Int64 || first.Type == Int32, Made: map[string]string{}}
	for i, v := range inputs {
		switch {
		case i == main:
		case l.Tokens && strings.Contains(v.Name, "mask"):
			l.Made[v.Name] = "mask"
		case l.Tokens && strings.Contains(v.Name, "token_type"):
			l.Made[v.Name] = "zeros"
		case l.Tokens && strings.Contains(v.Name, "position"):
			l.Made[v.Name] = "positions"
		default:
			return nil, fmt.Errorf("the graph has %d inputs, and %q is none that can be made from %q", len(inputs), v.Name, first.Name)
		}
	}
	if first.Type != Float32 && !l.Tokens || len(first.Dims) < 2 {
		return nil, fmt.Errorf("the input %q has data type %d and %d dimensions", first.Name, first.Type, len(first.Dims))
	}
	for _, d := range first.Dims[1:] {
		l.Example = append(l.Example, int(min(max(d.Size, 0), mostElements)))
	}
	if l.Second = !l.Tokens && len(l.Example) > 1 && !g.readsChannelsLast(first.Name); l.Second {
		l.Example = append(l.Example[1:], l.Example[0])
	}
	for i, d := range l.Example {
		if d == 0 && len(shape) == len(l.Example) {
			l.Example[i] = shape[i]
		}
	}
	if n, err := count(l.Example); err != nil || n == 0 {
		return nil, fmt.Errorf("the input %q has the shape %v, of which too little is known", first.Name, nn.Shape(l.Example))
	}
	stored := &Model{IRVersion: m.IRVersion, Opsets: m.Opsets, Graph: &Graph{Name: g.Name, Nodes: g.Nodes, Inputs: []*ValueInfo{first}, Outputs: g.Outputs[:1]}}
	vocab := 0
	data := map[string][]float32{}
	for _, v := range inputs {
		if l.Made[v.Name] != "" {
			stored.Graph.Inputs = append(stored.Graph.Inputs, v)
		}
	}
	for _, t := range g.Initializers {
		if t.Type != Float32 && t.Type != Float64 && t.Type != Float16 {
			stored.Graph.Initializers = append(stored.Graph.Initializers, t)
			continue
		}
		a, err := arrayOf(t)
		if err != nil {
			return nil, err
		}
		v := &ValueInfo{Name: t.Name, Type: t.Type}
		for _, d := range t.Dims {
			v.Dims = append(v.Dims, Dim{Size: d})
		}
		stored.Graph.Inputs = append(stored.Graph.Inputs, v)
		data[t.Name] = a.floats
		if l.Tokens && len(a.dims) == 2 && g.looksUp(t.Name, first.Name) {
			vocab = a.dims[0]
		}
	}
	if l.Tokens && vocab == 0 {
		return nil, fmt.Errorf("no table is looked up by %q, so how many tokens there are is not known", first.Name)
	}
	var b bytes.Buffer
	if err := stored.Write(&b); err != nil {
		return nil, err
	}
	l.Model = b.Bytes()
	if err := l.Build(nil, nn.Context{}, nil); err != nil {
		return nil, err
	}
	for i, p := range l.params {
		p.Data = data[l.names[i]]
	}
	if err := l.try(budget); err != nil {
		return nil, err
	}
	if err := l.findEnd(vocab, budget); err != nil {
		return nil, err
	}
	net, err := nn.LoadedNetwork(nn.Input{Tokens: l.Tokens, Shape: l.Example}, nn.Context{Vocab: vocab}, []nn.Layer{l})
	if err != nil {
		return nil, err
	}
	for i, p := range l.params {
		p.Data = data[l.names[i]]
	}
	return net, nil
}

// looksUp reports whether rows of a table are gathered by the ids themselves.
func (g *Graph) looksUp(table, ids string) bool {
	same := []string{ids}
	for _, n := range g.Nodes {
		switch {
		case (n.Op == "Cast" || n.Op == "Identity" || n.Op == "Reshape") && len(n.Inputs) > 0 && slices.Contains(same, n.Inputs[0]):
			same = append(same, n.Outputs...)
		case n.Op == "Gather" && len(n.Inputs) == 2 && n.Inputs[0] == table && slices.Contains(same, n.Inputs[1]):
			return true
		}
	}
	return false
}

// try computes the graph for two examples, and for each of them alone: a graph that
// was made for one example cannot do the former, or mixes them.
func (l *Computed) try(budget int) error {
	p, size := nn.NewPass(), nn.Shape(l.Example).Size()
	dims := append([]int{2}, l.Example...)
	if err := (&graphRun{budget: budget}).spend(len(l.model.Graph.Nodes) + 4*size); err != nil {
		return err
	}
	var x *nn.Tensor
	if l.Tokens {
		x = p.Tokens(dims...)
		for i := range x.IDs {
			x.IDs[i] = int32(i % 2)
		}
	} else {
		x = p.Input(dims...)
		for i := range x.Data {
			x.Data[i] = float32(i%7) / 7
		}
	}
	if _, err := count(dims); err != nil || size == 0 {
		return errors.Join(err, errors.New("an example is empty"))
	}
	first, err := l.run(x, 0, 1, budget)
	if err != nil {
		return err
	}
	both, err := l.run(x, 0, 2, budget)
	l.Single = err != nil || len(both) != 2*len(first)
	if l.Single {
		_, err = l.run(x, 1, 2, budget)
		return err
	}
	for i, v := range first {
		if d := v - both[i]; d > 1e-3 || d < -1e-3 {
			l.Single = true
		}
	}
	return nil
}
