package onnx

import (
	"errors"
	"fmt"
)

// graphRun computes the nodes of a graph one after the other.
type graphRun struct {
	opset  int64
	budget int // multiplications and elements that are left
}

// spend refuses work beyond the budget: a small file may ask for any amount.
func (r *graphRun) spend(n int) error {
	if r.budget -= n; n < 0 || r.budget < 0 {
		return errors.New("asks for more work than a network of this kind does")
	}
	return nil
}

// graphOps are the operators beside those of the tables of this package. Each has what
// it needs checked: least is how many inputs are there.
var graphOps = map[string]struct {
	least int
	run   func(r *graphRun, n *Node, in []*array) (*array, error)
}{
	"ArgMax":             {1, func(r *graphRun, n *Node, in []*array) (*array, error) { return argMax(n, in[0]) }},
	"AveragePool":        {1, func(r *graphRun, n *Node, in []*array) (*array, error) { return r.pool(n, in[0]) }},
	"BatchNormalization": {5, func(r *graphRun, n *Node, in []*array) (*array, error) { return channelNorm(n, in) }},
	"Cast": {1, func(r *graphRun, n *Node, in []*array) (*array, error) {
		to, err := n.int("to", 0)
		if err != nil {
			return nil, err
		}
		return cast(in[0], DataType(to))
	}},
	"CastLike": {2, func(r *graphRun, n *Node, in []*array) (*array, error) { return cast(in[0], in[1].kind) }},
	"Clip": {1, func(r *graphRun, n *Node, in []*array) (*array, error) {
		in = append(in, nil, nil)
		for i, name := range []string{"min", "max"} { // of older operator sets
			if a := n.attribute(name); a != nil {
				in[1+i] = floatArray(nil, []float32{a.Float})
			}
		}
		return r.clip(in[0], in[1], in[2])
	}},
	"Concat": {1, func(r *graphRun, n *Node, in []*array) (*array, error) {
		axis, err := n.int("axis", 0)
		if err != nil {
			return nil, err
		}
		return concat(axis, in)
	}},
	"Constant": {0, func(r *graphRun, n *Node, in []*array) (*array, error) { return constantOf(n) }},
	"ConstantOfShape": {1, func(r *graphRun, n *Node, in []*array) (*array, error) {
		dims, err := sizesOf(in[0])
		if err != nil {
			return nil, err
		}
		total, _ := count(dims)
		if err := r.spend(total); err != nil {
			return nil, err
		}
		value := floatArray([]int{1}, []float32{0})
		if a := n.attribute("value"); a != nil && a.Tensor != nil {
			if value, err = arrayOf(a.Tensor); err != nil {
				return nil, err
			}
		}
		if value.size() != 1 {
			return nil, errors.New("repeats more than one value")
		}
		return value.pick(dims, make([]int, total)), nil
	}},
	"Conv":    {2, (*graphRun).conv},
	"CumSum":  {2, func(r *graphRun, n *Node, in []*array) (*array, error) { return cumulate(n, in[0], in[1]) }},
	"Dropout": {1, func(r *graphRun, n *Node, in []*array) (*array, error) { return in[0], nil }},
	"Expand": {2, func(r *graphRun, n *Node, in []*array) (*array, error) {
		to, err := sizesOf(in[1])
		if err != nil {
			return nil, err
		}
		dims, err := broadcast(in[0].dims, to)
		if err != nil {
			return nil, err
		}
		total, _ := count(dims)
		if err := r.spend(total); err != nil {
			return nil, err
		}
		return in[0].pick(dims, places(in[0].dims, dims)), nil
	}},
	"Flatten": {1, func(r *graphRun, n *Node, in []*array) (*array, error) {
		axis, err := n.int("axis", 1)
		if axis < 0 {
			axis += len(in[0].dims)
		}
		if err != nil || axis < 0 || axis > len(in[0].dims) {
			return nil, errors.Join(err, fmt.Errorf("flattens %v at %d", in[0].dims, axis))
		}
		rows, _ := count(in[0].dims[:axis])
		columns, _ := count(in[0].dims[axis:])
		return in[0].with([]int{rows, columns})
	}},
	"Gather":                {2, func(r *graphRun, n *Node, in []*array) (*array, error) { return r.gather(n, in[0], in[1]) }},
	"GatherElements":        {2, func(r *graphRun, n *Node, in []*array) (*array, error) { return gatherElements(n, in[0], in[1]) }},
	"GatherND":              {2, func(r *graphRun, n *Node, in []*array) (*array, error) { return r.gatherND(n, in[0], in[1]) }},
	"Gemm":                  {2, (*graphRun).gemm},
	"GlobalAveragePool":     {1, func(r *graphRun, n *Node, in []*array) (*array, error) { return poolAll(n, in[0]) }},
	"GlobalMaxPool":         {1, func(r *graphRun, n *Node, in []*array) (*array, error) { return poolAll(n, in[0]) }},
	"Identity":              {1, func(r *graphRun, n *Node, in []*array) (*array, error) { return in[0], nil }},
	"InstanceNormalization": {3, func(r *graphRun, n *Node, in []*array) (*array, error) { return channelNorm(n, in) }},
	"IsNaN": {1, func(r *graphRun, n *Node, in []*array) (*array, error) {
		y, err := newArray(Bool, in[0].dims)
		for i, v := range in[0].floats {
			y.bools[i] = v != v
		}
		return y, err
	}},
	"LayerNormalization": {2, func(r *graphRun, n *Node, in []*array) (*array, error) { return layerNorm(n, in) }},
	"RMSNormalization":   {2, func(r *graphRun, n *Node, in []*array) (*array, error) { return layerNorm(n, in) }},
	"LogSoftmax":         {1, func(r *graphRun, n *Node, in []*array) (*array, error) { return r.softmax(n, in[0]) }},
	"MatMul":             {2, func(r *graphRun, n *Node, in []*array) (*array, error) { return r.matMul(in[0], in[1]) }},
	"MaxPool":            {1, func(r *graphRun, n *Node, in []*array) (*array, error) { return r.pool(n, in[0]) }},
	"Not": {1, func(r *graphRun, n *Node, in []*array) (*array, error) {
		y, err := newArray(Bool, in[0].dims)
		for i, v := range in[0].bools {
			y.bools[i] = !v
		}
		return y, err
	}},
	"Pad":       {1, func(r *graphRun, n *Node, in []*array) (*array, error) { return pad(n, in) }},
	"Range":     {3, func(r *graphRun, n *Node, in []*array) (*array, error) { return rangeOf(in[0], in[1], in[2]) }},
	"Reshape":   {2, func(r *graphRun, n *Node, in []*array) (*array, error) { return reshape(n, in[0], in[1]) }},
	"ScatterND": {3, func(r *graphRun, n *Node, in []*array) (*array, error) { return scatterND(n, in[0], in[1], in[2]) }},
	"Shape": {1, func(r *graphRun, n *Node, in []*array) (*array, error) {
		start, _ := n.int("start", 0)
		end, _ := n.int("end", maxDim)
		rank := len(in[0].dims)
		bound := func(v int) int {
			if v < 0 {
				v += rank
			}
			return min(max(v, 0), rank)
		}
		start, end = bound(start), bound(end)
		dims := make([]int64, 0, rank)
		for i := start; i < end; i++ {
			dims = append(dims, int64(in[0].dims[i]))
		}
		return intArray([]int{len(dims)}, dims), nil
	}},
	"Size": {1, func(r *graphRun, n *Node, in []*array) (*array, error) {
		return intArray(nil, []int64{int64(in[0].size())}), nil
	}},
	"Slice":   {1, func(r *graphRun, n *Node, in []*array) (*array, error) { return slice(n, in) }},
	"Softmax": {1, func(r *graphRun, n *Node, in []*array) (*array, error) { return r.softmax(n, in[0]) }},
	"Squeeze": {1, func(r *graphRun, n *Node, in []*array) (*array, error) {
		axes, err := n.axes(in, 1, len(in[0].dims))
		if err != nil {
			return nil, err
		}
		return squeeze(in[0], axes)
	}},
	"Transpose": {1, func(r *graphRun, n *Node, in []*array) (*array, error) { return transpose(n, in[0]) }},
	"Trilu":     {1, func(r *graphRun, n *Node, in []*array) (*array, error) { return trilu(n, in) }},
	"Unsqueeze": {1, func(r *graphRun, n *Node, in []*array) (*array, error) { return unsqueeze(n, in) }},
	"Where":     {3, func(r *graphRun, n *Node, in []*array) (*array, error) { return r.where(in[0], in[1], in[2]) }},
}

func isElementwise(op string) (unary, binary bool) {
	_, scaled := scaledOps[op]
	return unaryOps[op] != nil || scaled || op == "Gelu", binaryFloats[op] != nil || comparisons[op] != nil || logicOps[op] != nil
}

// runs reports whether an operator is known.
func runs(n *Node) bool {
	if n.Domain != "" && n.Domain != "ai.onnx" {
		return false
	}
	unary, binary := isElementwise(n.Op)
	_, other := graphOps[n.Op]
	_, recurrent := recurrentGates[n.Op]
	return unary || binary || other || recurrent || reductions[n.Op] != nil || n.Op == "Split"
}

// notRun names all operators of a graph that are not known.
func (g *Graph) notRun() error { return g.without(runs) }

// node computes one node.
func (r *graphRun) node(n *Node, in []*array) ([]*array, error) {
	one := func(y *array, err error) ([]*array, error) { return []*array{y}, err }
	unary, binary := isElementwise(n.Op)
	op, other := graphOps[n.Op]
	least := op.least
	switch {
	case recurrentGates[n.Op].kind != "":
		least = 3
	case binary:
		least = 1
	case !other:
		least = 1
	}
	for i := range least {
		if i >= len(in) || in[i] == nil {
			return nil, fmt.Errorf("has no input %d", i)
		}
	}
	for _, x := range in {
		if x != nil {
			if err := r.spend(x.size() + 1); err != nil {
				return nil, err
			}
		}
	}
	switch {
	case other:
		return one(op.run(r, n, in))
	case recurrentGates[n.Op].kind != "":
		return r.recurrent(n, in)
	case reductions[n.Op] != nil:
		return one(reduce(n, in))
	case n.Op == "Split":
		return split(n, in)
	case unary:
		return one(r.unary(n, in[0]))
	}
	y := in[0]
	for _, x := range in[1:] {
		var err error
		if x == nil {
			return nil, errors.New("has an input that is left out")
		}
		if y, err = r.binary(n.Op, y, x); err != nil {
			return nil, err
		}
	}
	return one(y, nil)
}

// constantOf is Constant, whose value may be written in several ways.
func constantOf(n *Node) (*array, error) {
	for _, a := range n.Attributes {
		switch a.Name {
		case "value":
			if a.Tensor != nil {
				return arrayOf(a.Tensor)
			}
		case "value_float":
			return floatArray(nil, []float32{a.Float}), nil
		case "value_floats":
			return floatArray([]int{len(a.Floats)}, a.Floats), nil
		case "value_int":
			return intArray(nil, []int64{a.Int}), nil
		case "value_ints":
			return intArray([]int{len(a.Ints)}, a.Ints), nil
		}
	}
	return nil, errors.New("has no value that is known")
}

// compute runs all nodes on values, of which it keeps what is needed, and returns the
// named one.
func (r *graphRun) compute(nodes []*Node, values map[string]*array, out string) (*array, error) {
	last := map[string]int{out: len(nodes)}
	for i, n := range nodes {
		for _, name := range n.Inputs {
			last[name] = max(last[name], i)
		}
	}
	for i, n := range nodes {
		in := make([]*array, len(n.Inputs))
		for j, name := range n.Inputs {
			if in[j] = values[name]; in[j] == nil && name != "" {
				return nil, fmt.Errorf("node %q (%s): input %d, %q, is given by no node before", n.Name, n.Op, j, name)
			}
		}
		got, err := r.node(n, in)
		if err != nil {
			return nil, fmt.Errorf("node %q (%s): %w", n.Name, n.Op, err)
		}
		for j, name := range n.Outputs {
			if name != "" && j < len(got) {
				values[name] = got[j]
			}
		}
		for _, name := range n.Inputs {
			if last[name] == i {
				delete(values, name)
			}
		}
	}
	if y := values[out]; y != nil {
		return y, nil
	}
	return nil, fmt.Errorf("no node gives the output %q", out)
}
