package onnx

import (
	"math"

	"pipe/stages/nn"
)

func (g *builder) dense(l *nn.Dense, w weights, x value) (value, error) {
	y, err := g.affine(w, x)
	if err != nil {
		return value{}, err
	}
	return g.activation(l.Activation, y)
}

// affine computes x·weightᵀ + bias over the last dimension: Gemm-13 for a matrix,
// else MatMul-13 and Add-14.
func (g *builder) affine(w weights, x value) (value, error) {
	weight, err := w.need("weight")
	if err != nil {
		return value{}, err
	}
	bias := w.optional("bias")
	if len(x.shape) == 2 {
		inputs := in(x.name, g.param(weight))
		if bias != nil {
			inputs = append(inputs, g.param(bias))
		}
		return value{g.op("Gemm", inputs, intAttribute("transB", 1)), x.shape.With(weight.Shape[0]), x.mask}, nil
	}
	y := g.op("MatMul", in(x.name, g.transpose(g.param(weight), 1, 0)))
	if bias != nil {
		y = g.op("Add", in(y, g.param(bias)))
	}
	return value{y, x.shape.With(weight.Shape[0]), x.mask}, nil
}

// reshaped is Reshape-14.
func (g *builder) reshaped(l *nn.Reshape, x value) (value, error) {
	return value{name: g.reshape(x.name, append([]int64{0}, dims64(l.Shape)...)...)}, nil
}

// embedding is Gather-13. With mask_zero the mask is where the id is not 0.
func (g *builder) embedding(l *nn.Embedding, w weights, x value) (value, error) {
	weight, err := w.need("weight")
	if err != nil {
		return value{}, err
	}
	y := value{name: g.op("Gather", in(g.param(weight), x.name), intAttribute("axis", 0))}
	if l.MaskZero {
		y.mask = g.op("Not", in(g.op("Equal", in(x.name, g.int(0)))))
	}
	return y, nil
}

// positions adds the first rows of a table (Add-14).
func (g *builder) positions(l *nn.PositionalEncoding, w weights, x value) (value, error) {
	time, features := x.shape[1], x.shape[2]
	if err := g.tableFits(time, features, 4); err != nil {
		return value{}, err
	}
	table := sinusoids(time, features)
	if l.Encoding == "learned" {
		weight, err := w.need("weight")
		if err != nil {
			return value{}, err
		}
		table = weight.Data[:time*features]
	}
	rows := constant(g, []int64{int64(time), int64(features)}, table)
	return x.with(g.op("Add", in(x.name, rows))), nil
}

// sinusoids is the table of Vaswani et al. 2017: sines at even features, cosines
// at odd ones.
func sinusoids(time, features int) []float32 {
	table := make([]float32, 0, time*features)
	for t := range time {
		for i := range features {
			angle := float64(t) / math.Pow(10000, float64(i-i%2)/float64(features))
			if i%2 == 0 {
				table = append(table, float32(math.Sin(angle)))
			} else {
				table = append(table, float32(math.Cos(angle)))
			}
		}
	}
	return table
}
