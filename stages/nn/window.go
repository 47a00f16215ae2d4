package nn

import (
	"errors"
	"fmt"
	"strconv"
)

// Padding says how far a window may reach over the edge: "valid" not at all,
// "same" so that the output is as large as the input over the stride, "causal"
// so that an output depends on nothing after it, or a number of zeros on each
// side, as in PyTorch. Where "same" needs an odd number of zeros, the larger half
// goes after the input, as in Keras.
type Padding string

// UnmarshalText reads one of the words or a number from 0.
func (p *Padding) UnmarshalText(text []byte) error {
	*p = Padding(text)
	_, err := p.zeros()
	return err
}

// zeros returns the number of zeros, -1 where a word stands.
func (p Padding) zeros() (int, error) {
	switch p {
	case "valid":
		return 0, nil
	case "same", "causal":
		return -1, nil
	}
	n, err := strconv.Atoi(string(p))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("padding must be valid, same, causal or a number from 0, is %q", string(p))
	}
	return n, nil
}

// span is how windows lie along one dimension.
type span struct {
	in, out          int
	size, stride     int
	dilation, before int // distance of two elements of a window; zeros before the input
}

// newSpan places windows over in elements, which may be Unknown.
func newSpan(in, size, stride, dilation int, p Padding) (span, error) {
	s := span{in: in, size: size, stride: stride, dilation: dilation}
	if size < 1 || stride < 1 || dilation < 1 {
		return s, fmt.Errorf("the size, stride and dilation of a window must be at least 1, are %d, %d, %d", size, stride, dilation)
	}
	zeros, err := p.zeros()
	if err != nil {
		return s, err
	}
	reach := (size-1)*dilation + 1
	if in == Unknown {
		s.out = Unknown
		return s, nil
	}
	switch p {
	case "same":
		s.out = (in + stride - 1) / stride
		s.before = max((s.out-1)*stride+reach-in, 0) / 2
	case "causal":
		s.before = reach - 1
		s.out = (in + s.before - reach + stride) / stride
	default:
		s.before = zeros
		if in+2*zeros < reach {
			return s, fmt.Errorf("a window that reaches over %d does not fit into %d with padding %s", reach, in, p)
		}
		s.out = (in+2*zeros-reach)/stride + 1
	}
	return s, nil
}

// window is how windows lie over (height, width, channels); in one dimension the
// height is 1.
type window struct {
	h, w     span
	channels int
}

// newWindow reads the sizes of a layer, each one number or one for the height and
// one for the width, for the input (batch, time, channels) or (batch, height,
// width, channels).
func newWindow(in Shape, size, stride, dilation []int, p Padding) (window, error) {
	dims := len(in) - 2
	g := window{h: span{in: 1, out: 1, size: 1, stride: 1, dilation: 1}, channels: in.Last()}
	pick := func(v []int, i int) int {
		if len(v) == 1 {
			return v[0]
		}
		if len(v) == dims {
			return v[i]
		}
		return 0 // newSpan refuses it
	}
	for i := range dims {
		if dims == 2 && p == "causal" {
			return g, errors.New("padding causal is for sequences; images have no order")
		}
		s, err := newSpan(in[1+i], pick(size, i), pick(stride, i), pick(dilation, i), p)
		if err != nil {
			return g, err
		}
		if i == dims-1 {
			g.w = s
		} else {
			g.h = s
		}
	}
	return g, nil
}

// outShape returns the shape after windows over in with the given channels.
func (g *window) outShape(in Shape, channels int) Shape {
	if len(in) == 3 {
		return Shape{in[0], g.w.out, channels}
	}
	return Shape{in[0], g.h.out, g.w.out, channels}
}

// positions returns the number of windows over one example.
func (g *window) positions() int { return g.h.out * g.w.out }

// taps returns the number of elements of a window, channels apart.
func (g *window) taps() int { return g.h.size * g.w.size }

// at returns which row and column of the input a tap of a window reads, and
// whether that is inside.
func (g *window) at(position, tap int) (y, x int, inside bool) {
	y = position/g.w.out*g.h.stride - g.h.before + tap/g.w.size*g.h.dilation
	x = position%g.w.out*g.w.stride - g.w.before + tap%g.w.size*g.w.dilation
	return y, x, y >= 0 && y < g.h.in && x >= 0 && x < g.w.in
}

// inside appends to taps the distance of each tap that lies inside from the first
// that does, and returns where that is in the example. The window has no dilation
// and begins at top and left.
func (g *window) inside(top, left int, taps []int32) (int, []int32) {
	first := -1
	for r := max(top, 0); r < min(top+g.h.size, g.h.in); r++ {
		for c := max(left, 0); c < min(left+g.w.size, g.w.in); c++ {
			at := (r*g.w.in + c) * g.channels
			if first < 0 {
				first = at
			}
			taps = append(taps, int32(at-first))
		}
	}
	return max(first, 0), taps
}
