package main

import (
	"bufio"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"syscall"
	"time"

	"pipe/stages/nn"
)

// turn is what one line asks for.
type turn struct {
	Updates   int       `json:"updates"`   // in all
	Seconds   float64   `json:"seconds"`   // of training, in all
	Processor float64   `json:"processor"` // seconds, in all
	Steps     []float64 `json:"steps"`     // seconds of each
	Losses    []float64 `json:"losses"`    // of each batch
}

// training trains between the lines of standard input and knows how long it has trained.
type training struct {
	in     *bufio.Scanner
	out    *json.Encoder
	turn   turn
	before float64 // seconds of training until this turn
	begin  time.Time
	last   time.Time
	until  time.Time
	idle   float64 // processor seconds before the first turn
}

// next waits for a line and tells whether there was one.
func (t *training) next() (bool, error) {
	if !t.in.Scan() {
		return false, t.in.Err()
	}
	seconds, err := strconv.ParseFloat(t.in.Text(), 64)
	if err != nil {
		return false, err
	}
	if t.begin.IsZero() {
		t.idle = processor()
	}
	t.before, t.begin = t.turn.Seconds, time.Now()
	t.last, t.until = t.begin, t.begin.Add(time.Duration(seconds*float64(time.Second)))
	t.turn.Steps, t.turn.Losses = nil, nil
	return true, nil
}

// elapsed is how long it has trained in all.
func (t *training) elapsed() float64 { return t.before + time.Since(t.begin).Seconds() }

// step notes an update and tells whether to go on.
func (t *training) step(loss float64) (bool, error) {
	now := time.Now()
	t.turn.Updates++
	t.turn.Steps, t.turn.Losses = append(t.turn.Steps, now.Sub(t.last).Seconds()), append(t.turn.Losses, loss)
	t.last = now
	if now.Before(t.until) {
		return true, nil
	}
	t.turn.Seconds, t.turn.Processor = t.elapsed(), processor()-t.idle
	if err := t.out.Encode(t.turn); err != nil {
		return false, err
	}
	return t.next()
}

// cosine lowers the rate along half a cosine, by updates or by the time of the training.
type cosine struct {
	settings
	*training
}

// At implements nn.Schedule.
func (c cosine) At(p nn.Progress) float64 {
	if p.Update < warmUp {
		return float64(p.Update+1) / warmUp
	}
	done := c.elapsed() / c.settings.Seconds
	if c.Updates > 0 {
		done = float64(p.Update) / float64(c.Updates)
	}
	return 0.05 + 0.95*0.5*(1+math.Cos(math.Pi*min(done, 1)))
}

func train(folder string, s settings, profile string) error {
	var data ids
	if err := readJSON(filepath.Join(folder, "ids.json"), &data); err != nil {
		return err
	}
	orders, err := os.ReadFile(filepath.Join(folder, "orders.bin"))
	if err != nil {
		return err
	}
	l, err := language(folder)
	if err != nil {
		return err
	}
	n, err := network(folder, s, l, "first")
	if err != nil {
		return err
	}
	t := &training{in: bufio.NewScanner(os.Stdin), out: json.NewEncoder(os.Stdout)}
	loss := &nn.CategoricalCrossentropy{LabelSmoothing: 0.1}
	trainer, err := nn.NewTrainer(n, nn.FitConfig{
		Epochs: 1 << 40, BatchSize: batch, Seed: seed, Loss: loss, KeepOrder: true, ClipNorm: 1, Schedule: cosine{s, t},
		Optimizer: &nn.AdamW{LearningRate: s.Rate, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-7, WeightDecay: 0.01},
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if more, err := t.next(); !more {
		return err
	}
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
	}
	var failed error
	err = trainer.Fit(ctx, &examples{all: data.Train, orders: orders}, nil, nn.Callbacks{Step: func(r nn.StepResult) {
		more, err := t.step(r.Loss)
		if !more {
			failed = err
			stop()
		}
	}})
	pprof.StopCPUProfile()
	if ctx.Err() == nil {
		return err
	}
	if failed != nil {
		return failed
	}
	if err := saveWeights(folder, "pipe", n); err != nil {
		return err
	}
	m, err := n.Evaluate(context.Background(), &examples{all: data.Validation}, loss, batch)
	if err != nil {
		return err
	}
	return t.out.Encode(map[string]float64{"validation": m.Loss})
}

// processor returns the processor time of this process.
func processor() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return math.NaN()
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}
