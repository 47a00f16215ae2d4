// Command nn times steps of networks of stages/nn for run.py beside it, which times the same networks of PyTorch and Keras in turn. It
// is told a network, then for each line with a number of seconds it works that long and prints one JSON object with the time of
// each step and the processor time of all.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"pipe/stages/nn"
)

// result is what one line asks for, in seconds.
type result struct {
	Steps     []float64 `json:"steps"`
	Processor float64   `json:"processor"`
}

// meter measures steps between the lines of standard input.
type meter struct {
	in    *bufio.Scanner
	out   *json.Encoder
	until time.Time
	begin time.Time
	cpu   float64
	r     result
}

// step notes the end of a step and, when the time is over, answers and waits for the next line. It reports whether to go on.
func (m *meter) step() bool {
	now := time.Now()
	m.r.Steps = append(m.r.Steps, now.Sub(m.begin).Seconds())
	m.begin = now
	if now.Before(m.until) || len(m.r.Steps) < 3 {
		return true
	}
	m.r.Processor = processor() - m.cpu
	if err := m.out.Encode(m.r); err != nil {
		fail(err)
	}
	return m.next()
}

// next waits for a line.
func (m *meter) next() bool {
	if !m.in.Scan() {
		return false
	}
	seconds, err := strconv.ParseFloat(m.in.Text(), 64)
	if err != nil {
		fail(err)
	}
	m.r, m.cpu, m.begin = result{Steps: m.r.Steps[:0]}, processor(), time.Now()
	m.until = m.begin.Add(time.Duration(seconds * float64(time.Second)))
	return true
}

// processor returns the processor time of this process.
func processor() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		fail(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "nn:", err)
	os.Exit(1)
}

func main() {
	threads := flag.Int("threads", 1, "GOMAXPROCS")
	profile := flag.String("profile", "", "write a processor profile here")
	flag.Parse()
	runtime.GOMAXPROCS(*threads)
	work, ok := networks[flag.Arg(0)]
	if !ok {
		fmt.Fprintf(os.Stderr, "nn: there is no network %q\n", flag.Arg(0))
		os.Exit(3)
	}
	stop, err := startProfile(*profile)
	if err != nil {
		fail(err)
	}
	m := &meter{in: bufio.NewScanner(os.Stdin), out: json.NewEncoder(os.Stdout)}
	if m.next() {
		err = work(m)
	}
	stop()
	if err != nil {
		fail(err)
	}
}

// train repeats steps of training on one batch.
func train(m *meter, n *nn.Network, cfg nn.FitConfig, batch *nn.Examples) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cfg.Epochs, cfg.BatchSize = 1<<40, batch.Count
	t, err := nn.NewTrainer(n, cfg)
	if err != nil {
		return err
	}
	err = t.Fit(ctx, batch, nil, nn.Callbacks{Step: func(nn.StepResult) {
		if !m.step() {
			cancel()
		}
	}})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// answer repeats the network's answer to one batch.
func answer(m *meter, n *nn.Network, batch *nn.Examples) error {
	for {
		err := n.Predict(context.Background(), batch, batch.Count, func(int, []float32) error { return nil })
		if err != nil || !m.step() {
			return err
		}
	}
}
