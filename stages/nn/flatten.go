package nn

func init() {
	RegisterLayer("flatten", func() Layer { return &Flatten{} })
}

// Flatten makes one dimension of all but the batch. The mask ends here. Keras:
// Flatten; PyTorch: nn.Flatten; ONNX: Flatten.
type Flatten struct{ stateless }

// OutShape returns (batch, features).
func (*Flatten) OutShape(in Shape, _ Context) (Shape, error) {
	if len(in) < 2 {
		return nil, wantRank(in, 2, "(batch, …)")
	}
	n := 1
	for _, d := range in[1:] {
		if d == Unknown {
			return Shape{in[0], Unknown}, nil
		}
		n *= d
	}
	return Shape{in[0], n}, nil
}

// Forward returns x's data under another shape.
func (*Flatten) Forward(p *Pass, x *Tensor) *Tensor {
	return p.view(x, x.Shape[0], len(x.Data)/x.Shape[0])
}
