package nn

func init() {
	RegisterLayer("conv1d", func() Layer { return &Conv1D{convolutionDefaults()} })
}

// Conv1D slides filters over a sequence: (batch, time, channels) becomes (batch,
// time', filters). The mask ends here. The weight is (filters, size,
// channels/groups), PyTorch's with its last two dimensions swapped; WritePyTorch swaps them back. Keras: Conv1D;
// PyTorch: nn.Conv1d; ONNX: Conv.
type Conv1D struct {
	Convolution `yaml:",inline"`
}

// OutShape returns (batch, time', filters).
func (l *Conv1D) OutShape(in Shape, _ Context) (Shape, error) {
	if err := wantRank(in, 3, "(batch, time, channels)"); err != nil {
		return nil, err
	}
	return l.outShape(in)
}
