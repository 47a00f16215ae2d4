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

	KeepOrder    bool      // the examples are not shuffled
	ClipNorm     float64   // gradients are scaled down to this norm, 0 for never
	ClassWeights []float32 // one for each class, nil for 1
	Stopping     Stopping

	// Now tells the time for rates and durations; nil leaves them zero.
	Now func() time.Time
}

// Stopping says when a training ends early and which weights it ends with.
type Stopping struct {
	Monitor     string  `yaml:"monitor" doc:"what should improve" default:"val_loss" enum:"val_loss,val_accuracy,loss,accuracy"`
	Patience    int     `yaml:"patience" doc:"epochs without improvement after which the training stops; 0 for never" default:"0" min:"0"`
	MinDelta    float64 `yaml:"min_delta" doc:"what counts as an improvement" default:"0" min:"0"`
	RestoreBest bool    `yaml:"restore_best" doc:"whether the training ends with the weights of the best epoch" default:"false"`
}

// Metrics are the mean loss over some rows, and the share of them that are
// answered with the right label (0 where targets are numbers).
type Metrics struct {
	Loss     float64 `json:"loss"`
	Accuracy float64 `json:"accuracy"`
}

// StepResult tells of one step. Metrics are those of the step's batch.
type StepResult struct {
	Epoch, Step, Steps int // the first epoch and the first step are 1
	Metrics
	Rows          int     // examples in the batch
	RowsPerSecond float64 // 0 without a clock
}

// EpochResult tells of one epoch. Metrics are means over the epoch, taken while
// the weights changed.
type EpochResult struct {
	Epoch int `json:"epoch"`
	Metrics
	Validation    *Metrics `json:"validation,omitempty"`
	Seconds       float64  `json:"seconds"`
	RowsPerSecond float64  `json:"rows_per_second"`
	Best          bool     `json:"best"` // the best epoch so far
}

// Callbacks are told how a training goes. Each may be nil.
type Callbacks struct {
	Step  func(StepResult)
	Epoch func(EpochResult)

	// Checkpoint is called after every step and every epoch, when WriteState may
	// be called. An error ends the training.
	Checkpoint func(*Trainer) error
}

// Trainer trains one network. Between steps all that the rest of the training
// depends on can be written and read back.
type Trainer struct {
	net    *Network
	cfg    FitConfig
	params []*Param
	slots  [][][]float32 // by parameter and slot
	best   [][]float32   // weights of the best epoch, by parameter
	state  trainerState

	pass    *Pass
	batch   Batch
	target  Target
	outputs []*Tensor // of each layer in the last step
	order   []int
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
}

func (s *sums) add(loss float64, examples, right, rows int) {
	s.Loss += loss * float64(examples)
	s.Examples += examples
	s.Right += right
	s.Rows += rows
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
	case cfg.Loss == nil || cfg.Optimizer == nil:
		return nil, errors.New("a training needs a loss and an optimizer")
	case cfg.ClassWeights != nil && len(cfg.ClassWeights) != n.Context.Classes:
		return nil, fmt.Errorf("%d class weights for %d classes", len(cfg.ClassWeights), n.Context.Classes)
	}
	if err := CheckLoss(cfg.Loss, n.Layers, n.shapes, n.Context); err != nil {
		return nil, err
	}
	if cfg.Stopping.Monitor == "" {
		cfg.Stopping.Monitor = "val_loss"
	}
	t := &Trainer{net: n, cfg: cfg, pass: NewTrainingPass()}
	t.state.Format = stateFormat
	for _, p := range n.params {
		if p.Trainable {
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
	t.outputs = make([]*Tensor, len(n.Layers))
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

// judge decides whether the epoch that just ended is the best and whether it is
// the last.
func (t *Trainer) judge(r *EpochResult) {
	s, m := t.cfg.Stopping, r.Metrics
	if s.Monitor == "val_loss" || s.Monitor == "val_accuracy" {
		if r.Validation == nil {
			return
		}
		m = *r.Validation
	}
	value, better := m.Loss, t.state.Value-s.MinDelta
	if s.Monitor == "val_accuracy" || s.Monitor == "accuracy" {
		value, better = -m.Accuracy, t.state.Value-s.MinDelta
	}
	if t.state.Best == 0 || value < better {
		r.Best = true
		t.state.Best, t.state.Value = r.Epoch, value
		if s.RestoreBest {
			t.keepBest()
		}
	}
	t.state.Stopped = s.Patience > 0 && r.Epoch-t.state.Best >= s.Patience
}

func (t *Trainer) keepBest() {
	if t.best == nil {
		t.best = make([][]float32, len(t.net.params))
		for i, p := range t.net.params {
			t.best[i] = make([]float32, len(p.Data))
		}
	}
	for i, p := range t.net.params {
		copy(t.best[i], p.Data)
	}
}

func (t *Trainer) restoreBest() {
	for i, values := range t.best {
		copy(t.net.params[i].Data, values)
	}
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
