package stages

import (
	"context"
	"fmt"

	"pipe/dag"
	"pipe/stages/nn"
	"pipe/stages/transform"
)

// pairs reads a table of pairs.
func (t *TrainTranslation) pairs(ctx context.Context, env *dag.Env, port string, language transform.Language) (*pairsOfTexts, error) {
	p := &pairsOfTexts{source: t.MaxSource, target: t.MaxTarget}
	long := 0
	err := eachTexts(ctx, env, port, []string{t.Source, t.Target}, func(texts []string) error {
		pair := pairOfTexts{language.EncodeText(nil, texts[0]), language.EncodeText(nil, texts[1])}
		if len(pair.from) > p.source || len(pair.to) > p.target {
			long++
			return nil
		}
		p.all = append(p.all, pair)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(p.all) == 0 {
		return nil, fmt.Errorf("%s has no pair to learn from that fits into %d and %d tokens", port, p.source, p.target)
	}
	env.Logf("%s: %d pairs; %d more are longer than %d or %d tokens and left out", port, len(p.all), long, p.source, p.target)
	return p, nil
}

// pairOfTexts are the tokens of a text and of its translation.
type pairOfTexts struct{ from, to []int32 }

// pairsOfTexts is a nn.Source of examples for a Transformer: the ids of a text,
// filled up with 0, and 0 followed by those of its translation; to be given are the
// latter followed by 0, which ends a text. What is behind that does not count.
type pairsOfTexts struct {
	source, target int
	all            []pairOfTexts
}

// Len implements nn.Source.
func (p *pairsOfTexts) Len() int { return len(p.all) }

// Batch implements nn.Source.
func (p *pairsOfTexts) Batch(_ context.Context, examples []int, b *nn.Batch) error {
	places := p.target + 1
	length := p.source + places
	clear(b.Tokens)
	for i, e := range examples {
		pair := p.all[e]
		copy(b.Tokens[i*length:], pair.from)
		copy(b.Tokens[i*length+p.source+1:(i+1)*length], pair.to)
		if b.Labels == nil {
			continue
		}
		labels := b.Labels[i*places : (i+1)*places]
		n := copy(labels, pair.to)
		labels[n] = 0
		for j := n + 1; j < places; j++ {
			labels[j] = -1
		}
	}
	return nil
}
