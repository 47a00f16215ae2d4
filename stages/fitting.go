package stages

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/nn"
	"pipe/stages/transform"
)

// fitting trains the network of a stage that reports loss and accuracy of the
// training, and of the validation, a number of times. The trainer calls the time
// between two reports an epoch.
type fitting struct {
	env             *dag.Env
	config          nn.FitConfig
	checkpointEvery time.Duration
	each            int64  // how much of the unit lies between two reports
	unit            string // what is counted: "step" or "epoch"
}

// learning is what all settings of such a stage have: how the weights follow the
// gradient, and when to stop.
type learning struct {
	optimizer Optimizer
	schedule  Schedule
	stopping  *nn.Stopping // nil for never
}

// newFitting completes a configuration, which has the rest.
func newFitting(env *dag.Env, c nn.FitConfig, l learning) *fitting {
	_, c.Optimizer = only(l.optimizer)
	_, c.Schedule = only(l.schedule)
	if l.stopping != nil {
		c.Stopping = *l.stopping
	}
	c.Now = time.Now
	return &fitting{env: env, config: c, each: 1, unit: "epoch"}
}

// training is what a model keeps of it; loss is the name of the loss.
func (f *fitting) training(rows int, loss string, o Optimizer) model.Training {
	name, optimizer := only(o)
	return model.Training{
		Rows: int64(rows), BatchSize: f.config.BatchSize, Seed: f.config.Seed,
		Loss:      map[string]map[string]any{loss: settings(f.config.Loss)},
		Optimizer: map[string]map[string]any{name: settings(optimizer)},
	}
}

// saveModel writes the output of a stage that makes a model.
func saveModel(env *dag.Env, m interface{ Save(transform.Files) error }) error {
	draft, err := env.CreateFolder(dag.Out, artifacts.Model)
	if err != nil {
		return err
	}
	return m.Save(draft)
}

// fit goes on from the checkpoint of an interrupted training where there is one.
func (f *fitting) fit(ctx context.Context, n *nn.Network, train, validation nn.Source) (model.History, error) {
	trainer, err := nn.NewTrainer(n, f.config)
	if err != nil {
		return model.History{}, err
	}
	scratch, err := f.env.Scratch()
	if err != nil {
		return model.History{}, err
	}
	saved := &checkpoint{path: filepath.Join(scratch, "training.safetensors"), every: f.checkpointEvery, now: time.Now}
	if err := saved.load(trainer); err == nil {
		f.env.Logf("continue an interrupted training after %d steps", trainer.Updates())
		for _, r := range trainer.History() {
			f.report(r)
		}
	} else if !errors.Is(err, errNoCheckpoint) {
		f.env.Logf("the checkpoint of an interrupted training cannot be used, so the training begins anew: %v", err)
	}
	err = trainer.Fit(ctx, train, validation, nn.Callbacks{
		Step: func(s nn.StepResult) {
			f.env.Progress(int64((s.Epoch-1)*s.Steps+s.Step), int64(f.config.Epochs*s.Steps), fmt.Sprintf("steps, loss %.4f", s.Loss))
		},
		Epoch:      f.report,
		Checkpoint: saved.after,
	})
	if err != nil {
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), saved.onStop(trainer))
		}
		return model.History{}, err
	}
	return f.history(trainer), nil
}

// report gives what was measured since the last report.
func (f *fitting) report(r nn.EpochResult) {
	step := int64(r.Epoch) * f.each
	line := fmt.Sprintf("%s %d/%d:", f.unit, step, int64(f.config.Epochs)*f.each)
	var ms []dag.Metric
	add := func(name string, v float64) {
		ms = append(ms, dag.Metric{Name: name, Value: dag.Float(v), Step: step})
		line += " " + name + " " + strconv.FormatFloat(v, 'f', 4, 64)
	}
	add("loss", r.Loss)
	if r.Validation != nil {
		add("val_loss", r.Validation.Loss)
		add("val_accuracy", r.Validation.Accuracy)
	}
	f.env.LogMetrics(ms)
	f.env.Logf("%s", line)
}

func (f *fitting) history(trainer *nn.Trainer) model.History {
	h := model.History{StoppedEarly: trainer.StoppedEarly()}
	float := func(v float64) *dag.Float { f := dag.Float(v); return &f }
	for _, r := range trainer.History() {
		e := model.Epoch{Epoch: r.Epoch, Loss: dag.Float(r.Loss), Accuracy: float(r.Accuracy)}
		if v := r.Validation; v != nil {
			e.ValLoss, e.ValAccuracy = float(v.Loss), float(v.Accuracy)
		}
		h.Epochs = append(h.Epochs, e)
	}
	h.Kept = len(h.Epochs)
	if s := f.config.Stopping; s.RestoreBest && trainer.BestEpoch() > 0 {
		h.Kept = trainer.BestEpoch()
		f.env.Logf("the model has the weights of %s %d, the best by %s", f.unit, int64(h.Kept)*f.each, s.Monitor)
	}
	return h
}
