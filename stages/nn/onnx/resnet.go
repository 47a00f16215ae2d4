package onnx

import (
	"fmt"

	"pipe/stages/nn"
)

// conv is a convolution as residual networks have it.
func conv(filters, size, stride int) *nn.Conv2D {
	return &nn.Conv2D{Convolution: nn.Convolution{Filters: filters, KernelSize: []int{size}, Strides: []int{stride},
		Padding: nn.Padding(fmt.Sprint(size / 2)), Dilation: []int{1}, Groups: 1, Activation: nn.Linear}}
}

// normalised is a convolution, conv and bn with the same number, and what follows.
func normalised(number string, filters, size, stride int, a nn.Activation) []named {
	return []named{{"conv" + number, asEmitter(conv(filters, size, stride))},
		{"bn" + number, asEmitter(&nn.BatchNorm{Epsilon: 1e-5})},
		{"", asEmitter(&nn.ActivationLayer{Function: a})}}
}

// block makes a residual block from the channels of its input and those of its
// inner convolutions, and tells how many times those its output has.
type block struct {
	main      func(width, stride int) []named
	expansion int
}

func basicBlock() block {
	return block{func(width, stride int) []named {
		return append(normalised("1", width, 3, stride, nn.Relu), normalised("2", width, 3, 1, nn.Linear)...)
	}, 1}
}

func bottleneck() block {
	return block{func(width, stride int) []named {
		main := append(normalised("1", width, 1, 1, nn.Relu), normalised("2", width, 3, stride, nn.Relu)...)
		return append(main, normalised("3", 4*width, 1, 1, nn.Linear)...)
	}, 4}
}

// shortcut makes the way around a block that changes the shape.
type shortcut func(in, out, stride int) named

// downsample is a convolution and a normalisation.
func downsample(_, out, stride int) named {
	return named{"downsample", chain(named{"0", asEmitter(conv(out, 1, stride))}, named{"1", asEmitter(&nn.BatchNorm{Epsilon: 1e-5})})}
}

// subsample keeps every stride-th pixel (Slice-13) and adds channels of zeros on
// both sides of its own (Pad-13): shortcut A of He et al. 2016.
func subsample(in, out, stride int) named {
	return named{"shortcut", func(g *builder, _ weights, x value) (value, error) {
		s, add := x.shape, int64(out-in)/2
		kept := g.op("Slice", []string{g.channelsSecond(x), g.ints(0, 0), g.ints(int64(s[1]), int64(s[2])), g.ints(2, 3), g.ints(int64(stride), int64(stride))})
		padded := g.op("Pad", []string{kept, g.ints(0, add, 0, 0, 0, add, 0, 0)})
		shape := nn.Shape{s[0], (s[1] + stride - 1) / stride, (s[2] + stride - 1) / stride, s[3] + 2*int(add)}
		return value{name: g.channelsLast(padded, len(s)), shape: shape}, nil
	}}
}

// stages are groups of blocks; each group but the first halves the image and
// doubles the channels.
func stages(width int, counts []int, b block, around shortcut) []named {
	var parts []named
	channels := width
	for i, n := range counts {
		for j := range n {
			stride := 1
			if i > 0 && j == 0 {
				stride = 2
			}
			out, other := b.expansion*width<<i, chain()
			if channels != out || stride != 1 {
				other = chain(around(channels, out, stride))
			}
			parts = append(parts, named{fmt.Sprintf("layer%d.%d", i+1, j), skip(chain(b.main(width<<i, stride)...), other, nn.Relu)})
			channels = out
		}
	}
	return append(parts, named{"", asEmitter(&nn.GlobalAvgPool{})})
}

func resNetLarge(width int, counts []int, b block) emitter {
	pool := &nn.MaxPool{Pooling: nn.Pooling{PoolSize: []int{3}, Strides: []int{2}, Padding: "1"}}
	parts := append(normalised("1", width, 7, 2, nn.Relu), named{"", asEmitter(pool)})
	return chain(append(parts, stages(width, counts, b, downsample)...)...)
}

func resNet18(width int) emitter { return resNetLarge(width, []int{2, 2, 2, 2}, basicBlock()) }
func resNet34(width int) emitter { return resNetLarge(width, []int{3, 4, 6, 3}, basicBlock()) }
func resNet50(width int) emitter { return resNetLarge(width, []int{3, 4, 6, 3}, bottleneck()) }

func resNet20(width int) emitter {
	parts := normalised("1", width, 3, 1, nn.Relu)
	return chain(append(parts, stages(width, []int{3, 3, 3}, basicBlock(), subsample)...)...)
}
