package onnx

import (
	"fmt"

	"pipe/stages/nn"
)

// value is a tensor that nodes give: its name, its shape, in which the batch is
// Unknown, and the name of its mask, a bool tensor (batch, time) that is false at
// padding; empty where every position counts.
type value struct {
	name  string
	shape nn.Shape
	mask  string
}

// tokens reports whether the value is the token ids that go into the network.
func (v value) tokens() bool { return v.name == TokensInput }

// with returns another tensor with v's shape and mask.
func (v value) with(name string) value { return value{name, v.shape, v.mask} }

// builder collects the nodes and constants of a graph.
type builder struct {
	context      nn.Context
	nodes        []*Node
	initializers []*Tensor
	constants    map[string]bool   // names of the initializers
	origins      map[string]origin // what was transposed to make a value
	compactions  map[string]compaction
	room         int    // bytes that a table may have
	path         string // of the layer that is being translated
	count        int
	alone        bool    // there is one layer
	opsets       []Opset // of a stored graph; nil for the version that layers are written in
}

// op adds a node with one output and returns its name.
func (g *builder) op(op string, inputs []string, attributes ...*Attribute) string {
	return g.ops(op, 1, inputs, attributes...)[0]
}

// ops adds a node with several outputs and returns their names.
func (g *builder) ops(op string, outputs int, inputs []string, attributes ...*Attribute) []string {
	n := &Node{Name: g.name(op), Op: op, Inputs: inputs, Attributes: attributes}
	for i := range outputs {
		n.Outputs = append(n.Outputs, fmt.Sprintf("%s:%d", n.Name, i))
	}
	g.nodes = append(g.nodes, n)
	return n.Outputs
}

// name returns a new name that tells the layer.
func (g *builder) name(what string) string {
	g.count++
	return fmt.Sprintf("%s%s_%d", g.path, what, g.count)
}

// in spells the inputs of a node.
func in(names ...string) []string { return names }

// constant adds a constant and returns its name.
func constant[T float32 | int64 | bool](g *builder, dims []int64, data []T) string {
	t := newTensor(g.name("constant"), dims, data)
	g.initializers = append(g.initializers, t)
	return t.Name
}

// tableFits says whether there is room for a table of rows·columns elements of so many
// bytes each.
func (g *builder) tableFits(rows, columns, each int) error {
	if rows > g.room/each/max(columns, 1) {
		return fmt.Errorf("needs a table of %d by %d, for which there is no room", rows, columns)
	}
	return nil
}

// ints adds a list of whole numbers.
func (g *builder) ints(list ...int64) string { return constant(g, []int64{int64(len(list))}, list) }

// int adds one whole number.
func (g *builder) int(v int64) string { return constant(g, nil, []int64{v}) }

// scalar adds one number.
func (g *builder) scalar(v float32) string { return constant(g, nil, []float32{v}) }

// param adds a parameter as it is, once.
func (g *builder) param(p *nn.Param) string {
	if !g.constants[p.Name] {
		g.constants[p.Name] = true
		g.initializers = append(g.initializers, newTensor(p.Name, dims64(p.Shape), p.Data))
	}
	return p.Name
}

func dims64(s []int) []int64 {
	dims := make([]int64, len(s))
	for i, d := range s {
		dims[i] = int64(d)
	}
	return dims
}

// reshape gives a value other dimensions; 0 keeps one and -1 is what remains
// (Reshape-14).
func (g *builder) reshape(x string, dims ...int64) string {
	return g.op("Reshape", in(x, g.ints(dims...)))
}

// transpose reorders dimensions (Transpose-13).
func (g *builder) transpose(x string, order ...int64) string {
	return g.op("Transpose", in(x), intsAttribute("perm", order...))
}

func intAttribute(name string, v int) *Attribute {
	return &Attribute{Name: name, Type: IntAttribute, Int: int64(v)}
}

func floatAttribute(name string, v float32) *Attribute {
	return &Attribute{Name: name, Type: FloatAttribute, Float: v}
}

func stringAttribute(name, v string) *Attribute {
	return &Attribute{Name: name, Type: StringAttribute, String: v}
}

func intsAttribute(name string, v ...int64) *Attribute {
	return &Attribute{Name: name, Type: IntsAttribute, Ints: v}
}

// prune drops the nodes and constants that the last node does not need.
func (g *builder) prune() {
	needed := map[string]bool{}
	for _, name := range g.nodes[len(g.nodes)-1].Outputs {
		needed[name] = true
	}
	kept := make([]*Node, len(g.nodes))
	first := len(kept)
	for i := len(g.nodes) - 1; i >= 0; i-- {
		n := g.nodes[i]
		wanted := false
		for _, name := range n.Outputs {
			wanted = wanted || needed[name]
		}
		if !wanted {
			continue
		}
		for _, name := range n.Inputs {
			needed[name] = true
		}
		first--
		kept[first] = n
	}
	g.nodes = kept[first:]
	var constants []*Tensor
	for _, t := range g.initializers {
		if needed[t.Name] {
			constants = append(constants, t)
		}
	}
	g.initializers = constants
}
