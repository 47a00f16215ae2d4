// Command shakespeare trains the GPT of nanoGPT's recipe for a CPU (4 layers, 4 heads, 128 wide, 64 letters, batches of 12, 2,000
// iterations) on Tiny Shakespeare and prints the loss over the whole validation part, in nats for a letter:
//
//	go run ./benchmarks/shakespeare tinyshakespeare.txt
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"time"

	"pipe/stages/nn"
)

const block = 64

func main() {
	iterations := flag.Int("iterations", 2000, "updates of the weights")
	seed := flag.Uint64("seed", 1337, "seed of everything")
	letters := flag.Int("letters", 500, "how many letters are written at the end")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: shakespeare [flags] tinyshakespeare.txt")
		os.Exit(3)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, flag.Arg(0), *iterations, *letters, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "shakespeare:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, file string, iterations, letters int, seed uint64) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text, alphabet := encode(raw)
	cut := len(text) * 9 / 10
	n, err := nn.NewNetwork(nn.Input{Tokens: true, Shape: []int{block}}, nn.Context{Vocab: len(alphabet), Classes: len(alphabet)},
		[]nn.Layer{&nn.GPT{Layers: 4, Heads: 4, Dim: 128}}, seed)
	if err != nil {
		return err
	}
	const batch = 12
	loss := &nn.CategoricalCrossentropy{}
	t, err := nn.NewTrainer(n, nn.FitConfig{Epochs: 1, BatchSize: batch, Seed: seed, Loss: loss, ClipNorm: 1, KeepOrder: true,
		Optimizer: &nn.AdamW{LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.99, Epsilon: 1e-8, WeightDecay: 0.1, MatricesOnly: true},
		Schedule:  &nn.Cosine{Final: 0.1, WarmUp: 100}})
	if err != nil {
		return err
	}
	start := time.Now()
	err = t.Fit(ctx, draws{text[:cut], iterations * batch, seed}, nil, nn.Callbacks{Step: func(r nn.StepResult) {
		if r.Step%250 == 0 {
			fmt.Printf("iteration %d: loss of the batch %.4f, %.1f s\n", r.Step, r.Loss, time.Since(start).Seconds())
		}
	}})
	if err != nil {
		return err
	}
	m, err := n.Evaluate(ctx, inOrder(text[cut:]), loss, 64)
	if err != nil {
		return err
	}
	fmt.Printf("validation loss %.4f, accuracy %.4f, %d parameters\n", m.Loss, m.Accuracy, size(n))
	return write(ctx, n, alphabet, letters, seed)
}

// encode numbers the letters of a text in their order.
func encode(raw []byte) (text []int32, alphabet []byte) {
	for _, b := range raw {
		if !slices.Contains(alphabet, b) {
			alphabet = append(alphabet, b)
		}
	}
	slices.Sort(alphabet)
	for _, b := range raw {
		at, _ := slices.BinarySearch(alphabet, b)
		text = append(text, int32(at))
	}
	return text, alphabet
}

func size(n *nn.Network) int {
	sum := 0
	for _, p := range n.Params() {
		sum += len(p.Data)
	}
	return sum
}

// fill writes the letters at a place, and those that follow each, into row number row of a batch.
func fill(b *nn.Batch, row int, text []int32, at int) {
	copy(b.Tokens[row*block:(row+1)*block], text[at:])
	copy(b.Labels[row*block:(row+1)*block], text[at+1:])
}

// draws is a source of blocks from random places.
type draws struct {
	text  []int32
	count int
	seed  uint64
}

func (d draws) Len() int { return d.count }

func (d draws) Batch(_ context.Context, examples []int, b *nn.Batch) error {
	for row, e := range examples {
		r := rand.New(rand.NewPCG(d.seed, uint64(e)))
		fill(b, row, d.text, r.IntN(len(d.text)-block))
	}
	return nil
}

// inOrder is a source of all blocks, one after the other.
type inOrder []int32

func (s inOrder) Len() int { return (len(s) - 1) / block }

func (s inOrder) Batch(_ context.Context, examples []int, b *nn.Batch) error {
	for row, e := range examples {
		fill(b, row, s, e*block)
	}
	return nil
}

// write lets the network write on after a line break; its table of positions ends at the block, so each block begins with the end of
// the one before.
func write(ctx context.Context, n *nn.Network, alphabet []byte, letters int, seed uint64) error {
	d, err := n.NewDecoder(block)
	if err != nil {
		return err
	}
	text := []int32{int32(slices.Index(alphabet, '\n'))}
	for len(text) < letters {
		d.Reset()
		g := nn.Generation{Sampler: nn.Sampler{Temperature: 0.8, TopK: 200}, Seed: seed + uint64(len(text)), MaxTokens: block / 2}
		_, err := d.Generate(ctx, slices.Clone(text[max(0, len(text)-block/2):]), g, func(token int32) bool {
			text = append(text, token)
			fmt.Printf("%c", alphabet[token])
			return len(text) < letters
		})
		if err != nil {
			return err
		}
	}
	fmt.Println()
	return nil
}
