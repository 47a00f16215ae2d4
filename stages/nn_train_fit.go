package stages

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strconv"
	"time"

	"pipe/dag"
	"pipe/dag/text"
	"pipe/stages/model"
	"pipe/stages/nn"
)

// fit trains the network, from the checkpoint of an interrupted training where
// there is one, and reports each epoch.
func (t *Train) fit(ctx context.Context, env *dag.Env, n *nn.Network, train, validation *examples) (model.History, error) {
	weights, err := t.ClassWeight.resolve(train)
	if err != nil {
		return model.History{}, err
	}
	_, optimizer := only(t.Optimizer)
	config := nn.FitConfig{
		Epochs: t.Epochs, BatchSize: t.BatchSize, Seed: t.seed(env), Loss: t.lossOf(), Optimizer: optimizer,
		KeepOrder: !t.Shuffle, ClipNorm: t.ClipNorm, ClassWeights: weights, Now: time.Now,
	}
	if t.EarlyStopping != nil {
		config.Stopping = *t.EarlyStopping
	}
	trainer, err := nn.NewTrainer(n, config)
	if err != nil {
		return model.History{}, err
	}
	scratch, err := env.Scratch()
	if err != nil {
		return model.History{}, err
	}
	saved := &checkpoint{path: filepath.Join(scratch, "training.safetensors"), every: t.checkpointEvery, now: time.Now}
	if err := saved.load(trainer); err == nil {
		env.Logf("continue an interrupted training in epoch %d, after %d steps in all", len(trainer.History())+1, trainer.Updates())
		for _, e := range trainer.History() {
			t.reportEpoch(env, e)
		}
	} else if !errors.Is(err, errNoCheckpoint) {
		env.Logf("the checkpoint of an interrupted training cannot be used, so the training begins anew: %v", err)
	}
	err = trainer.Fit(ctx, train, source(validation), nn.Callbacks{
		Step:       func(s nn.StepResult) { t.reportStep(env, s) },
		Epoch:      func(e nn.EpochResult) { t.reportEpoch(env, e) },
		Checkpoint: saved.after,
	})
	if err != nil {
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), saved.onStop(trainer))
		}
		return model.History{}, err
	}
	return t.history(env, trainer), nil
}

// source keeps a nil *examples from becoming a source that is not nil.
func source(e *examples) nn.Source {
	if e == nil {
		return nil
	}
	return e
}

func (t *Train) reportStep(env *dag.Env, s nn.StepResult) {
	done := int64(s.Epoch-1)*int64(s.Steps) + int64(s.Step)
	env.Progress(done, int64(t.Epochs)*int64(s.Steps), fmt.Sprintf("steps, epoch %d/%d, loss %.4f", s.Epoch, t.Epochs, s.Loss))
}

// reportEpoch gives an epoch as metrics, with the epoch as their step, and as a
// line of the log.
func (t *Train) reportEpoch(env *dag.Env, r nn.EpochResult) {
	e := t.epoch(r)
	line := fmt.Sprintf("epoch %d/%d:", r.Epoch, t.Epochs)
	var ms []dag.Metric
	add := func(name string, v *dag.Float) {
		if v == nil {
			return
		}
		ms = append(ms, dag.Metric{Name: name, Value: *v, Step: int64(r.Epoch)})
		line += " " + name + " " + strconv.FormatFloat(float64(*v), 'g', 4, 64)
	}
	add("loss", &e.Loss)
	add("accuracy", e.Accuracy)
	add("val_loss", e.ValLoss)
	add("val_accuracy", e.ValAccuracy)
	add("learning_rate", e.LearningRate)
	env.LogMetrics(ms)
	env.Logf("%s", line)
}

// epoch turns a result into a point of the learning curves, without what
// depends on the machine.
func (t *Train) epoch(r nn.EpochResult) model.Epoch {
	e := model.Epoch{Epoch: r.Epoch, Loss: dag.Float(r.Loss)}
	labels := !isRegression(t.lossOf())
	float := func(v float64) *dag.Float { f := dag.Float(v); return &f }
	if labels {
		e.Accuracy = float(r.Accuracy)
	}
	if v := r.Validation; v != nil {
		e.ValLoss = float(v.Loss)
		if labels {
			e.ValAccuracy = float(v.Accuracy)
		}
	}
	if rate, ok := t.Optimizer.learningRate(); ok {
		e.LearningRate = float(rate)
	}
	return e
}

func (t *Train) history(env *dag.Env, trainer *nn.Trainer) model.History {
	h := model.History{StoppedEarly: trainer.StoppedEarly()}
	for _, r := range trainer.History() {
		h.Epochs = append(h.Epochs, t.epoch(r))
	}
	h.Kept = len(h.Epochs)
	if s := t.EarlyStopping; s != nil && s.RestoreBest && trainer.BestEpoch() > 0 {
		h.Kept = trainer.BestEpoch()
	}
	if h.StoppedEarly {
		env.Logf("stopped after epoch %d: %s did not improve in %d epochs", len(h.Epochs), t.EarlyStopping.Monitor, t.EarlyStopping.Patience)
	}
	if h.Kept != len(h.Epochs) {
		env.Logf("the model has the weights of epoch %d, the best by %s", h.Kept, t.EarlyStopping.Monitor)
	}
	return h
}

// settings lists the configuration of a layer, a loss or an optimiser by the
// names that it has in pipelines.
func settings(v any) map[string]any {
	s := reflect.ValueOf(v).Elem()
	out := map[string]any{}
	for _, f := range text.Fields(s.Type()) {
		out[f.Name] = s.FieldByIndex(f.Index).Interface()
	}
	return out
}
