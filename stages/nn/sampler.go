package nn

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Sampler says how the next token is chosen from logits. The zero value takes the
// likeliest.
type Sampler struct {
	Temperature       float64 `yaml:"temperature" doc:"what logits are divided by; 0 takes the likeliest token" default:"0" min:"0"`
	TopK              int     `yaml:"top_k" doc:"how many of the likeliest tokens are considered; 0 for all" default:"0" min:"0"`
	TopP              float64 `yaml:"top_p" doc:"share of the probability that is considered, likeliest first (Holtzman et al. 2020)" default:"1" above:"0" max:"1"`
	RepetitionPenalty float64 `yaml:"repetition_penalty" doc:"what makes tokens that were there before less likely: positive logits are divided by it, negative ones multiplied (Keskar et al. 2019)" default:"1" above:"0"`
}

// Chooser chooses tokens as its Sampler says. It keeps the room that it needs, so
// that choosing allocates nothing after the first time. It is used by one goroutine.
type Chooser struct {
	Sampler
	pcg        rand.PCG
	seen       []bool // by token
	scores     []float32
	candidates []candidate
	total      float64 // what all tokens weigh that top_p takes its share of
}

// candidate is a token that may be chosen and, relative to the likeliest, how likely
// it is.
type candidate struct {
	token  int32
	weight float64
}

// Chooser returns a chooser whose draws are a function of the seed.
func (s Sampler) Chooser(seed uint64) *Chooser {
	c := &Chooser{Sampler: s}
	c.Restart(seed)
	return c
}

// Restart forgets which tokens were there and begins the draws of another seed.
func (c *Chooser) Restart(seed uint64) {
	c.pcg.Seed(derive(seed, "sample"))
	clear(c.seen)
}

// Read takes note of tokens for the repetition penalty: those of the prompt and those
// that were chosen.
func (c *Chooser) Read(tokens ...int32) {
	if c.RepetitionPenalty == 0 || c.RepetitionPenalty == 1 {
		return
	}
	for _, t := range tokens {
		if int(t) >= len(c.seen) {
			c.seen = append(c.seen, make([]bool, int(t)+1-len(c.seen))...)
		}
		c.seen[t] = true
	}
}

// Choose returns a token. It does not change the logits.
func (c *Chooser) Choose(logits []float32) int32 {
	logits = c.penalised(logits)
	best := argmax(logits)
	if c.Temperature == 0 {
		return int32(best)
	}
	c.weigh(logits, best)
	c.keepLikeliest()
	return c.draw()
}

// penalised returns the logits with those of seen tokens lowered.
func (c *Chooser) penalised(logits []float32) []float32 {
	if len(c.seen) == 0 {
		return logits
	}
	c.scores = append(c.scores[:0], logits...)
	for t, seen := range c.seen[:min(len(c.seen), len(logits))] {
		switch {
		case !seen:
		case c.scores[t] > 0:
			c.scores[t] /= float32(c.RepetitionPenalty)
		default:
			c.scores[t] *= float32(c.RepetitionPenalty)
		}
	}
	return c.scores
}

// weigh makes every token a candidate that can matter. With top_p, tokens that
// together are lighter than what it cuts off need not be sorted: the likeliest alone
// weighs 1.
func (c *Chooser) weigh(logits []float32, best int) {
	floor := 0.0
	if c.nucleus() && c.TopK == 0 {
		floor = (1 - c.TopP) / float64(len(logits))
	}
	c.candidates, c.total = slices.Grow(c.candidates[:0], len(logits)), 0
	for t, v := range logits {
		w := math.Exp((float64(v) - float64(logits[best])) / c.Temperature)
		c.total += w
		if w >= floor {
			c.candidates = append(c.candidates, candidate{int32(t), w})
		}
	}
}

func (c *Chooser) nucleus() bool { return c.TopP > 0 && c.TopP < 1 }

// keepLikeliest drops what top_k and then top_p leave out. Of equally likely tokens
// the first come first.
func (c *Chooser) keepLikeliest() {
	few := c.TopK > 0 && c.TopK < len(c.candidates)
	if !few && !c.nucleus() {
		return
	}
	slices.SortFunc(c.candidates, func(a, b candidate) int {
		switch {
		case a.weight > b.weight:
			return -1
		case a.weight < b.weight:
			return 1
		}
		return int(a.token - b.token)
	})
	if few {
		c.candidates = c.candidates[:c.TopK]
		c.total = c.sum()
	}
	if !c.nucleus() {
		return
	}
	limit, kept := c.TopP*c.total, 0.0
	for i, candidate := range c.candidates {
		if kept += candidate.weight; kept >= limit {
			c.candidates = c.candidates[:i+1]
			return
		}
	}
}

func (c *Chooser) sum() float64 {
	sum := 0.0
	for _, candidate := range c.candidates {
		sum += candidate.weight
	}
	return sum
}

// draw chooses one of the candidates by weight.
func (c *Chooser) draw() int32 {
	at := float64(c.pcg.Uint64()>>11) / (1 << 53) * c.sum()
	for _, candidate := range c.candidates {
		if at -= candidate.weight; at < 0 {
			return candidate.token
		}
	}
	return c.candidates[len(c.candidates)-1].token
}
