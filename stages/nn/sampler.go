package nn

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Sampler chooses the next token from logits. The zero value takes the likeliest.
type Sampler struct {
	Temperature float64 `yaml:"temperature" doc:"what logits are divided by; 0 takes the likeliest token" default:"0" min:"0"`
	TopK        int     `yaml:"top_k" doc:"how many of the likeliest tokens are considered; 0 for all" default:"0" min:"0"`
	TopP        float64 `yaml:"top_p" doc:"share of the probability that is considered, likeliest first (Holtzman et al. 2020)" default:"1" above:"0" max:"1"`
}

// Choose returns a token. Equal draws of rng choose equal tokens.
func (s Sampler) Choose(logits []float32, rng *rand.Rand) int32 {
	if s.Temperature == 0 {
		return int32(argmax(logits))
	}
	order := make([]int32, len(logits))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		switch {
		case logits[a] > logits[b]:
			return -1
		case logits[a] < logits[b]:
			return 1
		}
		return 0
	})
	if s.TopK > 0 && s.TopK < len(order) {
		order = order[:s.TopK]
	}
	weights, sum := make([]float64, len(order)), 0.0
	for i, token := range order {
		weights[i] = math.Exp((float64(logits[token]) - float64(logits[order[0]])) / s.Temperature)
		sum += weights[i]
	}
	if s.TopP > 0 && s.TopP < 1 {
		kept := 0.0
		for i, w := range weights {
			if kept += w; kept >= s.TopP*sum {
				order, sum = order[:i+1], kept
				break
			}
		}
	}
	at := rng.Float64() * sum
	for i, token := range order {
		if at -= weights[i]; at < 0 {
			return token
		}
	}
	return order[len(order)-1]
}
