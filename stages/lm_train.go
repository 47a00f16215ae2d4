package stages

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/nn"
	"pipe/stages/transform"
)

var lmTrainKind = dag.Info{
	Name:    "lm.train",
	Version: 4,
	Seeded:  true,
	Doc: `Trains a language model: a network that reads tokens and gives, at every position, the probabilities of the next one.
The texts of the table become one stream of tokens; each step draws windows of it at random. With a model connected in
place of a transform, training goes on from there. A training that was interrupted or killed continues where it was and
ends with the same bits. The network ends with softmax over the tokens (units: classes); gpt and llama do so
themselves. The loss is in nats a token.`,
	Example: `train:
  uses: lm.train
  in: { train: split.train, validation: split.validation, transform: tokens }
  with:
    context: 64
    layers: [{ gpt: { layers: 4, heads: 4, dim: 128 } }]
    optimizer: { adamw: { learning_rate: 0.001, beta_2: 0.99, weight_decay: 0.1 } }
    schedule: { cosine: { final: 0.1, warmup_steps: 100 } }
    steps: 2000
    batch_size: 12
    clip_norm: 1`,
	New: func() dag.Kind { return &TrainLanguage{checkpointEvery: 5 * time.Second} },
}

// TrainLanguage is the configuration of lm.train.
type TrainLanguage struct {
	Column        string       `yaml:"column" doc:"the column of text" default:"text"`
	Context       int          `yaml:"context" doc:"how many tokens the network looks at; of a model that is trained further, its own" default:"64" min:"1"`
	Separator     string       `yaml:"separator" doc:"what stands between the texts of two rows: the token that ends a text (where the tokenizer has one), a newline, or nothing" default:"end" enum:"end,newline,none"`
	Layers        Layers       `yaml:"layers" doc:"the network, from tokens to the probabilities of the next; needed unless a model is connected"`
	Optimizer     Optimizer    `yaml:"optimizer" doc:"how the weights follow the gradient" default:"adamw"`
	Schedule      Schedule     `yaml:"schedule" doc:"how the learning rate changes; by default it does not" example:"cosine"`
	Steps         int          `yaml:"steps" doc:"updates of the weights; rounded up to whole reports" default:"2000" min:"1"`
	BatchSize     int          `yaml:"batch_size" doc:"windows per step" default:"12" min:"1"`
	ReportEvery   int          `yaml:"report_every" doc:"steps after which loss and validation loss are reported; 0 for a tenth of all" default:"0" min:"0"`
	Validation    int          `yaml:"validation_windows" doc:"windows on which a report measures, evenly spread over the validation rows; 0 for all" default:"200" min:"0"`
	EarlyStopping *nn.Stopping `yaml:"early_stopping" doc:"when to stop before the last report (patience counts reports), and whether to go back to the best one"`
	Seed          *int64       `yaml:"seed" doc:"of first weights, windows and dropout; by default the pipeline's"`
	ClipNorm      float64      `yaml:"clip_norm" doc:"the norm to which larger gradients are scaled down; 0 for never" default:"0" min:"0"`
	Sample        string       `yaml:"sample" doc:"a beginning that the trained model writes on, for the log" example:"func main() {"`

	checkpointEvery time.Duration
}

// Ports implements dag.Kind.
func (t *TrainLanguage) Ports() (in, out []dag.Port) {
	return []dag.Port{
			{Name: "train", Type: artifacts.Table, Doc: "the texts to learn from"},
			{Name: "validation", Type: artifacts.Table, Optional: true, Doc: "texts on which each report is measured"},
			{Name: "transform", Type: artifacts.Transform, Optional: true, Doc: "what cuts texts into tokens; needed unless a model is connected, which brings its own"},
			{Name: "model", Type: artifacts.Model, Optional: true, Doc: "a language model to go on from"},
		}, []dag.Port{
			{Name: dag.Out, Type: artifacts.Model, Doc: "from a beginning to what follows"},
		}
}

// Check implements dag.Kind.
func (t *TrainLanguage) Check(c *dag.Check) {
	signature := model.GenerationSignature()
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Model, Signature: &signature}
	for _, port := range []string{"train", "validation"} {
		checkTextColumn(c, port, "column", t.Column)
	}
	fresh, further := c.In["transform"].Type != "", c.In["model"].Type != ""
	switch {
	case fresh == further:
		c.Errorf("", "%s", oneBeginning)
	case further && len(t.Layers) > 0:
		c.Errorf("layers", "the network is that of the model; leave layers out")
	case fresh && len(t.Layers) == 0:
		c.Errorf("layers", "a new network needs layers")
	case further:
		if s := c.In["model"].Signature; s != nil && s.Task != model.GenerationTask {
			c.Errorf("in.model", "the model is for %s, and a language model is needed", s.Task)
		}
	default:
		t.checkNetwork(c, c.In["transform"].Signature)
	}
	checkMonitor(c, t.EarlyStopping)
}

// checkNetwork follows the shapes through the layers.
func (t *TrainLanguage) checkNetwork(c *dag.Check, s *dag.Signature) {
	if s == nil {
		return
	}
	if s.Tokens == 0 {
		c.Errorf("in.transform", "a language model reads tokens, and the transform gives numbers; text.tokenize and text.vectorize give tokens")
		return
	}
	in, context, layers := nn.Input{Tokens: true, Shape: []int{t.Context}}, nn.Context{Vocab: max(s.Tokens, 0), Classes: max(s.Tokens, 0)}, t.Layers.list()
	shapes, err := nn.Check(in, context, layers)
	var le *nn.LayerError
	switch {
	case errors.As(err, &le):
		c.Hintf("shape", layerField(le.Index, le.Kind), chain(in, layers, shapes), "%s %v", le.Kind, le.Err)
	case err != nil:
		c.Errorf("layers", "%v", err)
	case len(shapes[len(shapes)-1]) != 3:
		c.Hintf("shape", "layers", chain(in, layers, shapes), "a language model answers at every position; recurrent layers need return_sequences: true")
	default:
		if err := nn.CheckLoss(&nn.CategoricalCrossentropy{}, layers, shapes, context); err != nil {
			c.Hintf("shape", "layers", chain(in, layers, shapes), "%v", err)
		}
	}
}

// Run implements dag.Kind.
func (t *TrainLanguage) Run(ctx context.Context, env *dag.Env) error {
	language, network, from, err := t.begin(env)
	if err != nil {
		return err
	}
	if t.Sample != "" && len(model.PromptTokens(language, t.Sample)) == 0 {
		return fmt.Errorf("with.sample: no token of %.60q is known to the tokenizer; begin with words of the texts, or leave sample out", t.Sample)
	}
	words := newSpill(env)
	defer words.Close()
	train, err := t.tokens(ctx, env, "train", language, words)
	if err != nil {
		return err
	}
	window := t.Context
	if network != nil {
		window = network.Input.Shape[0]
	} else if network, err = t.network(env, language); err != nil {
		return err
	}
	if train.count < window+2 {
		return fmt.Errorf("the texts of train have %d tokens, and a context of %d needs more; use more text or a smaller context", train.count, window)
	}
	source := &windows{tokens: train, length: window, count: t.reportEvery() * t.BatchSize, seed: t.seed(env), random: true}
	var validation nn.Source
	if env.Has("validation") {
		tokens, err := t.tokens(ctx, env, "validation", language, words)
		if err != nil {
			return err
		}
		if tokens.count < window+2 {
			return fmt.Errorf("the texts of validation have %d tokens, and a context of %d needs more", tokens.count, window)
		}
		validation = newFixedWindows(tokens, window, t.Validation)
	}
	t.describe(env, network, train.count, window)
	history, err := t.fit(ctx, env, network, source, validation)
	if err != nil {
		return err
	}
	training := t.fitting(env).training(t.reports()*source.count, "categorical_crossentropy", t.Optimizer)
	training.From = from
	m, err := model.NewLanguageModel(training, history, language, network)
	if err != nil {
		return err
	}
	if t.Sample != "" {
		logSample(ctx, env, m, t.Sample, t.seed(env))
	}
	return saveModel(env, m)
}

// begin gives what the training starts from; the network is nil for a new one.
func (t *TrainLanguage) begin(env *dag.Env) (transform.Language, *nn.Network, artifacts.Digest, error) {
	if env.Has("model") == env.Has("transform") {
		return nil, nil, "", errors.New(oneBeginning)
	}
	if env.Has("model") {
		folder, err := env.Folder("model")
		if err != nil {
			return nil, nil, "", err
		}
		m, err := model.LoadLanguageModel(folder)
		if err != nil {
			return nil, nil, "", err
		}
		ref, err := env.Input("model")
		env.Logf("go on from the model %s", ref.Digest.Short())
		return m.Language(), m.Network(), ref.Digest, err
	}
	language, err := loadLanguage(env)
	if err != nil {
		return nil, nil, "", err
	}
	return language, nil, "", nil
}

func (t *TrainLanguage) seed(env *dag.Env) uint64 { return seedOf(t.Seed, env) }

func (t *TrainLanguage) network(env *dag.Env, language transform.Language) (*nn.Network, error) {
	size := language.Signature().Tokens
	return nn.NewNetwork(nn.Input{Tokens: true, Shape: []int{t.Context}}, nn.Context{Vocab: size, Classes: size}, slices.Clone(t.Layers.list()), t.seed(env))
}

func (t *TrainLanguage) reportEvery() int {
	if t.ReportEvery > 0 {
		return t.ReportEvery
	}
	return (t.Steps + 9) / 10
}

// reports is how many there are; the trainer counts them as epochs.
func (t *TrainLanguage) reports() int {
	return (t.Steps + t.reportEvery() - 1) / t.reportEvery()
}

func (t *TrainLanguage) describe(env *dag.Env, n *nn.Network, tokens, window int) {
	seen := float64(t.reports()*t.reportEvery()*t.BatchSize*window) / float64(tokens)
	env.Logf("%d tokens to learn from, each seen %.2f times", tokens, seen)
	describeNetwork(env, n)
	env.Metric("tokens", float64(tokens), 0)
}
