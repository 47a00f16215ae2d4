package nn

import (
	"context"
	"fmt"
)

// Predict computes the output for every example of src, in order and batchSize
// at a time, and hands each batch of outputs to yield: the number of its first
// example, and rows of the last dimension of OutShape that are valid until yield
// returns. It may be called by several goroutines at once. What an example gives
// does not depend on the others in its batch.
func (n *Network) Predict(ctx context.Context, src Source, batchSize int, yield func(first int, y []float32) error) error {
	if err := n.ready(); err != nil {
		return err
	}
	if batchSize < 1 {
		return fmt.Errorf("batch size must be at least 1, is %d", batchSize)
	}
	p := n.passes.Get().(*Pass)
	p.packs = &n.packs
	defer func() {
		p.packs, p.known = nil, nil
		n.passes.Put(p)
	}()
	numbers := make([]int, 0, batchSize)
	for first := 0; first < src.Len(); first += batchSize {
		numbers = numbers[:0]
		for i := first; i < min(first+batchSize, src.Len()); i++ {
			numbers = append(numbers, i)
		}
		y, err := n.predictBatch(ctx, p, src, numbers)
		if err != nil {
			return err
		}
		if err := yield(first, y.Data); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (n *Network) predictBatch(ctx context.Context, p *Pass, src Source, numbers []int) (*Tensor, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.Reset()
	b := &p.batch
	n.newBatch(p, b, len(numbers))
	if err := src.Batch(ctx, numbers, b); err != nil {
		return nil, err
	}
	if err := b.check(n.Context, 0); err != nil {
		return nil, err
	}
	n.cutPadding(p, b)
	p.known = n.known()
	return n.Forward(p, b.input), nil
}
