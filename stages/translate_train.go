package stages

import (
	"context"
	"errors"
	"time"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/nn"
	"pipe/stages/transform"
)

var translateTrainKind = dag.Info{
	Name:    "translate.train",
	Version: 3,
	Seeded:  true,
	Doc: `Trains a translator: a network of encoder and decoder that reads a text and writes another: a Transformer or, with network: lstm or gru,
recurrent layers (Sutskever et al. 2014) with attention between them (Bahdanau et al. 2015). A row is a pair of texts, and one
transform cuts both into tokens (let text.tokenize learn from a column that has both). Texts that are longer than max_source
or max_target are left out of the training. A training that was interrupted or killed continues where it was and ends with the
same bits. The loss is in nats a token, without the padding.`,
	Example: `train:
  uses: translate.train
  in: { train: split.train, validation: split.validation, transform: tokens }
  with: { source: swedish, target: english, layers: 3, heads: 4, dim: 256, dropout: 0.1, epochs: 10, batch_size: 64 }`,
	New: func() dag.Kind { return &TrainTranslation{checkpointEvery: 5 * time.Second} },
}

// TrainTranslation is the configuration of translate.train.
type TrainTranslation struct {
	Source    string       `yaml:"source" doc:"the column of texts that are read" required:"true" example:"swedish"`
	Target    string       `yaml:"target" doc:"the column of what they become" required:"true" example:"english"`
	MaxSource int          `yaml:"max_source" doc:"tokens of the longest text that is read" default:"32" min:"1" max:"4096"`
	MaxTarget int          `yaml:"max_target" doc:"tokens of the longest text that is written" default:"32" min:"1" max:"4096"`
	Network   string       `yaml:"network" doc:"what reads and writes: a Transformer; or recurrent layers, whose decoder begins with the states in which the encoder ends" default:"transformer" enum:"transformer,lstm,gru"`
	Layers    int          `yaml:"layers" doc:"blocks, or recurrent layers, of the encoder, and of the decoder" default:"3" min:"1" max:"1000"`
	Heads     int          `yaml:"heads" doc:"number of heads of the attention; 0 for 4" default:"0" min:"0" max:"1024"`
	Dim       int          `yaml:"dim" doc:"width of the model" default:"256" min:"1" max:"16384"`
	Hidden    int          `yaml:"hidden" doc:"width inside the feed-forward networks; 0 for four times the model" default:"0" min:"0" max:"65536"`
	Attention *bool        `yaml:"attention" doc:"whether the decoder of an lstm or a gru also reads every state of the encoder, and not only begins with the last; by default it does"`
	Both      bool         `yaml:"bidirectional" doc:"whether the encoder of an lstm or a gru reads the text backwards as well, with half of the state each" default:"false"`
	Dropout   float64      `yaml:"dropout" doc:"share that is dropped while training" default:"0.1" min:"0" below:"1"`
	Smoothing float32      `yaml:"label_smoothing" doc:"share of the target that is spread evenly over all tokens" default:"0.1" min:"0" max:"1"`
	Optimizer Optimizer    `yaml:"optimizer" doc:"how the weights follow the gradient" default:"adam"`
	Schedule  Schedule     `yaml:"schedule" doc:"how the learning rate changes; by default it does not" example:"cosine"`
	Epochs    int          `yaml:"epochs" doc:"passes over the pairs" default:"10" min:"1"`
	BatchSize int          `yaml:"batch_size" doc:"pairs per step" default:"64" min:"1" max:"65536"`
	Stopping  *nn.Stopping `yaml:"early_stopping" doc:"when to stop before the last epoch, and whether to go back to the best one"`
	Seed      *int64       `yaml:"seed" doc:"of first weights, order and dropout; by default the pipeline's"`
	ClipNorm  float64      `yaml:"clip_norm" doc:"the norm to which larger gradients are scaled down; 0 for never" default:"1" min:"0"`

	checkpointEvery time.Duration
}

// Ports implements dag.Kind.
func (t *TrainTranslation) Ports() (in, out []dag.Port) {
	return []dag.Port{
			{Name: "train", Type: artifacts.Table, Doc: "the pairs to learn from"},
			{Name: "validation", Type: artifacts.Table, Optional: true, Doc: "pairs on which each epoch is measured"},
			{Name: "transform", Type: artifacts.Transform, Doc: "what cuts the texts of both columns into tokens"},
		}, []dag.Port{
			{Name: dag.Out, Type: artifacts.Model, Doc: "from a text to its translation"},
		}
}

// Check implements dag.Kind.
func (t *TrainTranslation) Check(c *dag.Check) {
	signature := model.TranslationSignature(t.Source)
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Model, Signature: &signature}
	for _, port := range []string{"train", "validation"} {
		checkTextColumn(c, port, "source", t.Source)
		checkTextColumn(c, port, "target", t.Target)
	}
	t.checkNetwork(c)
	if s := c.In["transform"].Signature; s != nil && s.Tokens == 0 {
		c.Errorf("in.transform", "a translator reads tokens, and the transform gives numbers; text.tokenize and text.vectorize give tokens")
	}
	checkMonitor(c, t.Stopping)
}

// checkNetwork looks at what the networks do not have in common.
func (t *TrainTranslation) checkNetwork(c *dag.Check) {
	if heads := t.heads(); t.attends() && t.Dim%heads != 0 {
		c.Errorf("heads", "must divide dim, are %d and %d", t.Dim, heads)
	}
	if t.recurrent() {
		if t.Hidden != 0 {
			c.Errorf("hidden", "is the width of a Transformer's feed-forward networks, and an %s has none; its states have the width dim", t.Network)
		}
		if t.Heads != 0 && !t.attends() {
			c.Errorf("heads", "are those of the attention, and attention: false leaves it out")
		}
		if t.Both && t.Dim%2 != 0 {
			c.Errorf("dim", "must be even for an encoder that reads both ways, is %d", t.Dim)
		}
		return
	}
	if t.Attention != nil {
		c.Errorf("attention", "a Transformer consists of it; set it for network: lstm or gru")
	}
	if t.Both {
		c.Errorf("bidirectional", "the encoder of a Transformer reads both ways; set it for network: lstm or gru")
	}
}

func (t *TrainTranslation) recurrent() bool { return t.Network == "lstm" || t.Network == "gru" }

func (t *TrainTranslation) attends() bool { return t.Attention == nil || *t.Attention }

func (t *TrainTranslation) heads() int {
	if t.Heads == 0 {
		return 4
	}
	return t.Heads
}

// layer is the one layer of the network.
func (t *TrainTranslation) layer() nn.Layer {
	if t.recurrent() {
		return &nn.Seq2Seq{Source: t.MaxSource, Cell: t.Network, Layers: t.Layers, Dim: t.Dim, Bidirectional: t.Both,
			Attention: t.attends(), Heads: t.heads(), Dropout: t.Dropout}
	}
	return &nn.Transformer{Source: t.MaxSource, Layers: t.Layers, Heads: t.heads(), Dim: t.Dim, Hidden: t.Hidden, Dropout: t.Dropout}
}

// Run implements dag.Kind.
func (t *TrainTranslation) Run(ctx context.Context, env *dag.Env) error {
	language, err := loadLanguage(env)
	if err != nil {
		return err
	}
	if err := model.CheckTranslation(language); err != nil {
		return err
	}
	words := newSpill(env)
	defer words.Close()
	train, err := t.pairs(ctx, env, "train", language, words)
	if err != nil {
		return err
	}
	var validation nn.Source
	if env.Has("validation") {
		v, err := t.pairs(ctx, env, "validation", language, words)
		if err != nil {
			return err
		}
		validation = v
	}
	size := language.Signature().Tokens
	network, err := nn.NewNetwork(nn.Input{Tokens: true, Shape: []int{t.MaxSource + t.MaxTarget + 1}}, nn.Context{Vocab: size, Classes: size}, []nn.Layer{t.layer()}, t.seed(env))
	if err != nil {
		return err
	}
	describeNetwork(env, network)
	loss := &nn.CategoricalCrossentropy{LabelSmoothing: t.Smoothing}
	config := nn.FitConfig{Epochs: t.Epochs, BatchSize: t.BatchSize, Seed: t.seed(env), Loss: loss, ClipNorm: t.ClipNorm}
	f := newFitting(env, config, learning{t.Optimizer, t.Schedule, t.Stopping})
	f.checkpointEvery = t.checkpointEvery
	history, err := f.fit(ctx, network, train, validation)
	if err != nil {
		return err
	}
	m, err := model.NewTranslator(f.training(train.Len(), "categorical_crossentropy", t.Optimizer), history, t.Source, language, network)
	if err != nil {
		return err
	}
	return saveModel(env, m)
}

func (t *TrainTranslation) seed(env *dag.Env) uint64 { return seedOf(t.Seed, env) }

// loadLanguage reads the transform of a stage that needs one that cuts texts.
func loadLanguage(env *dag.Env) (transform.Language, error) {
	folder, err := env.Folder("transform")
	if err != nil {
		return nil, err
	}
	fitted, err := transform.Load(folder)
	if err != nil {
		return nil, err
	}
	language, ok := fitted.(transform.Language)
	if !ok {
		return nil, errors.New("the transform does not cut text into tokens; text.tokenize and text.vectorize do")
	}
	return language, nil
}

// checkMonitor wants validation rows for an early stopping that watches them.
func checkMonitor(c *dag.Check, s *nn.Stopping) {
	if s != nil && c.In["validation"].Type == "" && len(s.Monitor) > 4 && s.Monitor[:4] == "val_" {
		c.Hintf("config", "early_stopping.monitor", "connect in.validation, or let early_stopping monitor loss", "%s is measured on validation rows, and none are connected", s.Monitor)
	}
}

// describeNetwork tells how large a network is.
func describeNetwork(env *dag.Env, n *nn.Network) {
	parameters := n.Parameters()
	env.Logf("%d different tokens; the network has %d parameters", n.Context.Vocab, parameters)
	env.Metric("parameters", float64(parameters), 0)
}
