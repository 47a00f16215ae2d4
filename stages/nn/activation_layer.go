package nn

func init() {
	RegisterLayer("activation", func() Layer { return &ActivationLayer{Function: Relu} })
}

// ActivationLayer applies a function to each element, softmax to each row (the
// last dimension). Shapes and masks pass through. PyTorch: nn.ReLU, nn.Sigmoid,
// nn.Tanh, nn.Softmax(-1), nn.GELU, nn.SiLU; ONNX: the operators of these names, GELU
// and SiLU in parts.
type ActivationLayer struct {
	stateless
	Function Activation `yaml:"function" doc:"what is applied" default:"relu" enum:"linear,relu,sigmoid,tanh,softmax,gelu,gelu_tanh,silu"`
}

// OutShape returns in.
func (l *ActivationLayer) OutShape(in Shape, _ Context) (Shape, error) {
	return in, l.Function.check()
}

// Forward applies the function.
func (l *ActivationLayer) Forward(p *Pass, x *Tensor) *Tensor { return l.Function.apply(p, x) }

func (l *ActivationLayer) endsWith() Activation { return l.Function }

func (l *ActivationLayer) readsBackOnly() bool { return true }
