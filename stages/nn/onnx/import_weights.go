package onnx

import (
	"errors"
	"fmt"
	"maps"

	"pipe/stages/nn"
)

// gemm is a dense layer: alpha, beta and transA must be as they are by default.
func (i *importer) gemm(n *Node) (*imported, error) {
	g, err := gemmOf(n)
	if err != nil {
		return nil, err
	}
	if g.alpha != 1 || g.beta != 1 || g.transA != 0 {
		return nil, errors.New("has another alpha, beta or transA than the default")
	}
	bias, _, err := i.floats(n, 2, 1, true)
	if err != nil {
		return nil, err
	}
	return i.dense(n, g.transB == 1, bias)
}

// gemmAttributes are those of Gemm: alpha·A·B + beta·C, with A and B turned or not.
type gemmAttributes struct {
	alpha, beta    float32
	transA, transB int
}

func gemmOf(n *Node) (g gemmAttributes, err error) {
	if g.alpha, err = n.float("alpha", 1); err != nil {
		return g, err
	}
	if g.beta, err = n.float("beta", 1); err != nil {
		return g, err
	}
	if g.transA, err = n.int("transA", 0); err != nil {
		return g, err
	}
	g.transB, err = n.int("transB", 0)
	return g, err
}

func (i *importer) matMul(n *Node) (*imported, error) { return i.dense(n, false, nil) }

// dense is a product with a constant, (out, in) where it is stored transposed.
func (i *importer) dense(n *Node, outFirst bool, bias []float32) (*imported, error) {
	x, err := i.data(n)
	if err != nil {
		return nil, err
	}
	weight, dims, err := i.floats(n, 1, 2, false)
	if err != nil {
		return nil, err
	}
	if !outFirst {
		weight, dims = transposed(weight, dims[0], dims[1]), []int{dims[1], dims[0]}
	}
	switch {
	case x.second && len(x.shape) > 2 || x.ones:
		return nil, errors.New("works on a value whose channels are not last")
	case dims[1] != x.shape.Last():
		return nil, fmt.Errorf("has a weight for %d features, the value has %d", dims[1], x.shape.Last())
	case bias != nil && len(bias) != dims[0]:
		return nil, fmt.Errorf("has a bias of %d numbers, want %d", len(bias), dims[0])
	}
	if x.flat != nil {
		weight = columnsLast(weight, dims[0], x.flat)
	}
	p := &piece{"dense", map[string]any{"units": dims[0], "use_bias": bias != nil}, map[string][]float32{"weight": weight}}
	if bias != nil {
		p.params["bias"] = bias
	}
	y := i.layer(x, p, x.shape.With(dims[0]))
	y.second = false
	return y, nil
}

// columnsLast reorders the columns of a weight that reads what was flattened from
// (batch, channels, …), of the given shape with the channels last.
func columnsLast(weight []float32, rows int, shape nn.Shape) []float32 {
	channels, cols := shape.Last(), shape[1:].Size()
	places := cols / channels
	out := make([]float32, len(weight))
	for r := range rows {
		for place := range places {
			for c := range channels {
				out[r*cols+place*channels+c] = weight[r*cols+c*places+place]
			}
		}
	}
	return out
}

// addBias gives the dense layer before it a bias.
func (i *importer) addBias(n *Node) (*imported, error) {
	x, at := i.values[n.Inputs[0]], 1
	if x == nil {
		x, at = i.values[n.Inputs[1]], 0
	}
	if x == nil || x.piece == nil || x.piece.kind != "dense" || x.piece.params["bias"] != nil {
		return nil, errors.New("adds a constant to something else than a product")
	}
	bias, dims, err := i.floats(n, at, 1, false)
	if err != nil {
		return nil, err
	}
	if dims[0] != x.shape.Last() {
		return nil, fmt.Errorf("adds %d numbers to %d features", dims[0], x.shape.Last())
	}
	// The product may have other readers, so that it is repeated with the bias.
	p := &piece{"dense", map[string]any{"units": dims[0], "use_bias": true}, maps.Clone(x.piece.params)}
	p.params["bias"] = bias
	y := i.layer(x.from[0], p, x.shape)
	y.second = x.second
	return y, nil
}

// batchNorm is BatchNormalization-15 in inference form.
func (i *importer) batchNorm(n *Node) (*imported, error) {
	x, err := i.data(n)
	if err != nil {
		return nil, err
	}
	epsilon, err := n.float("epsilon", 1e-5)
	if err != nil {
		return nil, err
	}
	training, err := n.int("training_mode", 0)
	if err == nil && training != 0 {
		err = errors.New("is in training mode")
	}
	if err != nil {
		return nil, err
	}
	if x.flat != nil || x.ones || !x.second && len(x.shape) > 2 {
		return nil, errors.New("works on a value whose channels are not second")
	}
	p := &piece{"batch_norm", map[string]any{"epsilon": epsilon}, map[string][]float32{}}
	for at, name := range []string{"weight", "bias", "running_mean", "running_var"} {
		if p.params[name], _, err = i.floats(n, 1+at, 1, false); err != nil {
			return nil, err
		}
	}
	return i.same(x, p), nil
}
