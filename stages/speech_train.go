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

var speechTrainKind = dag.Info{
	Name:    "speech.train",
	Version: 1,
	Seeded:  true,
	Doc: `Trains a recogniser: a network that writes down what is said in recordings, of which only the text is known and not when
each part of it is said (CTC, Graves et al. 2006). A row is a recording and its text. The network gives, at every step that remains of the
recording, the probability of each label: end it with "dense: { units: classes, activation: softmax }". The labels are the characters of the
training texts, or whole words. Recordings that are longer than the transform's seconds, and texts with more labels than the network has
steps, are left out of the training; when the model answers, a longer recording is heard in windows. A training that was interrupted or
killed continues where it was and ends with the same bits. The loss is in nats a recording; accuracy is the share of texts that are right.`,
	Example: `train:
  uses: speech.train
  in: { train: split.train, validation: split.validation, transform: sound }
  with:
    text: text
    layers:
      - conv1d: { filters: 64, kernel_size: 5, padding: same, activation: relu }
      - max_pool: { pool_size: 2 }
      - gru: { units: 64, bidirectional: true, return_sequences: true }
      - dense: { units: classes, activation: softmax }
    epochs: 20`,
	New: func() dag.Kind { return &TrainSpeech{checkpointEvery: 5 * time.Second} },
}

// TrainSpeech is the configuration of speech.train.
type TrainSpeech struct {
	Text          string        `yaml:"text" doc:"the column of what is said" default:"text"`
	Units         string        `yaml:"units" doc:"what a label is: characters, or words, which needs less training where there are few" default:"characters" enum:"characters,words"`
	Plain         bool          `yaml:"plain" doc:"whether letters are in lower case and punctuation is left out, in training and in what texts are compared with" default:"true"`
	Layers        Layers        `yaml:"layers" doc:"the network, from input to output" required:"true"`
	Optimizer     Optimizer     `yaml:"optimizer" doc:"how the weights follow the gradient" default:"adam"`
	Schedule      Schedule      `yaml:"schedule" doc:"how the learning rate changes; by default it does not" example:"cosine"`
	Epochs        int           `yaml:"epochs" doc:"passes over the recordings" default:"20" min:"1"`
	BatchSize     int           `yaml:"batch_size" doc:"recordings per step" default:"32" min:"1" max:"65536"`
	EarlyStopping *nn.Stopping  `yaml:"early_stopping" doc:"when to stop before the last epoch, and whether to go back to the best one"`
	Seed          *int64        `yaml:"seed" doc:"of first weights, order and dropout; by default the pipeline's"`
	ClipNorm      float64       `yaml:"clip_norm" doc:"the norm to which larger gradients are scaled down; 0 for never" default:"5" min:"0"`
	Augment       *SoundAugment `yaml:"augment" doc:"small changes of spectrograms, others in every epoch"`
	Search        model.Search  `yaml:"search" doc:"how the model looks for texts unless it is told otherwise"`

	checkpointEvery time.Duration
}

// SoundAugment is what of Augment changes spectrograms.
type SoundAugment struct {
	Shift      int     `yaml:"shift" doc:"a recording is moved by up to so many steps; what comes in is silence, as the least of the spectrogram" default:"0" min:"0"`
	Brightness float64 `yaml:"brightness" doc:"values are multiplied by up to this much more or less than 1" default:"0" min:"0" below:"1"`
	Noise      float64 `yaml:"noise" doc:"standard deviation of what is added to each value" default:"0" min:"0"`
	TimeMask   int     `yaml:"time_mask" doc:"a run of up to so many steps becomes the spectrogram's mean (SpecAugment, Park et al. 2019)" default:"0" min:"0"`
	BandMask   int     `yaml:"band_mask" doc:"a run of up to so many bands becomes the spectrogram's mean" default:"0" min:"0"`
}

// rows is the same as nn.train would have it; nil for none.
func (a *SoundAugment) rows() *Augment {
	if a == nil || *a == (SoundAugment{}) {
		return nil
	}
	return &Augment{Shift: a.Shift, Brightness: a.Brightness, Noise: a.Noise, TimeMask: a.TimeMask, BandMask: a.BandMask}
}

// Ports implements dag.Kind.
func (t *TrainSpeech) Ports() (in, out []dag.Port) {
	return []dag.Port{
			{Name: "train", Type: artifacts.Table, Doc: "the recordings to learn from"},
			{Name: "validation", Type: artifacts.Table, Optional: true, Doc: "recordings on which each epoch is judged"},
			{Name: "transform", Type: artifacts.Transform, Doc: "what makes a spectrogram of a recording: speech.features"},
		}, []dag.Port{
			{Name: dag.Out, Type: artifacts.Model, Doc: "from a recording to its text"},
		}
}

// Check implements dag.Kind.
func (t *TrainSpeech) Check(c *dag.Check) {
	out := dag.Schema{Type: artifacts.Model}
	for _, port := range []string{"train", "validation"} {
		checkTextColumn(c, port, "text", t.Text)
	}
	checkMonitor(c, t.EarlyStopping)
	if s := c.In["transform"].Signature; s != nil {
		t.checkNetwork(c, s)
		checkInputs(c, s, "train", "validation")
		if len(s.Inputs) == 1 {
			signature := model.TranscriptionSignature(s.Inputs[0].Name)
			out.Signature = &signature
		}
	}
	c.Out[dag.Out] = out
}

// checkNetwork follows the shapes through the layers.
func (t *TrainSpeech) checkNetwork(c *dag.Check, s *dag.Signature) {
	if s.Tokens != 0 || len(s.Shape) != 2 {
		c.Errorf("in.transform", "a recogniser reads spectrograms, and the transform gives something else; speech.features gives them")
		return
	}
	in, layers := nn.Input{Shape: s.Shape}, t.Layers.list()
	shapes, err := nn.Check(in, nn.Context{}, layers)
	var le *nn.LayerError
	switch {
	case errors.As(err, &le):
		c.Hintf("shape", layerField(le.Index, le.Kind), chain(in, layers, shapes), "%s %s", le.Kind, le.Err)
	case err != nil:
		c.Errorf("layers", "%v", err)
	default:
		last := len(layers) - 1
		field := layerField(last, nn.LayerKind(layers[last]))
		if out := shapes[last]; len(out) != 3 {
			c.Hintf("shape", field, chain(in, layers, shapes), "the network gives %v and not an answer at every step; let recurrent layers have return_sequences: true", out)
		} else if err := nn.CheckLoss(&nn.CTC{}, layers, shapes, nn.Context{}); err != nil {
			c.Hintf("shape", field, chain(in, layers, shapes), "%v", err)
		}
	}
}

// Run implements dag.Kind.
func (t *TrainSpeech) Run(ctx context.Context, env *dag.Env) error {
	fitted, err := loadSound(env)
	if err != nil {
		return err
	}
	train, err := readSpeech(ctx, env, "train", t.Text, fitted)
	if err != nil {
		return err
	}
	spelling, err := model.NewSpelling(t.Units, t.Plain, t.Search, train.texts)
	if err != nil {
		return fmt.Errorf("train: the texts of column %q cannot be learnt: %w", t.Text, err)
	}
	classes := len(spelling.Labels)
	network, err := nn.NewNetwork(nn.Input{Shape: slices.Clone(fitted.Signature().Shape)}, nn.Context{Classes: classes}, t.Layers.list(), t.seed(env))
	if err != nil {
		return err
	}
	out := network.OutShape()
	if out.Last() != classes {
		return fmt.Errorf("there are %d labels and the network gives %d numbers at each step; write units: classes", classes, out.Last())
	}
	if err := train.encode(env, spelling, out[1]); err != nil {
		return err
	}
	var validation nn.Source
	if env.Has("validation") {
		v, err := readSpeech(ctx, env, "validation", t.Text, fitted)
		if err != nil {
			return err
		}
		if err := v.encode(env, spelling, out[1]); err != nil {
			return err
		}
		validation = v
	}
	if change := t.Augment.rows(); change != nil {
		train.augment, train.shape, train.seed = change, network.Input.Shape, t.seed(env)
		train.room = make([]float32, nn.Shape(train.shape).Size())
	}
	t.describe(env, network, classes)
	config := nn.FitConfig{Epochs: t.Epochs, BatchSize: t.BatchSize, Seed: t.seed(env), Loss: &nn.CTC{ZeroInfinity: true}, ClipNorm: t.ClipNorm}
	f := newFitting(env, config, learning{t.Optimizer, t.Schedule, t.EarlyStopping})
	f.checkpointEvery = t.checkpointEvery
	history, err := f.fit(ctx, network, train, validation)
	if err != nil {
		return err
	}
	m, err := model.NewRecognizer(f.training(train.Len(), "ctc", t.Optimizer), history, fitted, spelling, network)
	if err != nil {
		return err
	}
	return saveModel(env, m)
}

func (t *TrainSpeech) seed(env *dag.Env) uint64 { return seedOf(t.Seed, env) }

func (t *TrainSpeech) describe(env *dag.Env, n *nn.Network, labels int) {
	parameters := n.Parameters()
	env.Logf("%d labels with the blank, at %d steps; the network has %d parameters", labels, n.OutShape()[1], parameters)
	env.Metric("parameters", float64(parameters), 0)
	env.Metric("labels", float64(labels), 0)
}

// loadSound reads the transform of a stage that needs one of recordings.
func loadSound(env *dag.Env) (*transform.Sound, error) {
	folder, err := env.Folder("transform")
	if err != nil {
		return nil, err
	}
	fitted, err := transform.Load(folder)
	if err != nil {
		return nil, err
	}
	s, ok := fitted.(*transform.Sound)
	if !ok {
		return nil, errors.New("the transform does not read recordings; speech.features does")
	}
	return s, nil
}
