package onnx

import (
	"fmt"

	"pipe/stages/nn"
)

func squeezeNet(width int, pooled bool) emitter {
	pool := asEmitter(&nn.MaxPool{Pooling: nn.Pooling{PoolSize: []int{3}, Strides: []int{2}, Padding: "valid"}})
	stem := withRelu(4*width, 3)
	stem.Strides, stem.Padding = []int{2}, "valid"
	parts := []named{{"features.0", asEmitter(stem)}, {"", pool}}
	at := 3
	for i, times := range []int{1, 1, 2, 2, 3, 3, 4, 4} {
		if i == 2 || i == 4 {
			parts = append(parts, named{"", pool})
			at++
		}
		parts = append(parts, named{fmt.Sprintf("features.%d", at), fire(times * width)})
		at++
	}
	if pooled {
		parts = append(parts, named{"", asEmitter(&nn.GlobalAvgPool{})})
	}
	return chain(parts...)
}

// fire squeezes the channels to width and expands them to eight times that.
func fire(width int) emitter {
	return chain(named{"squeeze", asEmitter(withRelu(width, 1))}, named{"", beside(
		chain(named{"expand1x1", asEmitter(withRelu(4*width, 1))}),
		chain(named{"expand3x3", asEmitter(withRelu(4*width, 3))}))})
}

func withRelu(filters, size int) *nn.Conv2D {
	l := conv(filters, size, 1)
	l.UseBias, l.Activation = true, nn.Relu
	return l
}
