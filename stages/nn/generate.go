package nn

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Generation says how a text is written on.
type Generation struct {
	Sampler
	MaxTokens int     // how many are written at most; 0 for as many as there is room for
	Stop      []int32 // tokens that end the text and are not part of it
	Seed      uint64
}

// Check says what is wrong with the settings.
func (g Generation) Check() error {
	switch {
	case !(g.Temperature >= 0):
		return fmt.Errorf("temperature must not be negative, is %v", g.Temperature)
	case g.TopK < 0:
		return fmt.Errorf("top_k must not be negative, is %d", g.TopK)
	case !(g.TopP >= 0 && g.TopP <= 1):
		return fmt.Errorf("top_p must be from 0 to 1, is %v", g.TopP)
	case !(g.RepetitionPenalty >= 0):
		return fmt.Errorf("repetition_penalty must not be negative, is %v", g.RepetitionPenalty)
	case g.MaxTokens < 0:
		return fmt.Errorf("the number of tokens to write must not be negative, is %d", g.MaxTokens)
	}
	return nil
}

// Ending says why a text ended.
type Ending string

// The endings. Length is that MaxTokens are written or the decoder is full; Stopped
// that a stop token came or the receiver wanted no more.
const (
	Length  Ending = "length"
	Stopped Ending = "stop"
)

// errNotNumbers is what a network says that has overflowed.
var errNotNumbers = errors.New("the network gives numbers that are not finite")

// Generate reads a prompt after whatever the decoder has read, chooses tokens one
// after the other and hands each to yield until yield returns false. The same
// prompt, settings and seed give the same tokens.
func (d *Decoder) Generate(ctx context.Context, prompt []int32, g Generation, yield func(token int32) bool) (Ending, error) {
	if err := g.Check(); err != nil {
		return "", err
	}
	logits, err := d.Next(ctx, prompt...)
	if err != nil {
		return "", err
	}
	c := g.Chooser(g.Seed)
	c.Read(prompt...)
	for written := 0; g.MaxTokens == 0 || written < g.MaxTokens; written++ {
		token := c.Choose(logits)
		if l := logits[token]; l != l {
			return "", fmt.Errorf("after %d tokens: %w", d.Len(), errNotNumbers)
		}
		if slices.Contains(g.Stop, token) || !yield(token) {
			return Stopped, nil
		}
		if d.Len() == d.Limit() {
			break
		}
		c.Read(token)
		if logits, err = d.Next(ctx, token); err != nil {
			return "", err
		}
	}
	return Length, nil
}
