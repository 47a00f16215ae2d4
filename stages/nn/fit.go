package nn

import (
	"context"
	"errors"
	"fmt"
)

// Fit trains until the last epoch, until patience runs out, or until ctx is
// done, which it notices within a step; validation may be nil. When it returns
// without an error and the configuration says so, the network has the weights of
// its best epoch. After an error the network has the weights of the last step.
func (t *Trainer) Fit(ctx context.Context, train, validation Source, cb Callbacks) error {
	if train.Len() == 0 {
		return errors.New("there are no examples to train on")
	}
	for t.state.Epoch < t.cfg.Epochs && !t.state.Stopped {
		if err := t.epoch(ctx, train, validation, cb); err != nil {
			return err
		}
	}
	if t.cfg.Stopping.RestoreBest {
		t.restoreBest()
	}
	return nil
}

// epoch finishes the current epoch from whichever step it is at.
func (t *Trainer) epoch(ctx context.Context, train, validation Source, cb Callbacks) error {
	if v, ok := train.(Varied); ok {
		v.BeginEpoch(t.state.Epoch)
	}
	t.visitOrder(train.Len())
	size := t.cfg.BatchSize
	steps := (train.Len() + size - 1) / size
	start, before := t.now(), t.state.Seconds
	for t.state.Step < steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		first := t.state.Step * size
		begin := t.now()
		result, err := t.step(ctx, train, t.order[first:min(first+size, len(t.order))], steps)
		if err != nil {
			return err
		}
		end := t.now()
		t.state.Step++
		t.state.Seconds = before + end.Sub(start).Seconds()
		if cb.Step != nil {
			result.RowsPerSecond = rate(result.Rows, end.Sub(begin).Seconds())
			cb.Step(result)
		}
		if cb.Checkpoint != nil {
			if err := cb.Checkpoint(t); err != nil {
				return fmt.Errorf("checkpoint after epoch %d, step %d: %w", t.state.Epoch+1, t.state.Step, err)
			}
		}
	}
	result := EpochResult{Epoch: t.state.Epoch + 1, Metrics: t.state.Sums.metrics(), Seconds: t.state.Seconds,
		RowsPerSecond: rate(t.state.Sums.Examples, t.state.Seconds),
		GradientNorm:  t.state.Sums.Norms / float64(max(t.state.Sums.Steps, 1))}
	if t.cfg.Histograms {
		result.Weights = t.histograms()
	}
	if validation != nil && validation.Len() > 0 {
		m, err := t.net.Evaluate(ctx, validation, t.cfg.Loss, size)
		if err != nil {
			return fmt.Errorf("validation after epoch %d: %w", result.Epoch, err)
		}
		if !finite(m.Loss) {
			return fmt.Errorf("validation after epoch %d: the loss is %v", result.Epoch, m.Loss)
		}
		result.Validation = &m
	}
	t.judge(&result)
	t.state.History = append(t.state.History, result)
	t.state.Epoch, t.state.Step, t.state.Sums, t.state.Seconds = t.state.Epoch+1, 0, sums{}, 0
	if cb.Epoch != nil {
		cb.Epoch(result)
	}
	if cb.Checkpoint != nil {
		if err := cb.Checkpoint(t); err != nil {
			return fmt.Errorf("checkpoint after epoch %d: %w", t.state.Epoch, err)
		}
	}
	return nil
}

// visitOrder decides in which order the current epoch sees the examples.
func (t *Trainer) visitOrder(n int) {
	if len(t.order) != n {
		t.order = make([]int, n)
	}
	if !t.cfg.KeepOrder {
		permutation(t.order, t.cfg.Seed, t.state.Epoch)
		return
	}
	for i := range t.order {
		t.order[i] = i
	}
}

// step makes one update of the weights.
func (t *Trainer) step(ctx context.Context, src Source, examples []int, steps int) (StepResult, error) {
	t.update.begin()
	var all sums
	micro := t.cfg.MicroBatch
	if micro == 0 {
		micro = len(examples)
	}
	for lo := 0; lo < len(examples); lo += micro {
		part := examples[lo:min(lo+micro, len(examples))]
		if err := t.addGradients(ctx, src, part, lo/micro, float32(len(part))/float32(len(examples)), &all); err != nil {
			return StepResult{}, err
		}
	}
	factor := t.cfg.Schedule.At(t.progress(steps))
	t.state.Updates++
	norm := t.update.finish(t.state.Updates, factor, t.cfg.ClipNorm)
	all.Norms, all.Steps = norm, 1
	t.net.packs.empty()
	t.state.Sums.addAll(all)
	return StepResult{Epoch: t.state.Epoch + 1, Step: t.state.Step + 1, Steps: steps, Metrics: all.metrics(),
		GradientNorm: norm, LearningRate: factor, Rows: len(examples)}, nil
}

// addGradients runs some examples forward and backward and adds share times the
// gradients of their mean loss to those of the batch.
func (t *Trainer) addGradients(ctx context.Context, src Source, examples []int, micro int, share float32, all *sums) error {
	n, p := t.net, t.pass
	p.Reset()
	p.Seed(t.cfg.Seed, t.state.Epoch, t.state.Step, micro)
	if err := n.loadBatch(ctx, p, &t.batch, src, examples); err != nil {
		return fmt.Errorf("epoch %d, step %d: %w", t.state.Epoch+1, t.state.Step+1, err)
	}
	x, s := t.batch.input, n.scorer(t.cfg.Loss)
	layers := len(n.Layers)
	if s != nil {
		layers--
	}
	for i := 0; i < layers; i++ {
		p.train = i >= t.still
		next := n.layer(i + 1)
		if i+1 == t.still { // the next one is another trip's
			next = nil
		}
		var both bool
		x, both = ahead(p, n.Layers[i], next, x)
		x.constant = x.constant || i < t.still
		t.outputs[i] = x
		if both {
			i++
			t.outputs[i] = x
		}
	}
	t.target = Target{t.batch.Labels, t.batch.Values, t.cfg.ClassWeights}
	if s != nil {
		p.train = layers >= t.still
		x = score(p, s, x, &t.target, &t.batch)
		t.outputs[layers] = x
	}
	loss := t.cfg.Loss.Forward(p, x, &t.target)
	value := float64(loss.Data[0])
	if other := t.batch.Other; other != nil {
		part := t.batch.Share
		with := t.cfg.Loss.Forward(p, x, &Target{Labels: other, ClassWeights: t.cfg.ClassWeights})
		with.gradient()[0] = share * (1 - part)
		value = float64(part)*value + float64(1-part)*float64(with.Data[0])
		share *= part
	}
	if !finite(value) {
		return t.nonFinite(value)
	}
	p.backward(loss, share)
	right, rows := correct(t.cfg.Loss, x, &t.target)
	all.add(value, len(examples), right, rows)
	return nil
}

// loadBatch lets the source fill a batch with its targets.
func (n *Network) loadBatch(ctx context.Context, p *Pass, b *Batch, src Source, examples []int) error {
	n.newBatch(p, b, len(examples))
	n.addTargets(p, b, n.Context.Classes > 0)
	if err := src.Batch(ctx, examples, b); err != nil {
		return err
	}
	return b.check(n.Context, n.Context.Classes)
}

// Evaluate returns the mean loss and the accuracy of the network over src. It
// may be called by several goroutines at once.
func (n *Network) Evaluate(ctx context.Context, src Source, loss Loss, batchSize int) (Metrics, error) {
	if err := n.ready(); err != nil {
		return Metrics{}, err
	}
	if batchSize < 1 {
		return Metrics{}, fmt.Errorf("batch size must be at least 1, is %d", batchSize)
	}
	p := n.passes.Get().(*Pass)
	defer n.passes.Put(p)
	var s sums
	numbers := make([]int, 0, batchSize)
	for first := 0; first < src.Len(); first += batchSize {
		if err := ctx.Err(); err != nil {
			return Metrics{}, err
		}
		numbers = numbers[:0]
		for i := first; i < min(first+batchSize, src.Len()); i++ {
			numbers = append(numbers, i)
		}
		p.Reset()
		var b Batch
		if err := n.loadBatch(ctx, p, &b, src, numbers); err != nil {
			return Metrics{}, err
		}
		n.cutPadding(p, &b)
		target := Target{Labels: b.Labels, Values: b.Values}
		var y *Tensor
		if s := n.scorer(loss); s != nil {
			y = score(p, s, n.through(p, b.input, len(n.Layers)-1), &target, &b)
		} else {
			y = n.Forward(p, b.input)
		}
		value := float64(loss.Forward(p, y, &target).Data[0])
		right, rows := correct(loss, y, &target)
		s.add(value, len(numbers), right, rows)
	}
	return s.metrics(), nil
}

// correct counts the right answers and all answers, as the loss understands them.
func correct(l Loss, y *Tensor, t *Target) (right, rows int) {
	switch l := l.(type) {
	case interface {
		Correct(*Tensor, *Target) (int, int)
	}:
		return l.Correct(y, t)
	case *BinaryCrossentropy:
		if l.FromLogits {
			return t.correct(y, 0)
		}
	}
	return t.correct(y, 0.5)
}
