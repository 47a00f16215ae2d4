package stages

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/nn"
	"pipe/stages/score"
)

var trainKind = dag.Info{
	Name:    "nn.train",
	Version: 5,
	Seeded:  true,
	Doc: `Trains a neural network to predict a column from what a transform makes of the others.
With a crossentropy the target is a label (text, whole numbers or booleans) and the classes are the distinct
labels of the training table in sorted order; with mse it is a number. Tables are read as streams: up to a quarter
of the memory (GOMEMLIMIT, or the machine's) holds rows in the form that the network reads, and a temporary file the
rest, so that more data than memory gives the same bits. Several training tables are learnt from together: mix says how
often the rows of each are seen. A training that was interrupted or killed continues where it was and ends with the same bits. The model holds the transform, so that it is used with raw columns. With a model connected in place
of a transform, training goes on from there (fine-tuning); with layers as well, these are a new end on the model's
first layers, for other labels. The first layers that freeze names compute what they would in an answer: nothing is
dropped in them and running means stay. A layer is written as a word, or as a word with its
settings.`,
	Details: networkReference,
	Example: `train:
  uses: nn.train
  in: { train: split.train, validation: split.validation, transform: words }
  with:
    target: label
    layers:
      - embedding: { dim: 128 }
      - lstm: { units: 128 }
      - dropout: { rate: 0.3 }
      - dense: { units: classes, activation: softmax }
    loss: categorical_crossentropy
    optimizer: { adam: { learning_rate: 0.001 } }
    epochs: 10
    early_stopping: { patience: 3, restore_best: true }`,
	New: func() dag.Kind { return &Train{checkpointEvery: 5 * time.Second} },
}

// Train is the configuration of nn.train.
type Train struct {
	Target        string       `yaml:"target" doc:"the column to predict" required:"true" example:"label"`
	Layers        Layers       `yaml:"layers" doc:"the network, from input to output; needed unless a model is connected, which brings its own. With a model they are a new end on its first layers, for other labels"`
	Keep          int          `yaml:"keep" doc:"how many layers of a connected model stay in front of a new end; 0 for all before its last one with weights" default:"0" min:"0"`
	Loss          Loss         `yaml:"loss" doc:"what training makes small: a crossentropy for labels, mse for numbers" required:"true" example:"categorical_crossentropy"`
	Optimizer     Optimizer    `yaml:"optimizer" doc:"how the weights follow the gradient" default:"adam"`
	Schedule      Schedule     `yaml:"schedule" doc:"how the learning rate changes; by default it does not" example:"cosine"`
	Epochs        int          `yaml:"epochs" doc:"how often the training rows are gone through" default:"10" min:"1"`
	BatchSize     int          `yaml:"batch_size" doc:"rows per step" default:"32" min:"1"`
	Mix           []float64    `yaml:"mix" doc:"of several training tables, how often the rows of each are seen in an epoch: 3 for three times, 0.5 for half of them, in turn; by default each is seen once" example:"[1, 0.25]"`
	Shuffle       bool         `yaml:"shuffle" doc:"whether each epoch has an order of its own" default:"true"`
	Seed          *int64       `yaml:"seed" doc:"of first weights, order and dropout; by default the pipeline's"`
	EarlyStopping *nn.Stopping `yaml:"early_stopping" doc:"when to stop before the last epoch, and whether to go back to the best one"`
	ClassWeight   ClassWeight  `yaml:"class_weight" doc:"what a row of a class counts: balanced, so that all classes count the same in all, or a map of labels to numbers"`
	MicroBatch    int          `yaml:"micro_batch" doc:"rows at once, whose gradients add up to those of a step, so that a large batch needs less memory; 0 for all" default:"0" min:"0"`
	Freeze        int          `yaml:"freeze" doc:"how many of the first layers keep their weights" default:"0" min:"0"`
	ClipNorm      float64      `yaml:"clip_norm" doc:"the norm to which larger gradients are scaled down; 0 for never" default:"0" min:"0"`
	SelfCheck     bool         `yaml:"self_check" doc:"whether a copy of the network must first learn one batch by heart, in at most 200 steps: one that cannot would learn nothing from the rest" default:"false"`
	Augment       *Augment     `yaml:"augment" doc:"small changes of training rows, others in every epoch"`
	TensorBoard   bool         `yaml:"tensorboard" doc:"whether curves and histograms of the weights are written as an event file, the output tensorboard" default:"false"`

	checkpointEvery time.Duration
}

// Ports implements dag.Kind.
func (t *Train) Ports() (in, out []dag.Port) {
	return []dag.Port{
			{Name: "train", Type: artifacts.Table, Many: true, Distinct: true, Doc: "the rows to learn from; of several tables, all with the target and the columns that the transform reads, all are mixed"},
			{Name: "validation", Type: artifacts.Table, Optional: true, Doc: "rows on which each epoch is judged"},
			{Name: "transform", Type: artifacts.Transform, Optional: true, Doc: "what makes the network's input from a row; needed unless a model is connected, which brings its own"},
			{Name: "model", Type: artifacts.Model, Optional: true, Doc: "a trained model to go on from: its transform, network, weights and classes"},
		}, []dag.Port{
			{Name: dag.Out, Type: artifacts.Model, Doc: "from raw columns to an answer"},
			{Name: "tensorboard", Type: artifacts.File, Optional: true, Doc: "a folder for TensorBoard, where it is asked for: curves of all epochs and histograms of the weights"},
		}
}

// task tells from the loss what is learnt.
func (t *Train) task() string {
	if _, loss := only(t.Loss); isRegression(loss) {
		return score.Regression
	}
	return score.Classification
}

func isRegression(l nn.Loss) bool { _, ok := l.(*nn.MSE); return ok }

// Run implements dag.Kind.
func (t *Train) Run(ctx context.Context, env *dag.Env) error {
	b, err := t.begin(env)
	if err != nil {
		return err
	}
	words := newSpill(env)
	defer words.Close()
	train, err := t.readExamples(ctx, env, "train", b.transform, b.known, words)
	if err != nil {
		return err
	}
	if err := t.checkClasses(train); err != nil {
		return err
	}
	var validation *examples
	if env.Has("validation") {
		if validation, err = t.readExamples(ctx, env, "validation", b.transform, train, words); err != nil {
			return err
		}
	}
	if b.network == nil {
		if b.network, err = t.network(env, b, train); err != nil {
			return err
		}
	}
	if err := t.refuseFrozen(b.network); err != nil {
		return err
	}
	t.describeWork(env, b.network, train, validation)
	history, epochs, err := t.fit(ctx, env, b.network, train, validation)
	if err != nil {
		return err
	}
	if t.TensorBoard {
		if err := writeEvents(env, history, epochs); err != nil {
			return err
		}
	}
	m, err := model.New(t.manifest(env, b, train, validation), history, b.transform, b.network)
	if err != nil {
		return err
	}
	draft, err := env.CreateFolder(dag.Out, artifacts.Model)
	if err != nil {
		return err
	}
	if err := model.Save(draft, m); err != nil {
		return err
	}
	return saveProfile(ctx, env, m, draft)
}

func (t *Train) seed(env *dag.Env) uint64 { return seedOf(t.Seed, env) }

// seedOf is the seed of a training: its own, or that of the pipeline.
func seedOf(own *int64, env *dag.Env) uint64 {
	if own != nil {
		return uint64(*own)
	}
	return env.Seed
}

func (t *Train) network(env *dag.Env, b *beginning, train *examples) (n *nn.Network, err error) {
	s := b.transform.Signature()
	in := nn.Input{Tokens: s.Tokens > 0, Shape: slices.Clone(s.Shape)}
	c := nn.Context{Classes: len(train.classes), Vocab: s.Tokens}
	if b.front == nil {
		n, err = nn.NewNetwork(in, c, t.Layers.list(), t.seed(env))
	} else {
		env.Logf("the first %d of the model's %d layers stay", t.kept(b.front), len(b.front.Layers))
		n, err = b.front.Extended(in, c, t.kept(b.front), t.Layers.list(), t.seed(env))
	}
	if err != nil {
		return nil, err
	}
	if width := n.OutShape().Last(); width != 1 && width != len(train.classes) {
		return nil, fmt.Errorf("column %q has %d labels and the network gives %d numbers for each row; write units: classes", t.Target, len(train.classes), width)
	}
	return n, nil
}

func (t *Train) manifest(env *dag.Env, b *beginning, train, validation *examples) model.Manifest {
	target := dag.Column{Name: t.Target, Type: train.target.String()}
	name, loss := only(t.Loss)
	m := model.Manifest{
		Task: t.task(), Target: target, Classes: train.classes, Logits: fromLogits(loss),
		Signature: model.SignatureOf(b.transform.Signature(), t.task(), target),
		Training: model.Training{
			Rows: int64(train.Count), BatchSize: t.BatchSize, Seed: t.seed(env),
			Loss: map[string]map[string]any{name: settings(loss)}, From: b.from,
		},
	}
	optimizer, o := only(t.Optimizer)
	m.Training.Optimizer = map[string]map[string]any{optimizer: settings(o)}
	if validation != nil {
		m.Training.ValidationRows = int64(validation.Count)
	}
	return m
}

func fromLogits(l nn.Loss) bool {
	on, _ := settings(l)["from_logits"].(bool)
	return on
}

func (t *Train) describeWork(env *dag.Env, n *nn.Network, train, validation *examples) {
	parameters := n.Parameters()
	text := fmt.Sprintf("%d rows to learn from", train.Count)
	if n := len(train.tables); n > 1 {
		text += fmt.Sprintf(" in %d tables", n)
	}
	if validation != nil {
		text += fmt.Sprintf(", %d to validate on", validation.Count)
	}
	if train.classes != nil {
		text += fmt.Sprintf("; %d classes", len(train.classes))
	}
	const mib = 1 << 20
	words := train.rows.words
	memory := fmt.Sprintf("%.1f MiB in memory", float64(words.inMemory())/mib)
	if rest := words.size - words.inMemory(); rest > 0 {
		memory += fmt.Sprintf(", %.1f MiB in a temporary file", float64(rest)/mib)
	}
	env.Logf("%s; %s; the network has %d parameters", text, memory, parameters)
}
