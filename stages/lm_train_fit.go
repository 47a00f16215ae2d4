package stages

import (
	"context"
	"time"

	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/nn"
)

// fit trains the network; the steps between two reports are what the trainer calls
// an epoch.
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
	f := &fitting{env: env, config: config, checkpointEvery: t.checkpointEvery, each: int64(t.reportEvery()), unit: "step"}
	return f.fit(ctx, n, train, validation)
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
