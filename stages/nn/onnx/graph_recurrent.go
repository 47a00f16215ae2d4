package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"pipe/stages/nn/kernel"
)

// recurrent runs LSTM, GRU or RNN over (time, batch, features): all states, the last
// ones, and the last cells of an LSTM.
func (r *graphRun) recurrent(n *Node, in []*array) ([]*array, error) {
	for len(in) < 8 {
		in = append(in, nil)
	}
	x, weights, again, bias := in[0], in[1], in[2], in[3]
	if err := wantFloats(x, weights, again); err != nil || len(x.dims) != 3 || len(weights.dims) != 3 || len(again.dims) != 3 {
		return nil, errors.Join(err, errors.New("reads (time, batch, features)"))
	}
	gates := len(recurrentGates[n.Op].order)
	directions, width, features, units := weights.dims[0], weights.dims[1], x.dims[2], again.dims[2]
	direction := "forward"
	if a := n.attribute("direction"); a != nil {
		direction = a.String
	}
	layout, _ := n.int("layout", 0)
	coupled, _ := n.int("input_forget", 0)
	reset, _ := n.int("linear_before_reset", 0)
	acts := recurrentGates[n.Op].acts
	if acts == nil {
		acts = []string{"Tanh"}
	}
	if a := n.attribute("activations"); a != nil {
		for i, name := range a.Texts {
			if n.Op == "RNN" && unaryOps[name] != nil && slices.Equal(a.Texts, slices.Repeat(a.Texts[:1], directions)) {
				acts = a.Texts[:1]
			} else if name != acts[i%len(acts)] {
				return nil, fmt.Errorf("has the functions %v", a.Texts)
			}
		}
	}
	both := 1
	if direction == "bidirectional" {
		both = 2
	}
	switch {
	case layout != 0 || coupled != 0 || n.attribute("clip") != nil || in[4] != nil || in[7] != nil:
		return nil, errors.New("has a layout, input_forget, clip, lengths of sequences or peepholes")
	case directions != both || width != gates*units || weights.dims[2] != features || !slices.Equal(again.dims, []int{directions, width, units}),
		bias != nil && !slices.Equal(bias.dims, []int{directions, 2 * width}):
		return nil, fmt.Errorf("has weights %v and %v for %d features", weights.dims, again.dims, features)
	}
	time, batch := x.dims[0], x.dims[1]
	states := []int{directions, batch, units}
	for _, first := range in[5:7] {
		if first != nil && (first.kind != Float32 || !slices.Equal(first.dims, states)) {
			return nil, fmt.Errorf("begins with states %v, and needs %v", first.dims, states)
		}
	}
	all, err := newArray(Float32, []int{time, directions, batch, units})
	if err != nil {
		return nil, err
	}
	if _, err := count([]int{time, batch, width}); err != nil {
		return nil, err
	}
	if err := r.spend(time * batch * width * (features + units) * directions); err != nil {
		return nil, err
	}
	last, _ := newArray(Float32, states)
	cells, _ := newArray(Float32, states)
	for d := range directions {
		c := &recurrentRun{op: n.Op, act: acts[0], units: units, batch: batch, reset: reset != 0,
			again: again.floats[d*width*units:][:width*units], h: last.floats[d*batch*units:][:batch*units], c: cells.floats[d*batch*units:][:batch*units]}
		for i, to := range [][]float32{c.h, c.c} {
			if first := in[5+i]; first != nil {
				copy(to, first.floats[d*batch*units:])
			}
		}
		pre := make([]float32, time*batch*width)
		kernel.Gemm(false, true, time*batch, width, features, 1, x.floats, features, weights.floats[d*width*features:], features, 0, pre, width)
		c.second = make([]float32, width)
		if bias != nil {
			kernel.AddBias(pre, time*batch, width, bias.floats[2*d*width:][:width])
			c.second = bias.floats[(2*d+1)*width:][:width]
		}
		for step := range time {
			t := step
			if d == 1 || direction == "reverse" {
				t = time - 1 - step
			}
			c.step(pre[t*batch*width:][:batch*width])
			copy(all.floats[(t*directions+d)*batch*units:], c.h)
		}
	}
	return []*array{all, last, cells}, nil
}

// recurrentRun is the state of one direction.
type recurrentRun struct {
	op, act      string
	units, batch int
	reset        bool // linear_before_reset
	again        []float32
	second       []float32 // the recurrent bias
	h, c         []float32
}

// step computes the next state from the input's part of the gates.
func (r *recurrentRun) step(pre []float32) {
	width := len(pre) / max(r.batch, 1)
	rec := make([]float32, len(pre))
	kernel.Gemm(false, true, r.batch, width, r.units, 1, r.h, r.units, r.again, r.units, 0, rec, width)
	kernel.AddBias(rec, r.batch, width, r.second)
	sigmoid := func(v float32) float64 { return 1 / (1 + math.Exp(-float64(v))) }
	u := r.units
	next := make([]float32, len(r.h))
	gated := make([]float32, len(r.h)) // r ∘ h of a GRU that resets before the product
	for b := range r.batch {
		p, q, h, c := pre[b*width:], rec[b*width:], r.h[b*u:], r.c[b*u:]
		for i := range u {
			switch r.op {
			case "LSTM": // i, o, f, c
				in, out, forget := sigmoid(p[i]+q[i]), sigmoid(p[u+i]+q[u+i]), sigmoid(p[2*u+i]+q[2*u+i])
				cell := forget*float64(c[i]) + in*math.Tanh(float64(p[3*u+i]+q[3*u+i]))
				c[i], next[b*u+i] = float32(cell), float32(out*math.Tanh(cell))
			case "GRU": // z, r, h
				z, reset := sigmoid(p[i]+q[i]), sigmoid(p[u+i]+q[u+i])
				gated[b*u+i] = float32(reset) * h[i]
				candidate := math.Tanh(float64(p[2*u+i]) + reset*float64(q[2*u+i]))
				next[b*u+i] = float32((1-z)*candidate + z*float64(h[i]))
			default:
				next[b*u+i] = p[i] + q[i]
			}
		}
	}
	switch {
	case r.op == "RNN":
		unaryOps[r.act](next, next)
	case r.op == "GRU" && !r.reset:
		again := make([]float32, len(r.h))
		kernel.Gemm(false, true, r.batch, u, u, 1, gated, u, r.again[2*u*u:], u, 0, again, u)
		for b := range r.batch {
			p, q := pre[b*width:], rec[b*width:]
			for i := range u {
				z := sigmoid(p[i] + q[i])
				candidate := math.Tanh(float64(p[2*u+i] + again[b*u+i] + r.second[2*u+i]))
				next[b*u+i] = float32((1-z)*candidate + z*float64(r.h[b*u+i]))
			}
		}
	}
	copy(r.h, next)
}
