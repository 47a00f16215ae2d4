package nn

import "math/rand/v2"

// Pass is one trip of a batch through a network: the tensors and buffers it
// needs, the tape of what must be undone in the backward pass, and the source
// of randomness for dropout. A Pass is used by one goroutine at a time; several
// passes may share a network.
type Pass struct {
	train bool
	still bool // records a tape, while layers compute as in an answer
	tape  []entry
	used  int // entries of the tape that belong to this pass

	floats  arena[float32]
	ids     arena[int32]
	bools   arena[bool]
	dims    arena[int]
	tensors arena[Tensor]

	pcg rand.PCG

	rotations []rotation // by whoever rotates, kept over Reset
	batch     Batch      // of a network that answers

	past  *past  // of a Decoder, nil elsewhere
	packs *packs // of a network that answers, nil elsewhere

	known  known // of a network that answers, nil elsewhere
	learns known // of the pass that finds out what is known
}

// entry is one step of the tape: what undoes it, and the tensor it made.
type entry struct {
	node node
	out  *Tensor
}

// node adds to the gradients of its inputs and parameters what the gradient of
// its output makes of them. It is a closure written out as a struct, so that
// the tape can use it again in the next step.
type node interface{ backward() }

// NewPass returns a pass that computes an output and no gradients.
func NewPass() *Pass { return &Pass{} }

// NewTrainingPass returns a pass that records a tape and lets dropout drop.
func NewTrainingPass() *Pass {
	p := NewPass()
	p.train = true
	return p
}

// newStillPass returns a pass that records a tape of what the network computes when
// it answers: nothing is dropped, and normalisations use their running means.
func newStillPass() *Pass { return &Pass{train: true, still: true} }

// Training reports whether the pass is part of a training.
func (p *Pass) Training() bool { return p.train }

// Reset takes back every tensor and buffer of the pass and empties its tape.
func (p *Pass) Reset() {
	p.used = 0
	p.floats.reset()
	p.ids.reset()
	p.bools.reset()
	p.dims.reset()
	p.tensors.reset()
}

// Seed makes the random draws of the pass a function of the seed and of counters,
// such as the epoch and the step.
func (p *Pass) Seed(seed uint64, counters ...int) {
	p.pcg.Seed(derive(seed, "pass", counters...))
}

// record appends a node of type N, whose output is out, to the tape and returns
// it to be filled. A pass that repeats the last one finds its nodes again.
func record[N any, P interface {
	*N
	node
}](p *Pass, out *Tensor) P {
	if p.used < len(p.tape) {
		if n, ok := p.tape[p.used].node.(P); ok {
			p.tape[p.used].out = out
			p.used++
			return n
		}
		p.tape = p.tape[:p.used]
	}
	n := P(new(N))
	p.tape = append(p.tape, entry{n, out})
	p.used++
	return n
}

// Backward computes the gradient of loss, a tensor with one element, with
// respect to every tensor of the pass and every trained parameter, whose Grad
// it adds to.
func (p *Pass) Backward(loss *Tensor) { p.backward(loss, 1) }

// backward computes the gradients of share times the loss.
func (p *Pass) backward(loss *Tensor, share float32) {
	loss.gradient()[0] = share
	p.undo()
}

// undo goes back along the tape from the gradients that have been set.
func (p *Pass) undo() {
	for i := p.used - 1; i >= 0; i-- {
		if e := p.tape[i]; e.out.grad != nil {
			e.node.backward()
		}
	}
}

// Tensor returns a tensor whose content is not defined yet.
func (p *Pass) Tensor(shape ...int) *Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	t := p.header(shape)
	t.Data = p.floats.take(n)
	return t
}

// Input returns a tensor of undefined content into which no gradient flows.
func (p *Pass) Input(shape ...int) *Tensor {
	t := p.Tensor(shape...)
	t.constant = true
	return t
}

// Tokens returns a tensor of token ids with undefined content.
func (p *Pass) Tokens(shape ...int) *Tensor {
	t := p.header(shape)
	t.IDs = p.ids.take(t.Shape.Size())
	t.constant = true
	return t
}

func (p *Pass) header(shape []int) *Tensor {
	t := &p.tensors.take(1)[0]
	dims := p.dims.take(len(shape))
	copy(dims, shape)
	*t = Tensor{Shape: dims, pass: p}
	return t
}

// like returns a tensor of undefined content with the shape, mask and sequences of t.
func (p *Pass) like(t *Tensor) *Tensor {
	y := p.Tensor(t.Shape...)
	y.Mask, y.begins = t.Mask, t.begins
	return y
}

// view returns t's data under another shape; gradients flow straight through.
func (p *Pass) view(t *Tensor, shape ...int) *Tensor {
	y := p.header(shape)
	y.Data, y.constant = t.Data, t.constant
	if p.train && !t.constant {
		// The gradient is shared as well, so there is nothing to record.
		y.grad = t.gradient()
	}
	return y
}

// zeros returns n zeros that live until the pass is reset.
func (p *Pass) zeros(n int) []float32 {
	s := p.floats.take(n)
	clear(s)
	return s
}
