package stages

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"pipe/dag"
	"pipe/dag/text"
	"pipe/stages/model"
	"pipe/stages/nn"
)

// fit trains the network, from the checkpoint of an interrupted training where
// there is one, and reports each epoch.
func (t *Train) fit(ctx context.Context, env *dag.Env, n *nn.Network, train, validation *examples) (model.History, []nn.EpochResult, error) {
	rows := t.source(train, n, t.seed(env))
	if rows.Len() == 0 && train.Count > 0 {
		return model.History{}, nil, fmt.Errorf("mix: %v of the tables' %v rows is no whole row in an epoch; write larger numbers", t.Mix, train.tables)
	}
	config, err := t.config(env, n, train)
	if err != nil {
		return model.History{}, nil, err
	}
	scratch, err := env.Scratch()
	if err != nil {
		return model.History{}, nil, err
	}
	saved := &checkpoint{path: filepath.Join(scratch, "training.safetensors"), every: t.checkpointEvery, now: time.Now}
	if t.SelfCheck && !saved.exists() {
		if err := n.LearnsByHeart(ctx, config, train); err != nil {
			return model.History{}, nil, fmt.Errorf("self_check: %w", err)
		}
		env.Logf("self_check: the network learns one batch by heart")
	}
	trainer, err := nn.NewTrainer(n, config)
	if err != nil {
		return model.History{}, nil, err
	}
	if err := saved.load(trainer); err == nil {
		env.Logf("continue an interrupted training in epoch %d, after %d steps in all", len(trainer.History())+1, trainer.Updates())
		for i := range trainer.History() {
			t.reportEpoch(env, t.epoch(trainer.History()[:i+1], rows.Len()))
		}
	} else if !errors.Is(err, errNoCheckpoint) {
		env.Logf("the checkpoint of an interrupted training cannot be used, so the training begins anew: %v", err)
	}
	err = trainer.Fit(ctx, rows, source(validation), nn.Callbacks{
		Step:       func(s nn.StepResult) { t.reportStep(env, s) },
		Epoch:      func(nn.EpochResult) { t.reportEpoch(env, t.epoch(trainer.History(), rows.Len())) },
		Checkpoint: saved.after,
	})
	if err != nil {
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), saved.onStop(trainer))
		}
		return model.History{}, nil, err
	}
	return t.history(env, trainer, rows.Len()), trainer.History(), nil
}

// config is what the settings say to the trainer.
func (t *Train) config(env *dag.Env, n *nn.Network, train *examples) (nn.FitConfig, error) {
	weights, err := t.ClassWeight.resolve(train, t.Mix)
	if err != nil {
		return nn.FitConfig{}, err
	}
	_, optimizer := only(t.Optimizer)
	config := nn.FitConfig{
		Epochs: t.Epochs, BatchSize: t.BatchSize, Seed: t.seed(env), Loss: t.lossOf(), Optimizer: optimizer,
		KeepOrder: !t.Shuffle, ClipNorm: t.ClipNorm, ClassWeights: weights, MicroBatch: t.MicroBatch, Histograms: t.TensorBoard, Now: time.Now,
	}
	_, config.Schedule = only(t.Schedule)
	for i := range min(t.Freeze, len(n.Layers)) {
		if len(n.Layers[i].Params()) > 0 {
			config.Frozen = append(config.Frozen, strconv.Itoa(i)+".")
		}
	}
	if t.EarlyStopping != nil {
		config.Stopping = *t.EarlyStopping
	}
	return config, nil
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
func (t *Train) reportEpoch(env *dag.Env, e model.Epoch) {
	line := fmt.Sprintf("epoch %d/%d:", e.Epoch, t.Epochs)
	var ms []dag.Metric
	add := func(name string, v *dag.Float) {
		if v == nil {
			return
		}
		ms = append(ms, dag.Metric{Name: name, Value: *v, Step: int64(e.Epoch)})
		line += " " + name + " " + strconv.FormatFloat(float64(*v), 'g', 4, 64)
	}
	add("loss", &e.Loss)
	add("accuracy", e.Accuracy)
	add("val_loss", e.ValLoss)
	add("val_accuracy", e.ValAccuracy)
	add("learning_rate", e.LearningRate)
	add("gradient_norm", e.GradientNorm)
	env.LogMetrics(ms)
	env.Logf("%s", line)
}

// epoch turns the last of some results into a point of the learning curves,
// without what depends on the machine.
func (t *Train) epoch(past []nn.EpochResult, rows int) model.Epoch {
	r := past[len(past)-1]
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
	e.GradientNorm = float(r.GradientNorm)
	if rate, ok := t.Optimizer.learningRate(); ok {
		e.LearningRate = float(rate * t.scheduled(past, rows))
	}
	return e
}

// scheduled is the schedule's factor in the last step of an epoch. It is
// computed from the past, so that a continued training gives the same curve.
func (t *Train) scheduled(past []nn.EpochResult, rows int) float64 {
	_, schedule := only(t.Schedule)
	if schedule == nil {
		return 1
	}
	steps := (rows + t.BatchSize - 1) / t.BatchSize
	at := nn.Progress{Update: len(past)*steps - 1, Updates: t.Epochs * steps, Epoch: len(past) - 1}
	for _, r := range past[:len(past)-1] {
		at.Monitored = append(at.Monitored, t.monitored(r))
	}
	return schedule.At(at)
}

// watched is what early stopping and schedules look at.
func (t *Train) watched() string {
	if t.EarlyStopping != nil {
		return t.EarlyStopping.Monitor
	}
	return "val_loss"
}

// monitored is the value of what is watched, turned so that smaller is better.
func (t *Train) monitored(r nn.EpochResult) float64 {
	what, m := t.watched(), r.Metrics
	if r.Validation != nil && strings.HasPrefix(what, "val_") {
		m = *r.Validation
	}
	if strings.HasSuffix(what, "accuracy") {
		return -m.Accuracy
	}
	return m.Loss
}

func (t *Train) history(env *dag.Env, trainer *nn.Trainer, rows int) model.History {
	h := model.History{StoppedEarly: trainer.StoppedEarly()}
	for i := range trainer.History() {
		h.Epochs = append(h.Epochs, t.epoch(trainer.History()[:i+1], rows))
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
