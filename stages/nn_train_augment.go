package stages

import (
	"context"
	"math/rand/v2"

	"pipe/dag"
	"pipe/stages/nn"
	"pipe/stages/rows"
	"pipe/stages/score"
)

// Augment changes training rows a little, differently in every epoch, so that what is
// learnt does not hang on it. Validation rows stay as they are.
type Augment struct {
	Flip       bool    `yaml:"flip" doc:"half of the pictures are mirrored left to right" default:"false"`
	Shift      int     `yaml:"shift" doc:"pictures are moved by up to so many pixels in each direction (a random crop of the picture with a border of so many), sequences by up to so many steps; what comes in is the value of black or silence, as the least of the row" default:"0" min:"0"`
	Zoom       float64 `yaml:"zoom" doc:"a window of the picture, smaller by up to this share of each side, is enlarged to the whole" default:"0" min:"0" below:"1"`
	Contrast   float64 `yaml:"contrast" doc:"how far values are from the picture's mean is multiplied by up to this much more or less than 1" default:"0" min:"0" below:"1"`
	Saturation float64 `yaml:"saturation" doc:"how far the channels of a pixel are from their mean is multiplied by up to this much more or less than 1" default:"0" min:"0" below:"1"`
	Brightness float64 `yaml:"brightness" doc:"values are multiplied by up to this much more or less than 1" default:"0" min:"0" below:"1"`
	Noise      float64 `yaml:"noise" doc:"standard deviation of what is added to each value" default:"0" min:"0"`
	Mixup      float64 `yaml:"mixup" doc:"each row becomes a mean of itself and another of its batch, and so does what it should give (Zhang et al. 2018); the share is drawn from Beta(mixup, mixup), usual is 0.2" default:"0" min:"0"`
	TimeMask   int     `yaml:"time_mask" doc:"of sequences: a run of up to so many steps becomes the row's mean (SpecAugment, Park et al. 2019)" default:"0" min:"0"`
	BandMask   int     `yaml:"band_mask" doc:"of sequences: a run of up to so many features becomes the row's mean" default:"0" min:"0"`
}

func (a *Augment) none() bool { return a == nil || *a == Augment{} }

// checkAugment wants rows that can be changed so.
func (t *Train) checkAugment(c *dag.Check, s *dag.Signature) {
	if t.Augment.none() || s == nil {
		return
	}
	if s.Tokens != 0 || len(s.Shape) != 2 && len(s.Shape) != 3 {
		c.Errorf("augment", "pictures (height, width, channels) and sequences (time, features) can be changed; the transform gives %v", nn.Shape(s.Shape))
		return
	}
	changed := map[int]string{2: "pictures (height, width, channels)", 3: "sequences (time, features)"}[len(s.Shape)]
	for _, key := range t.Augment.idle(len(s.Shape)) {
		c.Errorf("augment."+key, "changes %s only, and the transform gives %v", changed, nn.Shape(s.Shape))
	}
	if t.Augment.Mixup > 0 && t.task() == score.Regression {
		c.Errorf("augment.mixup", "labels are mixed; mse takes numbers")
	}
}

// idle lists what is set and changes no rows of so many dimensions.
func (a *Augment) idle(dimensions int) (keys []string) {
	for _, of := range []struct {
		key        string
		set        bool
		dimensions int
	}{
		{"flip", a.Flip, 3}, {"zoom", a.Zoom > 0, 3}, {"contrast", a.Contrast > 0, 3}, {"saturation", a.Saturation > 0, 3},
		{"time_mask", a.TimeMask > 0, 2}, {"band_mask", a.BandMask > 0, 2},
	} {
		if of.set && of.dimensions != dimensions {
			keys = append(keys, of.key)
		}
	}
	return keys
}

// apply changes one row of a shape; the same epoch and row are changed in the same way.
func (a *Augment) apply(x []float32, shape []int, seed uint64, epoch, row int, room []float32) {
	var pcg rand.PCG
	pcg.Seed(seed^0x61756767, uint64(epoch)<<32|uint64(row))
	rng := rand.New(&pcg)
	switch len(shape) {
	case 3:
		a.picture(x, shape, rng, room)
	case 2:
		a.sequence(x, shape, rng, room)
	}
	if a.Brightness > 0 {
		factor := float32(1 + a.Brightness*(2*rng.Float64()-1))
		for i := range x {
			x[i] *= factor
		}
	}
	if a.Noise > 0 {
		for i := range x {
			x[i] += float32(a.Noise * rng.NormFloat64())
		}
	}
}

// darkest is the least value of each channel.
func darkest(x []float32, channels int) []float32 {
	dark := append([]float32(nil), x[:channels]...)
	for i, v := range x {
		dark[i%channels] = min(dark[i%channels], v)
	}
	return dark
}

// sequence moves in time and masks.
func (a *Augment) sequence(x []float32, shape []int, rng *rand.Rand, room []float32) {
	steps, features := shape[0], shape[1]
	if a.Shift > 0 {
		d := rng.IntN(2*a.Shift+1) - a.Shift
		copy(room, x)
		dark := darkest(x, features)
		for t := range steps {
			to := x[t*features:][:features]
			if from := t - d; from >= 0 && from < steps {
				copy(to, room[from*features:][:features])
			} else {
				copy(to, dark)
			}
		}
	}
	mean := float32(0)
	for _, v := range x {
		mean += v / float32(len(x))
	}
	if first, n := run(rng, a.TimeMask, steps); n > 0 {
		for i := first * features; i < (first+n)*features; i++ {
			x[i] = mean
		}
	}
	if first, n := run(rng, a.BandMask, features); n > 0 {
		for t := range steps {
			for f := first; f < first+n; f++ {
				x[t*features+f] = mean
			}
		}
	}
}

// run draws a run of up to most of size.
func run(rng *rand.Rand, most, size int) (first, n int) {
	if most = min(most, size); most == 0 {
		return 0, 0
	}
	n = rng.IntN(most + 1)
	return rng.IntN(size - n + 1), n
}

// augmented is training rows that are changed.
type augmented struct {
	nn.Source
	change *Augment
	shape  []int
	seed   uint64
	epoch  int
	width  int       // of a row
	room   []float32 // as much as a batch

	unmixed []float32 // of a batch whose rows are mixed
	other   []int32   // their labels
}

// source gives the rows of a training as they are learnt from.
func (t *Train) source(e *examples, n *nn.Network, seed uint64) nn.Source {
	mixed := t.mixed(e, seed)
	if t.Augment.none() || n.Input.Tokens {
		return mixed
	}
	return &augmented{Source: mixed, change: t.Augment, shape: n.Input.Shape, seed: seed, width: e.rows.width}
}

// BeginEpoch implements nn.Varied.
func (a *augmented) BeginEpoch(epoch int) {
	a.epoch = epoch
	if v, ok := a.Source.(nn.Varied); ok {
		v.BeginEpoch(epoch)
	}
}

// Batch implements nn.Source.
func (a *augmented) Batch(ctx context.Context, numbers []int, b *nn.Batch) error {
	if err := a.Source.Batch(ctx, numbers, b); err != nil {
		return err
	}
	if need := len(numbers) * a.width; len(a.room) < need {
		a.room = make([]float32, need)
	}
	rows.Each(len(numbers), func(i int) error {
		lo, hi := i*a.width, (i+1)*a.width
		a.change.apply(b.Features[lo:hi], a.shape, a.seed, a.epoch, numbers[i], a.room[lo:hi])
		return nil
	})
	if a.change.Mixup > 0 {
		a.mix(numbers, b)
	}
	return nil
}
