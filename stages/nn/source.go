package nn

import (
	"context"
	"fmt"
)

// Source gives examples in batches. Its methods are called by one goroutine.
type Source interface {
	// Len returns the number of examples.
	Len() int
	// Batch fills b with the examples of the given numbers, 0 to Len()-1.
	Batch(ctx context.Context, examples []int, b *Batch) error
}

// Varied is a Source whose examples are others in every epoch: augmented pictures,
// windows of a text drawn anew. What an example gives is a function of the epoch and
// its number, so that a continued training sees the same.
type Varied interface {
	Source
	// BeginEpoch tells the number of the epoch, from 0, whose batches come next.
	BeginEpoch(epoch int)
}

// Batch is room for some examples, and what they should give, example after
// example. A source fills what is not nil.
type Batch struct {
	Tokens   []int32   // examples × time, nil when the network reads numbers
	Features []float32 // examples × size, nil when the network reads tokens
	Labels   []int32   // one for each row of the output, nil when the targets are numbers or not wanted
	Values   []float32 // one for each element of the output, nil when the targets are labels or not wanted

	// Other is the labels of the examples that these have been mixed with (mixup,
	// Zhang et al. 2018), of which Labels count Share and Other the rest. A source
	// that mixes sets both.
	Other []int32
	Share float32

	input *Tensor
}

// newBatch makes room for n examples in the memory of a pass.
func (n *Network) newBatch(p *Pass, b *Batch, examples int) {
	*b = Batch{}
	if n.Input.Tokens {
		b.input = p.Tokens(examples, n.Input.Shape[0])
		b.Tokens = b.input.IDs
		return
	}
	dims := p.dims.take(len(n.Input.Shape) + 1)
	dims[0] = examples
	copy(dims[1:], n.Input.Shape)
	b.input = p.Input(dims...)
	b.Features = b.input.Data
}

// addTargets makes room for what the examples should give.
func (n *Network) addTargets(p *Pass, b *Batch, labels bool) {
	out := n.OutShape()
	rows := b.input.Shape[0]
	for _, d := range out[1 : len(out)-1] {
		rows *= d
	}
	if labels {
		b.Labels = p.ids.take(rows)
	} else {
		b.Values = p.floats.take(rows * out.Last())
	}
}

// check refuses what would read outside a table.
func (b *Batch) check(c Context, classes int) error {
	for i, id := range b.Tokens {
		if id < 0 || int(id) >= c.Vocab {
			return fmt.Errorf("token id %d at position %d of the batch; ids go from 0 to %d", id, i, c.Vocab-1)
		}
	}
	for _, labels := range [][]int32{b.Labels, b.Other} {
		for i, label := range labels {
			if int(label) >= classes {
				return fmt.Errorf("label %d in row %d of the batch; labels go from 0 to %d", label, i, classes-1)
			}
		}
	}
	return nil
}

// Examples is a Source in memory. Tokens or Features, and Labels or Values, hold
// all examples one after the other.
type Examples struct {
	Count    int
	Tokens   []int32
	Features []float32
	Labels   []int32
	Values   []float32
}

// Len returns the number of examples.
func (e *Examples) Len() int { return e.Count }

// Batch copies the examples.
func (e *Examples) Batch(_ context.Context, examples []int, b *Batch) error {
	if err := gather(b.Tokens, e.Tokens, examples, e.Count, "tokens"); err != nil {
		return err
	}
	if err := gather(b.Features, e.Features, examples, e.Count, "features"); err != nil {
		return err
	}
	if err := gather(b.Labels, e.Labels, examples, e.Count, "labels"); err != nil {
		return err
	}
	return gather(b.Values, e.Values, examples, e.Count, "target values")
}

func gather[T any](dst, src []T, examples []int, count int, what string) error {
	if dst == nil {
		return nil
	}
	size := len(dst) / len(examples)
	if len(src) != size*count {
		return fmt.Errorf("the network needs %d × %d %s, there are %d", count, size, what, len(src))
	}
	for i, e := range examples {
		copy(dst[i*size:(i+1)*size], src[e*size:(e+1)*size])
	}
	return nil
}
