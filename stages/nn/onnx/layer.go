package onnx

import (
	"pipe/stages/nn"
)

// emitter translates something that maps one value to another, whose parameters
// are w.
type emitter func(g *builder, w weights, x value) (value, error)

// layer translates one layer of any kind.
func (g *builder) layer(l nn.Layer, w weights, x value) (value, error) {
	outer := g.path
	defer func() { g.path = outer }()
	g.path = w.prefix
	shape, err := l.OutShape(x.shape, g.context)
	if err != nil {
		return value{}, err
	}
	y, err := g.translate(l, w, x)
	y.shape = shape
	return y, err
}

// asEmitter returns the translation of a layer.
func asEmitter(l nn.Layer) emitter {
	return func(g *builder, w weights, x value) (value, error) { return g.layer(l, w, x) }
}

func (g *builder) translate(l nn.Layer, w weights, x value) (value, error) {
	switch l := l.(type) {
	case *nn.ActivationLayer:
		return g.activation(l.Function, x)
	case *nn.AvgPool:
		return g.averagePool(&l.Pooling, x)
	case *nn.BatchNorm:
		return g.batchNorm(l, w, x)
	case *nn.BERT:
		return bert(l)(g, w, x)
	case *nn.Branches:
		return g.branches(l, w, x)
	case *Computed:
		return g.computed(l, w, x)
	case *nn.Conv1D:
		return g.convolution(&l.Convolution, w, x)
	case *nn.Conv2D:
		return g.convolution(&l.Convolution, w, x)
	case *nn.Dense:
		return g.dense(l, w, x)
	case *nn.Dropout:
		return x, nil // only training drops
	case *nn.Embedding:
		return g.embedding(l, w, x)
	case *nn.Flatten:
		return value{name: g.op("Flatten", in(x.name), intAttribute("axis", 1))}, nil
	case *nn.GlobalAvgPool:
		return g.globalAverage(x)
	case *nn.GlobalMaxPool:
		return g.globalMax(x)
	case *nn.GPT:
		return gpt(l)(g, w, x)
	case *nn.GRU:
		return g.gru(l, w, x, nil)
	case *nn.LayerNorm:
		return g.layerNorm(l, w, x)
	case *nn.Llama:
		return llama(l)(g, w, x)
	case *nn.LSTM:
		return g.lstm(l, w, x, nil)
	case *nn.MaxPool:
		return g.maxPool(&l.Pooling, x)
	case *nn.MultiHeadAttention:
		return g.attention(l, w, x)
	case *nn.PositionalEncoding:
		return g.positions(l, w, x)
	case *nn.Reshape:
		return g.reshaped(l, x)
	case *nn.Residual:
		return g.residual(l, w, x)
	case *nn.ResNet18:
		return resNet18(l.Width)(g, w, x)
	case *nn.ResNet20:
		return resNet20(l.Width)(g, w, x)
	case *nn.ResNet34:
		return resNet34(l.Width)(g, w, x)
	case *nn.ResNet50:
		return resNet50(l.Width)(g, w, x)
	case *nn.RMSNorm:
		return g.rmsNorm(l, w, x)
	case *nn.Seq2Seq:
		return seq2seq(l)(g, w, x)
	case *nn.SimpleRNN:
		return g.simpleRNN(l, w, x, nil)
	case *nn.SqueezeNet:
		return squeezeNet(l.Width, l.Pool)(g, w, x)
	case *nn.Transformer:
		return transformer(l)(g, w, x)
	case *nn.TransformerBlock:
		return transformerBlock(l)(g, w, x)
	case *nn.UnitNorm:
		return x.with(g.op("LpNormalization", in(x.name), intAttribute("axis", -1), intAttribute("p", 2))), nil
	}
	return value{}, errNoForm
}
