package stages

import (
	"context"

	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/nn"
)

// fit trains the network.
func (t *TrainLanguage) fit(ctx context.Context, env *dag.Env, n *nn.Network, train *windows, validation nn.Source) (model.History, error) {
	n.Context.Classes = n.Context.Vocab // a model that was read need not know
	return t.fitting(env).fit(ctx, n, train, validation)
}

// fitting is how the network learns; the steps between two reports are what the
// trainer calls an epoch.
func (t *TrainLanguage) fitting(env *dag.Env) *fitting {
	f := newFitting(env, nn.FitConfig{
		Epochs: t.reports(), BatchSize: t.BatchSize, Seed: t.seed(env), Loss: &nn.CategoricalCrossentropy{}, KeepOrder: true, ClipNorm: t.ClipNorm,
	}, learning{t.Optimizer, t.Schedule, t.EarlyStopping})
	f.checkpointEvery, f.each, f.unit = t.checkpointEvery, int64(t.reportEvery()), "step"
	return f
}

// logSample shows what a model writes. It gives no error: a text for the log is
// not worth the training or the measurement before it.
func logSample(ctx context.Context, env *dag.Env, m *model.LanguageModel, beginning string, seed uint64) {
	text := beginning
	_, err := m.Generate(ctx, model.Prompt{Text: beginning, MaxTokens: 120, Temperature: 0.8, TopK: 50, Seed: seed}, func(p model.Piece) error {
		text += p.Text
		return nil
	})
	if err != nil {
		env.Logf("the sample ends early: %v", err)
	}
	env.Logf("a sample at temperature 0.8, top_k 50:\n%s", text)
}
