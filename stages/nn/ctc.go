package nn

import (
	"errors"
	"math"

	"pipe/stages/nn/kernel"
)

func init() { RegisterLoss("ctc", func() Loss { return &CTC{} }) }

// CTC is connectionist temporal classification (Graves et al. 2006): minus the
// log-probability that the labels come out when, of the answers at all positions,
// repeats are merged and blanks dropped, averaged over the examples. The output is
// (batch, time, labels), label 0 being the blank; of the labels of an example the
// first ones count, up to a negative one. Positions that the mask leaves out, and
// those whose place among the labels has NotThere, are not there. PyTorch: nn.CTCLoss without its division by the number of labels;
// Keras: CTC.
type CTC struct {
	FromLogits   bool `yaml:"from_logits" doc:"whether the network ends without its softmax" default:"false"`
	ZeroInfinity bool `yaml:"zero_infinity" doc:"whether an example with more labels than fit into its time is left out instead of an infinite loss" default:"false"`
}

// NotThere stands among the labels of an example at the positions behind its end.
const NotThere = -2

// Check wants probabilities that a softmax makes at every position.
func (l *CTC) Check(out Shape, last Activation, c Context) error {
	if !l.FromLogits && last != Softmax {
		return errors.New("ctc needs a network that ends with activation: softmax, or from_logits: true")
	}
	if err := wantRank(out, 3, "(batch, time, labels)"); err != nil {
		return err
	}
	return wantColumns(out, c.Classes, "one for each label, label 0 being the blank")
}

// Forward returns the loss. The targets must be labels.
func (l *CTC) Forward(p *Pass, y *Tensor, t *Target) *Tensor {
	x := logitsOf(y, Softmax)
	loss := scalar(p, 0)
	n := record[ctcNode](p, loss)
	n.x, n.loss, n.mask, n.labels, n.zeroInfinity = x, loss, y.Mask, t.Labels, l.ZeroInfinity
	n.grad, n.losses = p.floats.take(len(x.Data)), p.floats.take(x.Shape[0])
	kernel.Softmax(n.grad, x.Data, x.Rows(), x.Shape.Last())
	if n.each == nil {
		n.each = n.examples
	}
	kernel.Parallel(x.Shape[0], 1, n.each)
	for _, v := range n.losses {
		loss.Data[0] += v / float32(x.Shape[0])
	}
	return loss
}

// Correct counts the examples whose labels come out exactly when the likeliest
// answer is taken at every position.
func (l *CTC) Correct(y *Tensor, t *Target) (right, rows int) {
	time, cols := y.Shape[1], y.Shape[2]
	for b := range y.Shape[0] {
		want := labelsOf(t.Labels[b*time : (b+1)*time])
		last, matched, same := int32(0), 0, true
		for i := range time {
			if y.skips(b, i, time) || t.Labels[b*time+i] == NotThere {
				continue
			}
			answer := int32(argmax(y.Data[(b*time+i)*cols:][:cols]))
			if answer != 0 && answer != last {
				same = same && matched < len(want) && want[matched] == answer
				matched++
			}
			last = answer
		}
		if same && matched == len(want) {
			right++
		}
	}
	return right, y.Shape[0]
}

// labelsOf cuts the labels of an example at the first negative one.
func labelsOf(labels []int32) []int32 {
	for i, label := range labels {
		if label < 0 {
			return labels[:i]
		}
	}
	return labels
}

// ctcNode holds the probabilities in grad until examples turns them into the
// gradient of the logits.
type ctcNode struct {
	x, loss      *Tensor
	mask         []bool
	labels       []int32
	zeroInfinity bool
	grad, losses []float32

	each func(lo, hi int) // made once, so that later passes allocate nothing
}

func (n *ctcNode) backward() {
	if dx := n.x.gradient(); dx != nil {
		kernel.Axpy(n.loss.grad[0], n.grad, dx)
	}
}

func (n *ctcNode) examples(lo, hi int) {
	time, cols := n.x.Shape[1], n.x.Shape[2]
	for b := lo; b < hi; b++ {
		a := alignment{cols: cols, labels: labelsOf(n.labels[b*time : (b+1)*time])}
		for t := range time {
			row := n.grad[(b*time+t)*cols:][:cols]
			if n.mask != nil && !n.mask[b*time+t] || n.labels[b*time+t] == NotThere {
				clear(row)
				continue
			}
			a.rows = append(a.rows, row)
		}
		n.losses[b] = a.gradient(1/float32(n.x.Shape[0]), n.zeroInfinity)
	}
}

// alignment is the ways in which one example's labels can come out. A state is a
// label or the blank before, between or after labels: state 2i+1 is label i.
type alignment struct {
	cols   int
	labels []int32
	rows   [][]float32 // probabilities at each position; their gradients in the end
}

func (a *alignment) states() int { return 2*len(a.labels) + 1 }

func (a *alignment) label(state int) int32 {
	if state%2 == 0 {
		return 0
	}
	return a.labels[state/2]
}

// skips reports whether a state may follow the one two before it, without the blank
// between them.
func (a *alignment) skips(state int) bool {
	return state >= 2 && state%2 == 1 && a.label(state) != a.label(state-2)
}

// gradient returns the loss and replaces the probabilities by its gradient with
// respect to the logits, times scale: probability minus the share of the ways that
// pass through the label (equation 16 of the paper).
func (a *alignment) gradient(scale float32, zeroInfinity bool) float32 {
	time, states := len(a.rows), a.states()
	ahead := make([]float64, time*states) // log-probability of all ways up to a state, it included
	for t := range time {
		for s := range states {
			ahead[t*states+s] = a.reach(ahead, t, s) + math.Log(float64(a.rows[t][a.label(s)]))
		}
	}
	total := math.Inf(-1)
	if time > 0 {
		last := ahead[(time-1)*states:]
		total = last[states-1]
		if states > 1 {
			total = logAdd(total, last[states-2])
		}
	} else if states == 1 {
		total = 0 // nothing is what should come out of no time
	}
	if math.IsInf(total, -1) && zeroInfinity {
		for _, row := range a.rows {
			clear(row)
		}
		return 0
	}
	a.backward(ahead, total, scale)
	return float32(-total)
}

// reach sums the ways to state s of position t from the position before.
func (a *alignment) reach(ahead []float64, t, s int) float64 {
	if t == 0 {
		if s < 2 {
			return 0
		}
		return math.Inf(-1)
	}
	before := ahead[(t-1)*a.states():]
	sum := before[s]
	if s >= 1 {
		sum = logAdd(sum, before[s-1])
	}
	if a.skips(s) {
		sum = logAdd(sum, before[s-2])
	}
	return sum
}

// backward goes from the last position to the first with the log-probability of all
// ways from a state to the end, the state excluded.
func (a *alignment) backward(ahead []float64, total float64, scale float32) {
	states := a.states()
	rest, next := make([]float64, states), make([]float64, states)
	for s := range rest {
		rest[s] = math.Inf(-1)
		if s >= states-2 {
			rest[s] = 0
		}
	}
	share := make([]float64, a.cols)
	for t := len(a.rows) - 1; t >= 0; t-- {
		clear(share)
		for s := range states {
			share[a.label(s)] += math.Exp(ahead[t*states+s] + rest[s] - total)
		}
		row := a.rows[t]
		for s := range states { // what it takes to go on from the position before
			rest[s] += math.Log(float64(row[a.label(s)]))
		}
		for s := range states {
			next[s] = rest[s]
			if s+1 < states {
				next[s] = logAdd(next[s], rest[s+1])
			}
			if s+2 < states && a.skips(s+2) {
				next[s] = logAdd(next[s], rest[s+2])
			}
		}
		rest, next = next, rest
		for c := range row {
			row[c] = scale * (row[c] - float32(share[c]))
		}
	}
}

// logAdd returns log(eᵃ + eᵇ).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}
