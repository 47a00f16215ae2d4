package onnx

import (
	"errors"
	"fmt"
	"slices"

	"pipe/stages/nn"
)

// translator makes a value of a node; nil for a constant.
type translator func(*importer, *Node) (*imported, error)

// translators are the operators that can be imported.
var translators = map[string]translator{
	"Add":                (*importer).add,
	"AveragePool":        pooling("avg_pool"),
	"BatchNormalization": (*importer).batchNorm,
	"Concat":             (*importer).concat,
	"Constant":           (*importer).constant,
	"ConstantOfShape":    (*importer).onlySizes,
	"Conv":               (*importer).convolution,
	"Dropout":            (*importer).identity,
	"Expand":             (*importer).onlySizes,
	"Flatten":            (*importer).flatten,
	"GRU":                (*importer).recurrent,
	"Gather":             (*importer).embedding,
	"Gemm":               (*importer).gemm,
	"GlobalAveragePool":  globalPooling("global_avg_pool"),
	"GlobalMaxPool":      globalPooling("global_max_pool"),
	"Identity":           (*importer).identity,
	"LSTM":               (*importer).recurrent,
	"MatMul":             (*importer).matMul,
	"MaxPool":            pooling("max_pool"),
	"RNN":                (*importer).recurrent,
	"ReduceMax":          reduction("global_max_pool"),
	"ReduceMean":         reduction("global_avg_pool"),
	"Relu":               function(nn.Relu),
	"Reshape":            (*importer).reshape,
	"Shape":              (*importer).onlySizes,
	"Sigmoid":            function(nn.Sigmoid),
	"Slice":              (*importer).onlySizes,
	"Softmax":            (*importer).softmax,
	"Squeeze":            (*importer).squeeze,
	"Tanh":               function(nn.Tanh),
	"Transpose":          (*importer).transpose,
	"Unsqueeze":          (*importer).onlySizes,
}

func activationPiece(a nn.Activation) *piece {
	return &piece{kind: "activation", fields: map[string]any{"function": a}}
}

func function(a nn.Activation) translator {
	return func(i *importer, n *Node) (*imported, error) {
		x, err := i.data(n)
		if err != nil {
			return nil, err
		}
		return i.same(x, activationPiece(a)), nil
	}
}

func (i *importer) softmax(n *Node) (*imported, error) {
	x, err := i.data(n)
	if err != nil {
		return nil, err
	}
	axis, err := n.int("axis", -1)
	if err != nil {
		return nil, err
	}
	switch {
	case x.ones || x.flat != nil:
		return nil, errors.New("works on positions that no layer has read")
	case i.opset < 13 && len(x.shape) > 2:
		return nil, errors.New("works on all dimensions at once, as before operator set 13")
	}
	return i.same(x, activationPiece(nn.Softmax)), x.wantChannels(axis)
}

func (i *importer) identity(n *Node) (*imported, error) {
	// An exporter gives equal weights one tensor and the others' names by this.
	if len(n.Inputs) == 1 && i.constants[n.Inputs[0]] != nil {
		i.constants[n.Outputs[0]] = i.constants[n.Inputs[0]]
		return nil, nil
	}
	x, err := i.data(n)
	if err != nil {
		return nil, err
	}
	if len(n.Inputs) > 2 && n.Inputs[2] != "" {
		return nil, errors.New("may be in training mode")
	}
	return i.same(x, nil), nil
}

func (i *importer) constant(n *Node) (*imported, error) {
	a := n.attribute("value")
	if a == nil || a.Tensor == nil {
		return nil, errors.New("has no tensor as its value")
	}
	i.constants[n.Outputs[0]] = a.Tensor
	return nil, nil
}

// transpose must be between the two layouts.
func (i *importer) transpose(n *Node) (*imported, error) {
	if len(n.Inputs) == 1 && i.values[n.Inputs[0]] == nil {
		return nil, i.transposeConstant(n)
	}
	x, err := i.data(n)
	if err != nil {
		return nil, err
	}
	rank := len(x.shape)
	if a := n.attribute("perm"); x.axes != "" || rank == 3 && !x.second && a != nil && slices.Equal(a.Ints, []int64{1, 0, 2}) {
		return i.transposeAxes(n, x)
	}
	order, err := n.list("perm", rank, -1)
	if err != nil {
		return nil, err
	}
	want := []int{0}
	if x.second {
		for d := 2; d < rank; d++ {
			want = append(want, d)
		}
		want = append(want, 1)
	} else {
		want = append(want, rank-1)
		for d := 1; d < rank-1; d++ {
			want = append(want, d)
		}
	}
	if rank < 3 || x.ones || !slices.Equal(order, want) {
		return nil, fmt.Errorf("has the order %v, want %v between channels second and last", order, want)
	}
	y := i.same(x, nil)
	y.second = !x.second
	return y, nil
}

// transposeConstant transposes a matrix.
func (i *importer) transposeConstant(n *Node) error {
	data, dims, err := i.floats(n, 0, 2, false)
	if err != nil {
		return err
	}
	i.constants[n.Outputs[0]] = newTensor(n.Outputs[0], []int64{int64(dims[1]), int64(dims[0])}, transposed(data, dims[0], dims[1]))
	return nil
}

func transposed(data []float32, rows, cols int) []float32 {
	out := make([]float32, len(data))
	for r := range rows {
		for c := range cols {
			out[c*rows+r] = data[r*cols+c]
		}
	}
	return out
}

// flatten makes one dimension of all but the batch.
func (i *importer) flatten(n *Node) (*imported, error) {
	x, err := i.data(n)
	if err != nil {
		return nil, err
	}
	axis, err := n.int("axis", 1)
	if err == nil && axis != 1 {
		err = fmt.Errorf("works along axis %d, want 1", axis)
	}
	if err != nil {
		return nil, err
	}
	return i.flat(x), nil
}

func (i *importer) flat(x *imported) *imported {
	if len(x.shape) == 2 { // only dimensions of size 1, if any, go
		y := i.same(x, nil)
		y.ones = false
		return y
	}
	y := i.layer(x, &piece{kind: "flatten", fields: map[string]any{}}, nn.Shape{nn.Unknown, x.shape[1:].Size()})
	if x.second {
		y.second, y.flat = false, x.shape
	}
	return y
}

// reshape must flatten.
func (i *importer) reshape(n *Node) (*imported, error) {
	x, err := i.data(n)
	if err != nil {
		return nil, err
	}
	if len(n.Inputs) != 2 || i.constants[n.Inputs[1]] == nil {
		return nil, errors.New("has no constant shape")
	}
	dims, err := i.constants[n.Inputs[1]].Ints()
	if err != nil {
		return nil, err
	}
	if x.axes != "" {
		return i.joinAxes(x, dims)
	}
	size := int64(x.shape[1:].Size())
	if len(dims) != 2 || dims[0] != 0 && dims[0] != -1 && dims[0] != 1 || dims[1] != size && (dims[1] != -1 || dims[0] == -1) {
		return nil, fmt.Errorf("gives %v, where only (batch, %d) can be imported", dims, size)
	}
	return i.flat(x), nil
}

// embedding looks up the rows of a constant, or picks one of a recurrent layer's.
func (i *importer) embedding(n *Node) (*imported, error) {
	if len(n.Inputs) == 2 && i.values[n.Inputs[0]] != nil {
		return i.pick(n, i.values[n.Inputs[0]])
	}
	table, dims, err := i.floats(n, 0, 2, false)
	if err != nil {
		return nil, err
	}
	if len(n.Inputs) != 2 || i.values[n.Inputs[1]] == nil || !i.tokens || i.vocab != 0 && i.vocab != dims[0] {
		return nil, errors.New("must look up the token ids of the input, all in tables of equal length")
	}
	axis, err := n.int("axis", 0)
	if err == nil && axis != 0 {
		err = fmt.Errorf("works along axis %d, want 0", axis)
	}
	if err != nil {
		return nil, err
	}
	i.vocab = dims[0]
	x := i.values[n.Inputs[1]]
	p := &piece{"embedding", map[string]any{"dim": dims[1]}, map[string][]float32{"weight": table}}
	return i.layer(x, p, append(slices.Clone(x.shape), dims[1])), nil
}
