package nn

func init() {
	RegisterLayer("conv2d", func() Layer { return &Conv2D{convolutionDefaults()} })
}

// Conv2D slides filters over an image: (batch, height, width, channels) becomes
// (batch, height', width', filters). With as many groups as channels it is
// depthwise. The weight is (filters, height, width, channels/groups), PyTorch's
// (filters, channels/groups, height, width) in its channels-last order. Keras:
// Conv2D; PyTorch: nn.Conv2d; ONNX: Conv.
type Conv2D struct {
	Convolution `yaml:",inline"`
}

// OutShape returns (batch, height', width', filters).
func (l *Conv2D) OutShape(in Shape, _ Context) (Shape, error) {
	if err := wantRank(in, 4, "(batch, height, width, channels)"); err != nil {
		return nil, err
	}
	return l.outShape(in)
}
