package stages

import (
	"context"
	"math/rand/v2"

	"pipe/dag"
	"pipe/stages/nn"
)

// Augment changes training rows a little, differently in every epoch, so that what is
// learnt does not hang on it. Validation rows stay as they are.
type Augment struct {
	Flip       bool    `yaml:"flip" doc:"half of the pictures are mirrored left to right" default:"false"`
	Shift      int     `yaml:"shift" doc:"pictures are moved by up to so many pixels in each direction, sequences by up to so many steps; what comes in is the value of black or silence, as the least of the row" default:"0" min:"0"`
	Brightness float64 `yaml:"brightness" doc:"values are multiplied by up to this much more or less than 1" default:"0" min:"0" below:"1"`
	Noise      float64 `yaml:"noise" doc:"standard deviation of what is added to each value" default:"0" min:"0"`
	TimeMask   int     `yaml:"time_mask" doc:"of sequences: a run of up to so many steps becomes the row's mean (SpecAugment, Park et al. 2019)" default:"0" min:"0"`
	BandMask   int     `yaml:"band_mask" doc:"of sequences: a run of up to so many features becomes the row's mean" default:"0" min:"0"`
}

func (a *Augment) none() bool { return a == nil || *a == Augment{} }

// check wants rows that can be changed so.
func (a *Augment) check(c *dag.Check, s *dag.Signature) {
	if a.none() || s == nil {
		return
	}
	if s.Tokens != 0 || len(s.Shape) != 2 && len(s.Shape) != 3 {
		c.Errorf("augment", "pictures (height, width, channels) and sequences (time, features) can be changed; the transform gives %v", nn.Shape(s.Shape))
	}
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

// picture moves and mirrors.
func (a *Augment) picture(x []float32, shape []int, rng *rand.Rand, room []float32) {
	height, width, channels := shape[0], shape[1], shape[2]
	dx, dy, mirror := 0, 0, false
	if a.Shift > 0 {
		dx, dy = rng.IntN(2*a.Shift+1)-a.Shift, rng.IntN(2*a.Shift+1)-a.Shift
	}
	if a.Flip {
		mirror = rng.IntN(2) == 1
	}
	if dx == 0 && dy == 0 && !mirror {
		return
	}
	copy(room, x)
	dark := darkest(x, channels)
	for y := range height {
		for at := range width {
			to := x[(y*width+at)*channels:][:channels]
			fx, fy := at-dx, y-dy
			if mirror {
				fx = width - 1 - fx
			}
			if fx < 0 || fx >= width || fy < 0 || fy >= height {
				copy(to, dark)
				continue
			}
			copy(to, room[(fy*width+fx)*channels:][:channels])
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
	*examples
	change *Augment
	shape  []int
	seed   uint64
	epoch  int
	room   []float32
}

// source gives the rows of a training as they are learnt from.
func (t *Train) source(e *examples, n *nn.Network, seed uint64) nn.Source {
	if t.Augment.none() || n.Input.Tokens {
		return e
	}
	return &augmented{examples: e, change: t.Augment, shape: n.Input.Shape, seed: seed, room: make([]float32, e.numbers.width)}
}

// BeginEpoch implements nn.Varied.
func (a *augmented) BeginEpoch(epoch int) { a.epoch = epoch }

// Batch implements nn.Source.
func (a *augmented) Batch(ctx context.Context, numbers []int, b *nn.Batch) error {
	if err := a.examples.Batch(ctx, numbers, b); err != nil {
		return err
	}
	width := len(a.room)
	for i, row := range numbers {
		a.change.apply(b.Features[i*width:(i+1)*width], a.shape, a.seed, a.epoch, row, a.room)
	}
	return nil
}
