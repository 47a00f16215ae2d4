package onnx

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"pipe/stages/nn"
)

// EndsWith returns softmax or sigmoid where the graph gives probabilities, else linear.
func (l *Computed) EndsWith() nn.Activation { return cmp.Or(l.Ends, nn.Linear) }

// findEnd notes whether the graph gives probabilities already. A sigmoid is seen in the
// graph. A softmax is written in many ways (in parts, scaled by 1, before a reshape), so
// it is seen in what comes out: rows that are never negative and sum to 1, for random
// examples. One example is enough to see that logits are none.
func (l *Computed) findEnd(vocab, budget int) error {
	if op := l.model.Graph.lastOp(); op == "Sigmoid" || op == "HardSigmoid" {
		l.Ends = nn.Sigmoid
		return nil
	}
	width := nn.Shape(l.Out).Last()
	if width < 2 {
		return nil
	}
	p, rng := nn.NewPass(), rand.New(rand.NewPCG(1, 2))
	for i := range 5 {
		dims := append([]int{1}, l.Example...)
		var x *nn.Tensor
		if l.Tokens {
			x = p.Tokens(dims...)
			for j := range x.IDs {
				x.IDs[j] = rng.Int32N(int32(vocab))
			}
		} else {
			x = p.Input(dims...)
			for j := range x.Data {
				x.Data[j] = float32(rng.NormFloat64()) * float32(i+1)
			}
		}
		y, err := l.run(x, 0, 1, budget)
		if err != nil || !distributions(y, width) {
			return err
		}
	}
	l.Ends = nn.Softmax
	return nil
}

// distributions reports whether each row of so many numbers is probabilities.
func distributions(y []float32, width int) bool {
	for row := range slices.Chunk(y, width) {
		sum := 0.0
		for _, v := range row {
			if sum += float64(v); !(v >= 0) {
				return false
			}
		}
		if !(sum > 1-1e-4 && sum < 1+1e-4) {
			return false
		}
	}
	return true
}

// lastOp is the operator that makes the output's numbers: what only passes them on, in
// another shape or type, is stepped over.
func (g *Graph) lastOp() string {
	name := g.Outputs[0].Name
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := g.Nodes[i]
		if !slices.Contains(n.Outputs, name) {
			continue
		}
		switch n.Op {
		case "Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Dropout", "Transpose":
			name = n.Inputs[0]
		default:
			return n.Op
		}
	}
	return ""
}
