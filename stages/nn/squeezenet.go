package nn

import (
	"fmt"
	"math/rand/v2"
)

func init() { RegisterLayer("squeezenet", func() Layer { return &SqueezeNet{Width: 16, Pool: true} }) }

// SqueezeNet is version 1.1 of the small network of Iandola et al. 2016 up to its
// last fire module, with a pooling after it: (batch, height, width, channels)
// becomes (batch, 512). Parameters have torchvision's names. ONNX: its parts.
type SqueezeNet struct {
	Width int  `yaml:"width" doc:"channels of the first squeeze, 16 in the paper" default:"16" example:"2" min:"1"`
	Pool  bool `yaml:"pool" doc:"whether the mean of all places is taken at the end; without it the paper's classifier can follow, which is a conv2d of 1×1 with relu, global_avg_pool and softmax" default:"true"`

	backbone
}

// OutShape returns (batch, 32·width), or (batch, height', width', 32·width) without pool.
func (l *SqueezeNet) OutShape(in Shape, c Context) (Shape, error) {
	return outOf(squeezeNet(l.Width, l.Pool), in, c)
}

// Build builds the network.
func (l *SqueezeNet) Build(in Shape, c Context, rng *rand.Rand) error {
	return l.build(squeezeNet(l.Width, l.Pool), in, c, rng)
}

func squeezeNet(width int, pooled bool) sequence {
	pool := func() Layer {
		return &MaxPool{Pooling{PoolSize: []int{3}, Strides: []int{2}, Padding: "valid"}}
	}
	stem := withRelu(4*width, 3)
	stem.Strides, stem.Padding = []int{2}, "valid"
	s := sequence{{"features.0", stem}, {"features.2", pool()}}
	at := 3
	for i, times := range []int{1, 1, 2, 2, 3, 3, 4, 4} {
		if i == 2 || i == 4 {
			s = append(s, part{fmt.Sprintf("features.%d", at), pool()})
			at++
		}
		s = append(s, part{fmt.Sprintf("features.%d", at), fire(times * width)})
		at++
	}
	if pooled {
		s = append(s, part{"pool", &GlobalAvgPool{}})
	}
	return s
}

// fire squeezes the channels to width and expands them to eight times that, one
// half by 1×1 and one by 3×3 convolutions.
func fire(width int) Layer {
	return sequence{{"squeeze", withRelu(width, 1)}, {"", beside{
		{{"expand1x1", withRelu(4*width, 1)}}, {{"expand3x3", withRelu(4*width, 3)}}}}}
}

func withRelu(filters, size int) *Conv2D {
	l := conv(filters, size, 1)
	l.UseBias, l.Activation = true, Relu
	return l
}
