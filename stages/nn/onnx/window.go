package onnx

import (
	"fmt"
	"strconv"

	"pipe/stages/nn"
)

// windows is how windows lie over the spatial dimensions, as ONNX has it.
type windows struct {
	size, strides, dilations []int64
	pads                     []int64 // before all dimensions, then after all
}

// newWindows places windows over in, (batch, …, channels), so that out, the shape
// that the layer gives, comes out.
func newWindows(in, out nn.Shape, size, strides, dilations []int, padding nn.Padding) (windows, error) {
	n := len(in) - 2
	w := windows{pads: make([]int64, 2*n)}
	for i := range n {
		k, s, d := pick(size, i), pick(strides, i), pick(dilations, i)
		reach := (k-1)*d + 1
		// Whatever the rule, the last window ends where out says.
		total := (out[1+i]-1)*s + reach - in[1+i]
		before := 0
		switch padding {
		case "valid":
		case "same":
			before = max(total, 0) / 2
		case "causal":
			before = reach - 1
		default:
			var err error
			if before, err = strconv.Atoi(string(padding)); err != nil {
				return w, fmt.Errorf("padding %q %w", padding, errNoForm)
			}
		}
		w.size, w.strides, w.dilations = append(w.size, int64(k)), append(w.strides, int64(s)), append(w.dilations, int64(d))
		w.pads[i], w.pads[n+i] = int64(before), int64(max(total-before, 0))
	}
	return w, nil
}

// pick returns the value for dimension i of a list that has one for all or one for
// each.
func pick(list []int, i int) int {
	if len(list) == 1 {
		return list[0]
	}
	return list[i]
}

func (w windows) attributes() []*Attribute {
	return []*Attribute{intsAttribute("kernel_shape", w.size...), intsAttribute("strides", w.strides...), intsAttribute("pads", w.pads...)}
}

// convolution is Conv-11.
func (g *builder) convolution(l *nn.Convolution, w weights, x value) (value, error) {
	weight, err := w.need("weight")
	if err != nil {
		return value{}, err
	}
	// Conv1D and Conv2D place their windows alike; the rank of x tells them apart.
	out, err := convolutionShape(l, x.shape, g.context)
	if err != nil {
		return value{}, err
	}
	windows, err := newWindows(x.shape, out, l.KernelSize, l.Strides, l.Dilation, l.Padding)
	if err != nil {
		return value{}, err
	}
	inputs := in(g.channelsSecond(x), g.filters(weight))
	if bias := w.optional("bias"); bias != nil {
		inputs = append(inputs, g.param(bias))
	}
	attributes := append(windows.attributes(), intsAttribute("dilations", windows.dilations...), intAttribute("group", l.Groups))
	y := value{name: g.channelsLast(g.op("Conv", inputs, attributes...), len(x.shape)), shape: out}
	return g.activation(l.Activation, y)
}

func convolutionShape(l *nn.Convolution, in nn.Shape, c nn.Context) (nn.Shape, error) {
	if len(in) == 3 {
		return (&nn.Conv1D{Convolution: *l}).OutShape(in, c)
	}
	return (&nn.Conv2D{Convolution: *l}).OutShape(in, c)
}

// filters adds a weight (filters, …, channels) as (filters, channels, …).
func (g *builder) filters(p *nn.Param) string {
	s, last := p.Shape, len(p.Shape)-1
	filters, channels := s[0], s[last]
	taps := len(p.Data) / filters / channels
	data := make([]float32, len(p.Data))
	for f := range filters {
		for t := range taps {
			for c := range channels {
				data[(f*channels+c)*taps+t] = p.Data[(f*taps+t)*channels+c]
			}
		}
	}
	t := newTensor(p.Name, dims64(append(nn.Shape{filters, channels}, s[1:last]...)), data)
	g.initializers = append(g.initializers, t)
	return t.Name
}
