package nn

import (
	"errors"
	"fmt"
)

func init() { RegisterLayer("reshape", func() Layer { return &Reshape{} }) }

// Reshape gives the elements of each example another shape, in row-major order. The
// mask ends here. Keras: Reshape; PyTorch: nn.Unflatten or view; ONNX: Reshape.
type Reshape struct {
	stateless
	Shape []int `yaml:"shape" doc:"shape of an example, without the batch; one dimension may be -1 for what is left" required:"true" min:"1" example:"[-1, 2]"`
}

// OutShape returns (batch, …).
func (l *Reshape) OutShape(in Shape, _ Context) (Shape, error) {
	if len(in) < 2 {
		return nil, wantRank(in, 2, "(batch, …)")
	}
	have, want, open := 1, 1, -1
	for _, d := range in[1:] {
		if d == Unknown {
			return nil, fmt.Errorf("all dimensions of the input %v but the batch must be known", in)
		}
		have *= d
	}
	for i, d := range l.Shape {
		switch {
		case d == -1 && open < 0:
			open = i
		case d < 1:
			return nil, fmt.Errorf("shape must have positive dimensions and at most one -1, is %v", l.Shape)
		default:
			want *= d
		}
	}
	if len(l.Shape) == 0 {
		return nil, errors.New("shape must have at least one dimension")
	}
	if want == 0 || have%want != 0 || open < 0 && have != want {
		return nil, fmt.Errorf("the %d elements of an example of %v do not fill %v", have, in, l.Shape)
	}
	out := append(Shape{in[0]}, l.Shape...)
	if open >= 0 {
		out[1+open] = have / want
	}
	return out, nil
}

// Forward returns x's data under another shape.
func (l *Reshape) Forward(p *Pass, x *Tensor) *Tensor {
	dims := p.dims.take(len(l.Shape) + 1)
	size := len(x.Data) / x.Shape[0]
	rest := size
	for _, d := range l.Shape {
		if d > 0 {
			rest /= d
		}
	}
	dims[0] = x.Shape[0]
	for i, d := range l.Shape {
		if d < 0 {
			d = rest
		}
		dims[1+i] = d
	}
	return p.view(x, dims...)
}
