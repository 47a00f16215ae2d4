package onnx

import "pipe/stages/nn"

// batchNorm is BatchNormalization-15 in inference form.
func (g *builder) batchNorm(l *nn.BatchNorm, w weights, x value) (value, error) {
	mean, err := w.need("running_mean")
	if err != nil {
		return value{}, err
	}
	variance, err := w.need("running_var")
	if err != nil {
		return value{}, err
	}
	inputs := in(g.filled(w.optional("weight"), len(mean.Data), 1), g.filled(w.optional("bias"), len(mean.Data), 0),
		g.param(mean), g.param(variance))
	norm := func(x string) string {
		return g.op("BatchNormalization", append(in(x), inputs...), floatAttribute("epsilon", l.Epsilon))
	}
	if len(x.shape) == 2 { // the channels are second
		return x.with(norm(x.name)), nil
	}
	return x.with(g.channelsLast(norm(g.channelsSecond(x)), len(x.shape))), nil
}

// filled returns a parameter, or n times v where there is none.
func (g *builder) filled(p *nn.Param, n int, v float32) string {
	if p != nil {
		return g.param(p)
	}
	data := make([]float32, n)
	for i := range data {
		data[i] = v
	}
	return constant(g, []int64{int64(n)}, data)
}

// layerNorm is LayerNormalization-17 over the last dimension.
func (g *builder) layerNorm(l *nn.LayerNorm, w weights, x value) (value, error) {
	weight, err := w.need("weight")
	if err != nil {
		return value{}, err
	}
	bias, err := w.need("bias")
	if err != nil {
		return value{}, err
	}
	return x.with(g.op("LayerNormalization", in(x.name, g.param(weight), g.param(bias)),
		intAttribute("axis", -1), floatAttribute("epsilon", l.Epsilon))), nil
}

// rmsNorm is x / √(mean(x²) + ε) · weight by Mul-14, ReduceMean-13, Add-14,
// Sqrt-13 and Div-14, because RMSNormalization came with operator set 23.
func (g *builder) rmsNorm(l *nn.RMSNorm, w weights, x value) (value, error) {
	weight, err := w.need("weight")
	if err != nil {
		return value{}, err
	}
	mean := g.op("ReduceMean", in(g.op("Mul", in(x.name, x.name))), intsAttribute("axes", -1), intAttribute("keepdims", 1))
	root := g.op("Sqrt", in(g.op("Add", in(mean, g.scalar(l.Epsilon)))))
	return x.with(g.op("Mul", in(g.op("Div", in(x.name, root)), g.param(weight)))), nil
}
