package stages

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/nn"
)

// fit trains the network, from the checkpoint of an interrupted training where
// there is one. What the trainer calls an epoch is the time between two reports.
func (t *TrainLanguage) fit(ctx context.Context, env *dag.Env, n *nn.Network, train *windows, validation nn.Source) (model.History, error) {
	_, optimizer := only(t.Optimizer)
	config := nn.FitConfig{
		Epochs: t.reports(), BatchSize: t.BatchSize, Seed: t.seed(env), Loss: &nn.CategoricalCrossentropy{}, Optimizer: optimizer,
		KeepOrder: true, ClipNorm: t.ClipNorm, Now: time.Now,
	}
	_, config.Schedule = only(t.Schedule)
	if t.EarlyStopping != nil {
		config.Stopping = *t.EarlyStopping
	}
	n.Context.Classes = n.Context.Vocab // a model that was read need not know
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
		env.Logf("continue an interrupted training after %d steps", trainer.Updates())
		for _, r := range trainer.History() {
			t.report(env, r)
		}
	} else if !errors.Is(err, errNoCheckpoint) {
		env.Logf("the checkpoint of an interrupted training cannot be used, so the training begins anew: %v", err)
	}
	err = trainer.Fit(ctx, train, validation, nn.Callbacks{
		Step: func(s nn.StepResult) {
			env.Progress(int64((s.Epoch-1)*s.Steps+s.Step), int64(t.reports()*s.Steps), fmt.Sprintf("steps, loss %.4f", s.Loss))
		},
		Epoch:      func(r nn.EpochResult) { t.report(env, r) },
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

// report gives what was measured since the last report, with the number of steps.
func (t *TrainLanguage) report(env *dag.Env, r nn.EpochResult) {
	step := int64(r.Epoch * t.reportEvery())
	line := fmt.Sprintf("step %d/%d:", step, t.reports()*t.reportEvery())
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
	env.LogMetrics(ms)
	env.Logf("%s", line)
}

func (t *TrainLanguage) history(env *dag.Env, trainer *nn.Trainer) model.History {
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
	if s := t.EarlyStopping; s != nil && s.RestoreBest && trainer.BestEpoch() > 0 {
		h.Kept = trainer.BestEpoch()
		env.Logf("the model has the weights of step %d, the best by %s", h.Kept*t.reportEvery(), s.Monitor)
	}
	return h
}

// logSample shows what a model writes.
func logSample(ctx context.Context, env *dag.Env, m *model.LanguageModel, beginning string, seed uint64) error {
	text := beginning
	_, err := m.Generate(ctx, model.Prompt{Text: beginning, MaxTokens: 120, Temperature: 0.8, TopK: 50, Seed: seed}, func(p model.Piece) error {
		text += p.Text
		return nil
	})
	env.Logf("a sample at temperature 0.8, top_k 50:\n%s", text)
	return err
}
