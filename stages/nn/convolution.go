package nn

import (
	"errors"
	"fmt"
	"math/rand/v2"
)

// Convolution is the configuration that convolutions of all dimensions share.
type Convolution struct {
	Filters           int         `yaml:"filters" doc:"channels of the output" required:"true" min:"1" example:"32"`
	KernelSize        []int       `yaml:"kernel_size" doc:"size of the window: one number, or one for each dimension" required:"true" min:"1" example:"3"`
	Strides           []int       `yaml:"strides" doc:"distance of two windows" default:"[1]" min:"1"`
	Padding           Padding     `yaml:"padding" doc:"valid, same, causal (sequences only) or a number of zeros on each side" default:"valid"`
	Dilation          []int       `yaml:"dilation_rate" doc:"distance of two elements of a window" default:"[1]" min:"1"`
	Groups            int         `yaml:"groups" doc:"parts into which the channels are split, each with filters of its own" default:"1" min:"1"`
	Activation        Activation  `yaml:"activation" doc:"what is applied to the output" default:"linear" enum:"linear,relu,sigmoid,tanh,softmax,gelu,gelu_tanh,silu"`
	UseBias           bool        `yaml:"use_bias" doc:"whether a bias is added" default:"true"`
	KernelInitializer Initializer `yaml:"kernel_initializer" doc:"first values of the weight" default:"glorot_uniform" enum:"glorot_uniform,glorot_normal,he_uniform,he_normal,lecun_uniform,lecun_normal,random_uniform,random_normal,orthogonal,zeros,ones"`
	BiasInitializer   Initializer `yaml:"bias_initializer" doc:"first values of the bias" default:"zeros" enum:"zeros,ones,random_uniform,random_normal"`

	weight, bias *Param // (filters, height, width, channels/groups), (filters)
}

func convolutionDefaults() Convolution {
	return Convolution{Strides: []int{1}, Padding: "valid", Dilation: []int{1}, Groups: 1, Activation: Linear, UseBias: true,
		KernelInitializer: GlorotUniform, BiasInitializer: Zeros}
}

func (l *Convolution) outShape(in Shape) (Shape, error) {
	if err := l.Activation.check(); err != nil {
		return nil, err
	}
	if err := wantKnown(in); err != nil {
		return nil, err
	}
	if l.Filters < 1 {
		return nil, errors.New("filters must be at least 1")
	}
	if l.Groups < 1 || in.Last()%l.Groups != 0 || l.Filters%l.Groups != 0 {
		return nil, fmt.Errorf("groups must divide the %d channels of the input and the %d filters, is %d", in.Last(), l.Filters, l.Groups)
	}
	g, err := l.window(in)
	if err != nil {
		return nil, err
	}
	return g.outShape(in, l.Filters), nil
}

func (l *Convolution) window(in Shape) (window, error) {
	return newWindow(in, l.KernelSize, l.Strides, l.Dilation, l.Padding)
}

// Build allocates weight (filters, height, width, channels/groups), without the
// height where there is none, and bias (filters).
func (l *Convolution) Build(in Shape, _ Context, rng *rand.Rand) error {
	g, err := l.window(in)
	if err != nil {
		return err
	}
	each := g.channels / l.Groups
	if len(in) == 3 {
		l.weight = newParam("weight", l.Filters, g.w.size, each)
	} else {
		l.weight = newParam("weight", l.Filters, g.h.size, g.w.size, each)
	}
	l.weight.channelsLast = true
	if err := l.KernelInitializer.fill(l.weight, g.taps()*each, g.taps()*l.Filters, rng); err != nil {
		return err
	}
	if !l.UseBias {
		return nil
	}
	l.bias = newParam("bias", l.Filters)
	return l.BiasInitializer.fill(l.bias, l.Filters, l.Filters, rng)
}

// Params returns weight and, where there is one, bias.
func (l *Convolution) Params() []*Param {
	if l.bias == nil {
		return []*Param{l.weight}
	}
	return []*Param{l.weight, l.bias}
}

func (l *Convolution) endsWith() Activation { return l.Activation }

// Forward computes the layer.
func (l *Convolution) Forward(p *Pass, x *Tensor) *Tensor {
	g, err := l.window(x.Shape)
	if err != nil {
		panic("nn: " + err.Error()) // OutShape has refused it
	}
	var y *Tensor
	if len(x.Shape) == 3 {
		y = p.Tensor(x.Shape[0], g.w.out, l.Filters)
	} else {
		y = p.Tensor(x.Shape[0], g.h.out, g.w.out, l.Filters)
	}
	switch {
	case l.isDepthwise(g.channels):
		record[depthwiseNode](p, y).forward(p, x, y, l, &g)
	case l.slides(p, &g, x.Shape[0]):
		record[slidingNode](p, y).forward(p, x, y, l, &g)
	default:
		record[convolutionNode](p, y).forward(p, x, y, l, g)
	}
	if l.Activation == Relu {
		return y
	}
	return l.Activation.apply(p, y)
}
