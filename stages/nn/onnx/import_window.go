package onnx

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"pipe/stages/nn"
)

// convolution is Conv-11.
func (i *importer) convolution(n *Node) (*imported, error) {
	x, err := i.image(n)
	if err != nil {
		return nil, err
	}
	weight, dims, err := i.floats(n, 1, len(x.shape), false)
	if err != nil {
		return nil, err
	}
	bias, _, err := i.floats(n, 2, 1, true)
	if err != nil {
		return nil, err
	}
	groups, err := n.int("group", 1)
	if err != nil {
		return nil, err
	}
	dilations, err := n.list("dilations", len(dims)-2, 1)
	if err != nil {
		return nil, err
	}
	if groups < 1 || dims[1]*groups != x.shape.Last() {
		return nil, fmt.Errorf("reads %d × %d channels, the value has %d", groups, dims[1], x.shape.Last())
	}
	fields := map[string]any{"filters": dims[0], "kernel_size": dims[2:], "dilation_rate": dilations, "groups": groups, "use_bias": bias != nil}
	p := &piece{fmt.Sprintf("conv%dd", len(dims)-2), fields, map[string][]float32{"weight": filtersLast(weight, dims)}}
	if bias != nil {
		p.params["bias"] = bias
	}
	return i.window(n, x, p, dims[2:], dilations)
}

// filtersLast moves the channels of (filters, channels, …) to the end.
func filtersLast(weight []float32, dims []int) []float32 {
	size := len(weight) / dims[0]
	var out []float32
	for f := range dims[0] {
		out = append(out, transposed(weight[f*size:(f+1)*size], dims[1], size/dims[1])...)
	}
	return out
}

// pooling is MaxPool-12 or AveragePool-11.
func pooling(kind string) translator {
	return func(i *importer, n *Node) (*imported, error) {
		x, err := i.image(n)
		if err != nil {
			return nil, err
		}
		spatial := len(x.shape) - 2
		size, err := n.list("kernel_shape", spatial, 0)
		if err != nil {
			return nil, err
		}
		dilations, err := n.list("dilations", spatial, 1)
		if err != nil {
			return nil, err
		}
		pads, err := n.list("pads", 2*spatial, 0)
		if err != nil {
			return nil, err
		}
		included, err := n.int("count_include_pad", 0)
		if err != nil {
			return nil, err
		}
		switch {
		case slices.Max(dilations) > 1:
			return nil, errors.New("has dilated windows")
		case included != 0 && slices.Max(pads) > 0:
			return nil, errors.New("counts the padding")
		}
		return i.window(n, x, &piece{kind: kind, fields: map[string]any{"pool_size": size}}, size, dilations)
	}
}

// image returns the first input, which must have its channels second.
func (i *importer) image(n *Node) (*imported, error) {
	x, err := i.data(n)
	if err != nil {
		return nil, err
	}
	if len(x.shape) < 3 || !x.second {
		return nil, fmt.Errorf("works on %v, which must have its channels second and positions behind them", x.shape)
	}
	return x, nil
}

// window adds strides and padding to a layer of windows. Of our ways to pad it
// takes the first that places the same windows.
func (i *importer) window(n *Node, x *imported, p *piece, size, dilations []int) (*imported, error) {
	spatial := len(x.shape) - 2
	strides, err := n.list("strides", spatial, 1)
	if err != nil {
		return nil, err
	}
	pads, err := n.list("pads", 2*spatial, 0)
	if err != nil {
		return nil, err
	}
	ceil, err := n.int("ceil_mode", 0)
	if err != nil {
		return nil, err
	}
	auto := n.attribute("auto_pad")
	if auto != nil && auto.String != "NOTSET" && auto.String != "VALID" {
		return nil, errors.New("has auto_pad, which cannot be imported")
	}
	want := nn.Shape{nn.Unknown}
	for d := range spatial {
		room := x.shape[1+d] + pads[d] + pads[spatial+d] - (size[d]-1)*dilations[d] - 1
		if size[d] < 1 || strides[d] < 1 || dilations[d] < 1 || room < 0 {
			return nil, fmt.Errorf("has windows that do not fit into %v", x.shape)
		}
		count := room/strides[d] + 1
		if over := room % strides[d]; ceil != 0 && over > 0 && count*strides[d] < x.shape[1+d]+pads[d] {
			if n.Op != "MaxPool" {
				return nil, errors.New("has ceil_mode and windows that reach over the end, which can be imported of MaxPool only")
			}
			count++
		}
		want = append(want, count)
	}
	p.fields["strides"] = strides
	for _, padding := range []nn.Padding{"valid", nn.Padding(strconv.Itoa(pads[0])), "same", "causal"} {
		p.fields["padding"] = padding
		out, err := shapeOf(p, x.shape)
		if err != nil || !out[:1+spatial].Equal(want) {
			continue
		}
		w, err := newWindows(x.shape, out, size, strides, dilations, padding)
		if err == nil && slices.Equal(w.pads[:spatial], dims64(pads[:spatial])) {
			return i.layer(x, p, out), nil
		}
	}
	return nil, fmt.Errorf("has the padding %v, which no layer here has", pads)
}

// shapeOf returns what a layer makes of a shape.
func shapeOf(p *piece, in nn.Shape) (nn.Shape, error) {
	data, err := json.Marshal(map[string]any{"format": "pipe.network/1", "layers": []any{map[string]any{p.kind: p.fields}},
		"input": nn.Input{Shape: in[1:]}})
	if err != nil {
		return nil, err
	}
	net, err := nn.ParseNetwork(data)
	if err != nil {
		return nil, err
	}
	return net.OutShape(), nil
}

// globalPooling keeps the positions as dimensions of size 1.
func globalPooling(kind string) translator {
	return func(i *importer, n *Node) (*imported, error) {
		x, err := i.image(n)
		if err != nil {
			return nil, err
		}
		y := i.layer(x, &piece{kind: kind, fields: map[string]any{}}, nn.Shape{x.shape[0], x.shape.Last()})
		y.second, y.ones = false, true
		return y, nil
	}
}

// reduction is ReduceMean or ReduceMax over all positions, whose axes are an
// attribute up to operator set 17 and an input after it.
func reduction(kind string) translator {
	return func(i *importer, n *Node) (*imported, error) {
		x, err := i.data(n)
		if err != nil {
			return nil, err
		}
		keep, err := n.int("keepdims", 1)
		if err != nil {
			return nil, err
		}
		var axes []int64
		if a := n.attribute("axes"); a != nil {
			axes = slices.Clone(a.Ints)
		} else if len(n.Inputs) == 2 && i.constants[n.Inputs[1]] != nil {
			if axes, err = i.constants[n.Inputs[1]].Ints(); err != nil {
				return nil, err
			}
		}
		rank := len(x.shape)
		var want []int64
		for d := 1; d < rank-1; d++ {
			if x.second {
				want = append(want, int64(d+1))
			} else {
				want = append(want, int64(d))
			}
		}
		for d, axis := range axes {
			if axis < 0 {
				axes[d] += int64(rank)
			}
		}
		slices.Sort(axes)
		if rank < 3 || !slices.Equal(axes, want) || keep != 0 && !x.second {
			return nil, fmt.Errorf("works along the axes %v, want %v, all positions", axes, want)
		}
		y := i.layer(x, &piece{kind: kind, fields: map[string]any{}}, nn.Shape{x.shape[0], x.shape.Last()})
		y.second, y.ones = false, keep != 0
		return y, nil
	}
}
