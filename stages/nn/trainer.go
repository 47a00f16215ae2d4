package nn

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// FitConfig says how a network is trained.
type FitConfig struct {
	Epochs    int
	BatchSize int
	Seed      uint64 // of shuffling and dropout
	Loss      Loss
	Optimizer Optimizer

	Schedule     Schedule  // of the learning rate, nil for a constant one
	KeepOrder    bool      // the examples are not shuffled
	MicroBatch   int       // examples at once, whose gradients add up to a batch's; 0 for all
	ClipNorm     float64   // gradients are scaled down to this norm, 0 for never
	ClassWeights []float32 // one for each class, nil for 1
	Frozen       Frozen    // parameters that keep their values
	Stopping     Stopping
	Histograms   bool // each epoch ends with histograms of the trained weights

	// Now tells the time for rates and durations; nil leaves them zero.
	Now func() time.Time
}

// Trainer trains one network. Between steps all that the rest of the training
// depends on can be written and read back.
type Trainer struct {
	net    *Network
	cfg    FitConfig
	params []*Param
	slots  [][][]float32 // by parameter and slot
	update *update
	best   [][]float32 // weights of the best epoch, by parameter
	state  trainerState

	pass    *Pass
	batch   Batch
	target  Target
	outputs []*Tensor // of each layer in the last step
	order   []int
	still   int // of the first layers, how many are not trained

	monitored []float64 // by finished epoch
}

// trainerState is what a checkpoint holds besides arrays.
type trainerState struct {
	Format  string        `json:"format"`
	Epoch   int           `json:"epoch"`   // finished epochs
	Step    int           `json:"step"`    // finished steps of the current epoch
	Updates int           `json:"updates"` // of the weights, in all
	Sums    sums          `json:"sums"`    // of the current epoch
	Seconds float64       `json:"seconds"` // of the current epoch
	Best    int           `json:"best"`    // the best epoch, 0 before there is one
	Value   float64       `json:"value"`   // what the best epoch reached
	Stopped bool          `json:"stopped"`
	History []EpochResult `json:"history"`
}

// sums adds up metrics over batches.
type sums struct {
	Loss     float64 `json:"loss"` // times examples
	Examples int     `json:"examples"`
	Right    int     `json:"right"`
	Rows     int     `json:"rows"`

	Norms float64 `json:"norms"` // of the gradients, by step
	Steps int     `json:"steps"`
}

func (s *sums) add(loss float64, examples, right, rows int) {
	s.Loss += loss * float64(examples)
	s.Examples += examples
	s.Right += right
	s.Rows += rows
}

func (s *sums) addAll(o sums) {
	s.Loss += o.Loss
	s.Examples += o.Examples
	s.Right += o.Right
	s.Rows += o.Rows
	s.Norms += o.Norms
	s.Steps += o.Steps
}

func (s *sums) metrics() Metrics {
	return Metrics{s.Loss / float64(max(s.Examples, 1)), float64(s.Right) / float64(max(s.Rows, 1))}
}

// NewTrainer prepares the training of n.
func NewTrainer(n *Network, cfg FitConfig) (*Trainer, error) {
	switch {
	case cfg.Epochs < 1:
		return nil, fmt.Errorf("epochs must be at least 1, is %d", cfg.Epochs)
	case cfg.BatchSize < 1:
		return nil, fmt.Errorf("batch_size must be at least 1, is %d", cfg.BatchSize)
	case cfg.MicroBatch < 0 || cfg.ClipNorm < 0:
		return nil, fmt.Errorf("the micro-batch and the norm to clip at must not be negative, are %d and %v", cfg.MicroBatch, cfg.ClipNorm)
	case cfg.Loss == nil || cfg.Optimizer == nil:
		return nil, errors.New("a training needs a loss and an optimizer")
	case cfg.ClassWeights != nil && len(cfg.ClassWeights) != n.Context.Classes:
		return nil, fmt.Errorf("%d class weights for %d classes", len(cfg.ClassWeights), n.Context.Classes)
	}
	if err := CheckLoss(cfg.Loss, n.Layers, n.shapes, n.Context); err != nil {
		return nil, err
	}
	if err := cfg.Frozen.check(n.params); err != nil {
		return nil, err
	}
	if cfg.Schedule == nil {
		cfg.Schedule = &Constant{}
	}
	if cfg.Stopping.Monitor == "" {
		cfg.Stopping.Monitor = "val_loss"
	}
	if err := n.ready(); err != nil {
		return nil, err
	}
	t := &Trainer{net: n, cfg: cfg, pass: NewTrainingPass()}
	t.state.Format = stateFormat
	for _, p := range n.params {
		p.Grad = nil // another trainer may have left one
		if p.Trainable && !cfg.Frozen.holds(p) {
			t.params = append(t.params, p)
		}
	}
	for _, p := range t.params {
		p.Grad = make([]float32, len(p.Data))
		var slots [][]float32
		for range cfg.Optimizer.Slots() {
			slots = append(slots, make([]float32, len(p.Data)))
		}
		t.slots = append(t.slots, slots)
	}
	t.update = newUpdate(cfg.Optimizer, t.params, t.slots)
	t.outputs = make([]*Tensor, len(n.Layers))
	t.still = cfg.Frozen.still(n.Layers)
	return t, nil
}

// History returns the finished epochs.
func (t *Trainer) History() []EpochResult { return t.state.History }

// Updates returns how often the weights have been changed.
func (t *Trainer) Updates() int { return t.state.Updates }

// BestEpoch returns the epoch with the best monitored value, 0 before the first
// has ended.
func (t *Trainer) BestEpoch() int { return t.state.Best }

// StoppedEarly reports whether patience ran out.
func (t *Trainer) StoppedEarly() bool { return t.state.Stopped }

// progress tells the schedule where the training stands. History does not change
// within an epoch, so what it monitors is gathered once for each.
func (t *Trainer) progress(steps int) Progress {
	if len(t.monitored) > len(t.state.History) {
		t.monitored = t.monitored[:0]
	}
	for i := len(t.monitored); i < len(t.state.History); i++ {
		value, _ := t.cfg.Stopping.monitored(&t.state.History[i])
		t.monitored = append(t.monitored, value)
	}
	return Progress{t.state.Updates, steps * t.cfg.Epochs, t.state.Epoch, t.monitored}
}

// nonFinite names the first layer whose output is not finite.
func (t *Trainer) nonFinite(loss float64) error {
	at := "the loss itself"
	for i, y := range t.outputs {
		if !allFinite(y.Data) {
			at = fmt.Sprintf("the output of layer %d (%s)", i+1, LayerKind(t.net.Layers[i]))
			break
		}
	}
	return fmt.Errorf("loss is %v in epoch %d, step %d: the first number that is not finite is in %s; "+
		"a lower learning rate or clip_norm may help", loss, t.state.Epoch+1, t.state.Step+1, at)
}

func allFinite(x []float32) bool {
	for _, v := range x {
		if v-v != 0 { // NaN for NaN and for the infinities
			return false
		}
	}
	return true
}

func (t *Trainer) now() time.Time {
	if t.cfg.Now == nil {
		return time.Time{}
	}
	return t.cfg.Now()
}

// rate returns rows per second, 0 where no time is known to have passed.
func rate(rows int, seconds float64) float64 {
	if seconds <= 0 || math.IsInf(1/seconds, 0) {
		return 0
	}
	return float64(rows) / seconds
}
