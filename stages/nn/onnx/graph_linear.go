package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"pipe/stages/nn/kernel"
)

// matMul multiplies matrices, or stacks of them, as numpy does.
func (r *graphRun) matMul(a, b *array) (*array, error) {
	if err := wantFloats(a, b); err != nil || len(a.dims) == 0 || len(b.dims) == 0 {
		return nil, errors.Join(err, errors.New("multiplies matrices"))
	}
	da, db := a.dims, b.dims
	if len(da) == 1 {
		da = []int{1, da[0]}
	}
	if len(db) == 1 {
		db = []int{db[0], 1}
	}
	m, k, n := da[len(da)-2], da[len(da)-1], db[len(db)-1]
	if db[len(db)-2] != k {
		return nil, fmt.Errorf("the shapes %v and %v do not fit each other", a.dims, b.dims)
	}
	outer, err := broadcast(da[:len(da)-2], db[:len(db)-2])
	if err != nil {
		return nil, err
	}
	dims := append(slices.Clone(outer), m, n)
	total, err := count(dims)
	if err != nil {
		return nil, err
	}
	if err := r.spend(total * max(k, 1)); err != nil {
		return nil, err
	}
	y := floatArray(dims, make([]float32, total))
	if len(db) == 2 { // one product
		kernel.Gemm(false, false, total/max(n, 1), n, k, 1, a.floats, k, b.floats, n, 0, y.floats, n)
	} else {
		pb := places(db[:len(db)-2], outer)
		for i, at := range places(da[:len(da)-2], outer) {
			kernel.Gemm(false, false, m, n, k, 1, a.floats[at*m*k:], k, b.floats[pb[i]*k*n:], n, 0, y.floats[i*m*n:], n)
		}
	}
	if len(b.dims) == 1 {
		dims = dims[:len(dims)-1]
	}
	if len(a.dims) == 1 {
		dims = slices.Delete(dims, len(outer), len(outer)+1)
	}
	return y.with(dims)
}

// gemm is alpha·A·B + beta·C.
func (r *graphRun) gemm(n *Node, in []*array) (*array, error) {
	if err := wantFloats(in[:2]...); err != nil || len(in[0].dims) != 2 || len(in[1].dims) != 2 {
		return nil, errors.Join(err, errors.New("multiplies two matrices"))
	}
	a, b := in[0], in[1]
	g, err := gemmOf(n)
	if err != nil {
		return nil, err
	}
	if g.transA != 0 {
		a = a.permuted([]int{1, 0})
	}
	if g.transB != 0 {
		b = b.permuted([]int{1, 0})
	}
	y, err := r.matMul(a, b)
	if err != nil {
		return nil, err
	}
	if g.alpha != 1 {
		kernel.Scale(g.alpha, y.floats)
	}
	if len(in) < 3 || in[2] == nil || g.beta == 0 {
		return y, nil
	}
	c := in[2]
	if g.beta != 1 && c.kind == Float32 {
		c = floatArray(c.dims, slices.Clone(c.floats))
		kernel.Scale(g.beta, c.floats)
	}
	return r.binary("Add", y, c)
}

// graphWindow is how a window lies over one dimension of (batch, channels, …).
type graphWindow struct{ in, size, stride, dilation, before, out int }

// windows reads kernel_shape and what goes with it; dims are those behind the channels.
func (n *Node) windows(dims, sizes []int) ([]graphWindow, error) {
	rank := len(dims)
	strides, err := n.list("strides", rank, 1)
	if err != nil {
		return nil, err
	}
	dilations, err := n.list("dilations", rank, 1)
	if err != nil {
		return nil, err
	}
	pads, err := n.list("pads", 2*rank, 0)
	if err != nil {
		return nil, err
	}
	up, err := n.int("ceil_mode", 0)
	if err != nil {
		return nil, err
	}
	auto := ""
	if a := n.attribute("auto_pad"); a != nil {
		auto = a.String
	}
	all := make([]graphWindow, rank)
	for i := range all {
		w := graphWindow{in: dims[i], size: sizes[i], stride: strides[i], dilation: dilations[i], before: pads[i]}
		if w.size < 1 || w.stride < 1 || w.dilation < 1 || w.size > maxDim/w.dilation {
			return nil, fmt.Errorf("has windows of %v by %v, %v apart", sizes, strides, dilations)
		}
		reach, both := (w.size-1)*w.dilation+1, pads[i]+pads[rank+i]
		switch auto {
		case "SAME_UPPER", "SAME_LOWER":
			out := (w.in + w.stride - 1) / w.stride
			both = max((out-1)*w.stride+reach-w.in, 0)
			w.before = both / 2
			if auto == "SAME_LOWER" {
				w.before = both - both/2
			}
		case "VALID":
			both, w.before = 0, 0
		}
		room := w.in + both - reach
		if room < 0 {
			return nil, fmt.Errorf("a window that reaches over %d does not fit into %d", reach, w.in+both)
		}
		w.out = room/w.stride + 1
		if up != 0 && room%w.stride != 0 && w.out*w.stride < w.in+w.before {
			w.out++
		}
		all[i] = w
	}
	return all, nil
}

// flat makes windows over one dimension windows over two.
func flat(w []graphWindow) (h, v graphWindow, err error) {
	one := graphWindow{in: 1, size: 1, stride: 1, dilation: 1, out: 1}
	switch len(w) {
	case 1:
		return one, w[0], nil
	case 2:
		return w[0], w[1], nil
	}
	return one, one, fmt.Errorf("has windows over %d dimensions; 1 and 2 are known", len(w))
}

// conv unrolls the windows of each picture and group, and multiplies.
func (r *graphRun) conv(n *Node, in []*array) (*array, error) {
	x, weight := in[0], in[1]
	if err := wantFloats(x, weight); err != nil || len(x.dims) < 3 || len(weight.dims) != len(x.dims) {
		return nil, errors.Join(err, fmt.Errorf("reads %v with %v", x.dims, weight.dims))
	}
	groups, err := n.int("group", 1)
	if err != nil {
		return nil, err
	}
	batch, channels, filters := x.dims[0], x.dims[1], weight.dims[0]
	if groups < 1 || channels%groups != 0 || filters%groups != 0 || weight.dims[1] != channels/groups {
		return nil, fmt.Errorf("reads %d channels with %v in %d groups", channels, weight.dims, groups)
	}
	all, err := n.windows(x.dims[2:], weight.dims[2:])
	if err != nil {
		return nil, err
	}
	h, w, err := flat(all)
	if err != nil {
		return nil, err
	}
	dims := []int{batch, filters}
	for _, s := range all {
		dims = append(dims, s.out)
	}
	total, err := count(dims)
	if err != nil {
		return nil, err
	}
	each, spots := channels/groups, h.out*w.out
	rows := each * h.size * w.size
	if _, err := count([]int{rows, spots}); err != nil {
		return nil, err
	}
	if err := r.spend(total * rows); err != nil {
		return nil, err
	}
	y, area, part := floatArray(dims, make([]float32, total)), h.in*w.in, filters/groups
	unrolled := make([]float32, rows*spots)
	for b := range batch {
		for g := range groups {
			picture := x.floats[(b*channels+g*each)*area:][:each*area]
			unroll(unrolled, picture, each, h, w)
			kernel.Gemm(false, false, part, spots, rows, 1, weight.floats[g*part*rows:], rows, unrolled, spots, 0, y.floats[(b*filters+g*part)*spots:], spots)
		}
	}
	if len(in) < 3 || in[2] == nil {
		return y, nil
	}
	if err := wantFloats(in[2]); err != nil || len(in[2].floats) != filters {
		return nil, errors.Join(err, errors.New("has a bias for other filters"))
	}
	for i := range y.floats {
		y.floats[i] += in[2].floats[i/spots%filters]
	}
	return y, nil
}

// unroll writes, for each channel and element of the window, what is under it at every
// place of the window.
func unroll(dst, picture []float32, channels int, h, w graphWindow) {
	clear(dst)
	row := 0
	for c := range channels {
		for kh := range h.size {
			for kw := range w.size {
				to := dst[row*h.out*w.out:][:h.out*w.out]
				row++
				for oh := range h.out {
					y := oh*h.stride + kh*h.dilation - h.before
					if y < 0 || y >= h.in {
						continue
					}
					line := picture[(c*h.in+y)*w.in:][:w.in]
					for ow := range w.out {
						if at := ow*w.stride + kw*w.dilation - w.before; at >= 0 && at < w.in {
							to[oh*w.out+ow] = line[at]
						}
					}
				}
			}
		}
	}
}

// pool is MaxPool or AveragePool; the mean leaves out what is beyond the edge unless
// count_include_pad says otherwise.
func (r *graphRun) pool(n *Node, x *array) (*array, error) {
	if err := wantFloats(x); err != nil || len(x.dims) < 3 {
		return nil, errors.Join(err, fmt.Errorf("pools %v", x.dims))
	}
	sizes, err := n.list("kernel_shape", len(x.dims)-2, 1)
	if err != nil {
		return nil, err
	}
	include, err := n.int("count_include_pad", 0)
	if err != nil {
		return nil, err
	}
	all, err := n.windows(x.dims[2:], sizes)
	if err != nil {
		return nil, err
	}
	h, w, err := flat(all)
	if err != nil {
		return nil, err
	}
	dims := slices.Clone(x.dims[:2])
	for _, s := range all {
		dims = append(dims, s.out)
	}
	total, err := count(dims)
	if err != nil {
		return nil, err
	}
	if err := r.spend(total * min(h.size, h.in+1) * min(w.size, w.in+1)); err != nil {
		return nil, err
	}
	largest := n.Op == "MaxPool"
	padsAfter := func(axis int) int { // how far count_include_pad counts
		if a := n.attribute("pads"); a != nil && len(a.Ints) == 2*len(all) {
			return int(a.Ints[len(all)+axis])
		}
		return all[axis].before
	}
	limitH, limitW := h.in, w.in+padsAfter(len(all)-1)
	if len(all) == 2 {
		limitH += padsAfter(0)
	}
	y := floatArray(dims, make([]float32, total))
	for i := range y.floats {
		plane := x.floats[i/(h.out*w.out)*h.in*w.in:][:h.in*w.in]
		oh, ow := i/w.out%h.out, i%w.out
		best, total, counted := math.Inf(-1), 0.0, 0
		for kh := range h.size {
			at := oh*h.stride + kh*h.dilation - h.before
			if at >= limitH {
				break
			}
			for kw := range w.size {
				column := ow*w.stride + kw*w.dilation - w.before
				if column >= limitW {
					break
				}
				inside := at >= 0 && at < h.in && column >= 0 && column < w.in
				if inside {
					v := float64(plane[at*w.in+column])
					best, total = max(best, v), total+v
				}
				if inside || include != 0 {
					counted++
				}
			}
		}
		if largest {
			y.floats[i] = float32(best)
		} else if counted > 0 {
			y.floats[i] = float32(total / float64(counted))
		}
	}
	return y, nil
}

// poolAll is GlobalAveragePool or GlobalMaxPool.
func poolAll(n *Node, x *array) (*array, error) {
	if len(x.dims) < 3 {
		return nil, fmt.Errorf("pools %v", x.dims)
	}
	axes := make([]int64, 0, len(x.dims)-2)
	for i := range x.dims[2:] {
		axes = append(axes, int64(2+i))
	}
	op := map[string]string{"GlobalAveragePool": "ReduceMean", "GlobalMaxPool": "ReduceMax"}[n.Op]
	return reduce(&Node{Op: op, Attributes: []*Attribute{intsAttribute("axes", axes...)}}, []*array{x})
}
