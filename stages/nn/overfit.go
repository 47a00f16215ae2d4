package nn

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// Clone returns a network with the same layers and weights of its own.
func (n *Network) Clone() (*Network, error) {
	if err := n.ready(); err != nil {
		return nil, err
	}
	data, err := json.Marshal(n)
	if err != nil {
		return nil, err
	}
	c, err := ParseNetwork(data)
	if err != nil {
		return nil, err
	}
	for i, p := range n.params {
		c.params[i].Data = slices.Clone(p.Data)
	}
	return c, nil
}

// What learning a batch by heart is: that its loss falls to halfway of what it was, in
// so many steps at most. A network that learns at all passes within a few.
const (
	heartSteps = 200
	heartShare = 0.5
)

// NotLearntError says that a network did not learn one batch by heart.
type NotLearntError struct {
	Rows        int
	First, Last float64 // losses
}

// Error tells the losses and what is usually wrong.
func (e *NotLearntError) Error() string {
	return fmt.Sprintf("the network does not learn one batch of %d rows by heart: the loss was %.4g and is %.4g after %d steps; "+
		"the learning rate may be far off, too much dropped or frozen, or equal rows may have different targets", e.Rows, e.First, e.Last, heartSteps)
}

// LearnsByHeart trains a copy of the network on the first batch of src alone, as cfg
// says, and returns a *NotLearntError if the loss does not fall. A network that
// cannot do that learns nothing from more data either. n does not change.
func (n *Network) LearnsByHeart(ctx context.Context, cfg FitConfig, src Source) error {
	c, err := n.Clone()
	if err != nil {
		return err
	}
	rows := min(cfg.BatchSize, src.Len())
	cfg.Epochs, cfg.Stopping, cfg.Schedule, cfg.KeepOrder, cfg.Histograms = heartSteps, Stopping{}, nil, true, false
	t, err := NewTrainer(c, cfg)
	if err != nil {
		return err
	}
	ctx, enough := context.WithCancelCause(ctx)
	defer enough(nil)
	verdict := &NotLearntError{Rows: rows}
	err = t.Fit(ctx, firstOf{src, rows}, nil, Callbacks{Step: func(s StepResult) {
		verdict.Last = s.Loss
		if s.Epoch == 1 {
			verdict.First = s.Loss
		} else if s.Loss <= heartShare*verdict.First {
			enough(errLearnt)
		}
	}})
	switch {
	case context.Cause(ctx) == errLearnt:
		return nil
	case err != nil:
		return err
	}
	return verdict
}

var errLearnt = fmt.Errorf("the batch is learnt")

// firstOf is the first rows of a source.
type firstOf struct {
	Source
	rows int
}

func (f firstOf) Len() int { return f.rows }
