package nn

import (
	"fmt"
	"math"

	"pipe/stages/nn/kernel"
)

// Loss measures how far the output of a network is from its target.
type Loss interface {
	// Check says whether outputs of the given shape, made by the given last
	// activation, can be measured.
	Check(out Shape, last Activation, c Context) error

	// Forward returns the mean loss of a batch as a tensor with one element.
	Forward(p *Pass, y *Tensor, target *Target) *Tensor
}

// Target is what a batch should have given. A row is an example, or for
// networks that answer at every position of a sequence a position of one.
type Target struct {
	// Labels holds a class id for each row; rows with a negative one are left
	// out. It is nil when the targets are numbers.
	Labels []int32

	// Values holds a number for each element of the output. It is nil when the
	// targets are labels.
	Values []float32

	// ClassWeights multiplies the loss of a row by the weight of its label, as
	// Keras' class_weight does: the mean is still taken over the number of rows.
	// Nil means 1 for all.
	ClassWeights []float32
}

// rowScales returns for each row what its loss is multiplied by in the mean: 0
// for rows that the mask or a negative label leaves out, and otherwise the class
// weight over the number of rows that count.
func rowScales(p *Pass, y *Tensor, t *Target) []float32 {
	scales := p.floats.take(y.Rows())
	count := 0
	for r := range scales {
		scales[r] = 0
		if y.Mask != nil && len(y.Mask) == len(scales) && !y.Mask[r] {
			continue
		}
		if t.Labels == nil {
			scales[r] = 1
			count++
			continue
		}
		label := t.Labels[r]
		if label < 0 {
			continue
		}
		scales[r] = 1
		if t.ClassWeights != nil {
			scales[r] = t.ClassWeights[label]
		}
		count++
	}
	for r := range scales {
		scales[r] /= float32(max(count, 1))
	}
	return scales
}

// scalar returns the tensor of a loss.
func scalar(p *Pass, v float64) *Tensor {
	t := p.Tensor(1)
	t.Data[0] = float32(v)
	return t
}

// lossNode hands on a gradient that the loss has computed together with its value,
// and that nobody else has.
type lossNode struct {
	x, loss *Tensor
	grad    []float32
}

func (n *lossNode) backward() {
	share := n.loss.grad[0]
	switch {
	case n.x.constant:
	case n.x.grad != nil:
		kernel.Axpy(share, n.grad, n.x.grad)
	default:
		n.x.grad = n.grad
		if share != 1 {
			kernel.Scale(share, n.grad)
		}
	}
}

// elementTarget returns the target of element c of row r of an output with cols
// columns: a given value, the label itself in the one column of a yes-or-no
// answer, or 1 in the column of the label.
func (t *Target) element(r, c, cols int) float32 {
	switch {
	case t.Values != nil:
		return t.Values[r*cols+c]
	case cols == 1:
		return float32(t.Labels[r])
	case int(t.Labels[r]) == c:
		return 1
	}
	return 0
}

// correct counts the rows whose answer is the label, and the rows that have a
// label: of several columns the largest is the answer (the first of equals); a
// single one answers 1 when it is above the threshold.
func (t *Target) correct(y *Tensor, threshold float32) (right, rows int) {
	if t.Labels == nil {
		return 0, 0
	}
	cols := y.Shape.Last()
	for r, label := range t.Labels[:y.Rows()] {
		if label < 0 || y.Mask != nil && len(y.Mask) == y.Rows() && !y.Mask[r] {
			continue
		}
		rows++
		answer := argmax(y.Data[r*cols : (r+1)*cols])
		if cols == 1 && y.Data[r] > threshold {
			answer = 1
		}
		if int32(answer) == label {
			right++
		}
	}
	return right, rows
}

func argmax(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}

// wantColumns checks the width of an output against a number that is known only
// when positive.
func wantColumns(out Shape, want int, reason string) error {
	if got := out.Last(); got != Unknown && want > 0 && got != want {
		return fmt.Errorf("needs an output of width %d (%s), the network gives %v", want, reason, out)
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
