package nn

import (
	"fmt"
	"math/rand/v2"
)

func init() {
	RegisterLayer("resnet18", func() Layer { return &ResNet18{Width: 64} })
	RegisterLayer("resnet34", func() Layer { return &ResNet34{Width: 64} })
	RegisterLayer("resnet50", func() Layer { return &ResNet50{Width: 64} })
	RegisterLayer("resnet20", func() Layer { return &ResNet20{Width: 16} })
}

// ResNet18 is the residual network of He et al. 2016 with 18 layers, up to the
// pooling: (batch, height, width, channels) becomes (batch, 512). A dense layer
// with softmax makes it a classifier. Parameters have torchvision's names. ONNX: its parts.
type ResNet18 struct {
	Width int `yaml:"width" doc:"channels of the first stage" default:"64" example:"2" min:"1"`

	backbone
}

// ResNet34 is the residual network of He et al. 2016 with 34 layers, up to the
// pooling: (batch, height, width, channels) becomes (batch, 512). Parameters have
// torchvision's names. ONNX: its parts.
type ResNet34 struct {
	Width int `yaml:"width" doc:"channels of the first stage" default:"64" example:"2" min:"1"`

	backbone
}

// ResNet50 is the residual network of He et al. 2016 with 50 layers, whose strides
// are in the 3×3 convolutions, up to the pooling: (batch, height, width, channels)
// becomes (batch, 2048). Parameters have torchvision's names. ONNX: its parts.
type ResNet50 struct {
	Width int `yaml:"width" doc:"channels of the first stage" default:"64" example:"2" min:"1"`

	backbone
}

// ResNet20 is the residual network of He et al. 2016 for small images, up to the
// pooling: (batch, height, width, channels) becomes (batch, 64). Shortcuts leave
// pixels out and add channels of zeros. Parameters are named conv1, bn1,
// layer1.0.conv1, … as in PyTorch implementations. ONNX: its
// parts.
type ResNet20 struct {
	Width int `yaml:"width" doc:"channels of the first stage" default:"16" example:"2" min:"1"`

	backbone
}

// OutShape returns (batch, 8·width).
func (l *ResNet18) OutShape(in Shape, c Context) (Shape, error) {
	return outOf(resNetLarge(l.Width, []int{2, 2, 2, 2}, basicBlock), in, c)
}

// Build builds the network.
func (l *ResNet18) Build(in Shape, c Context, rng *rand.Rand) error {
	return l.build(resNetLarge(l.Width, []int{2, 2, 2, 2}, basicBlock), in, c, rng)
}

// OutShape returns (batch, 8·width).
func (l *ResNet34) OutShape(in Shape, c Context) (Shape, error) {
	return outOf(resNetLarge(l.Width, []int{3, 4, 6, 3}, basicBlock), in, c)
}

// Build builds the network.
func (l *ResNet34) Build(in Shape, c Context, rng *rand.Rand) error {
	return l.build(resNetLarge(l.Width, []int{3, 4, 6, 3}, basicBlock), in, c, rng)
}

// OutShape returns (batch, 32·width).
func (l *ResNet50) OutShape(in Shape, c Context) (Shape, error) {
	return outOf(resNetLarge(l.Width, []int{3, 4, 6, 3}, bottleneck), in, c)
}

// Build builds the network.
func (l *ResNet50) Build(in Shape, c Context, rng *rand.Rand) error {
	return l.build(resNetLarge(l.Width, []int{3, 4, 6, 3}, bottleneck), in, c, rng)
}

// OutShape returns (batch, 4·width).
func (l *ResNet20) OutShape(in Shape, c Context) (Shape, error) {
	return outOf(resNetSmall(l.Width, 3), in, c)
}

// Build builds the network.
func (l *ResNet20) Build(in Shape, c Context, rng *rand.Rand) error {
	return l.build(resNetSmall(l.Width, 3), in, c, rng)
}

// backbone is what architectures of images are made of once they are built.
type backbone struct{ sequence }

func (b *backbone) build(s sequence, in Shape, c Context, rng *rand.Rand) error {
	b.sequence = s
	return s.Build(in, c, rng)
}

func outOf(s sequence, in Shape, c Context) (Shape, error) {
	if err := wantRank(in, 4, "(batch, height, width, channels)"); err != nil {
		return nil, err
	}
	return s.OutShape(in, c)
}

// conv is a convolution as residual networks have it: without a bias, because a
// normalisation follows.
func conv(filters, size, stride int) *Conv2D {
	l := &Conv2D{convolutionDefaults()}
	l.Filters, l.KernelSize, l.Strides = filters, []int{size}, []int{stride}
	l.Padding, l.UseBias, l.KernelInitializer = Padding(fmt.Sprint(size/2)), false, HeNormal
	return l
}

// batchNorm has PyTorch's settings, with which published weights were made.
func batchNorm() *BatchNorm {
	return &BatchNorm{Momentum: 0.9, Epsilon: 1e-5, Center: true, Scale: true}
}

func relu() *ActivationLayer { return &ActivationLayer{Function: Relu} }

// block makes one residual block that reads in channels and gives width channels
// times its expansion.
type block func(in, width, stride int) (l *skip, out int)

func basicBlock(in, width, stride int) (*skip, int) {
	return &skip{
		main: sequence{{"conv1", conv(width, 3, stride)}, {"bn1", batchNorm()}, {"relu", relu()},
			{"conv2", conv(width, 3, 1)}, {"bn2", batchNorm()}},
		around: downsample(in, width, stride), activation: Relu,
	}, width
}

func bottleneck(in, width, stride int) (*skip, int) {
	return &skip{
		main: sequence{{"conv1", conv(width, 1, 1)}, {"bn1", batchNorm()}, {"relu1", relu()},
			{"conv2", conv(width, 3, stride)}, {"bn2", batchNorm()}, {"relu2", relu()},
			{"conv3", conv(4*width, 1, 1)}, {"bn3", batchNorm()}},
		around: downsample(in, 4*width, stride), activation: Relu,
	}, 4 * width
}

func downsample(in, out, stride int) sequence {
	if in == out && stride == 1 {
		return nil
	}
	return sequence{{"downsample.0", conv(out, 1, stride)}, {"downsample.1", batchNorm()}}
}

func resNetLarge(width int, blocks []int, make block) sequence {
	pool := &MaxPool{Pooling{PoolSize: []int{3}, Strides: []int{2}, Padding: "1"}}
	s := sequence{{"conv1", conv(width, 7, 2)}, {"bn1", batchNorm()}, {"relu", relu()}, {"maxpool", pool}}
	channels := width
	for i, n := range blocks {
		for j := range n {
			stride := 1
			if i > 0 && j == 0 {
				stride = 2
			}
			var l *skip
			l, channels = make(channels, width<<i, stride)
			s = append(s, part{fmt.Sprintf("layer%d.%d", i+1, j), l})
		}
	}
	return append(s, part{"avgpool", &GlobalAvgPool{}})
}

func resNetSmall(width, blocks int) sequence {
	s := sequence{{"conv1", conv(width, 3, 1)}, {"bn1", batchNorm()}, {"relu", relu()}}
	channels := width
	for i := range 3 {
		for j := range blocks {
			stride := 1
			if i > 0 && j == 0 {
				stride = 2
			}
			l, out := basicBlock(channels, width<<i, stride)
			if out != channels {
				l.around = sequence{{"shortcut", &subsample{stride: stride, add: (out - channels) / 2}}}
			}
			channels = out
			s = append(s, part{fmt.Sprintf("layer%d.%d", i+1, j), l})
		}
	}
	return append(s, part{"avgpool", &GlobalAvgPool{}})
}
