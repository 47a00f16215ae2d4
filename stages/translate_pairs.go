package stages

import (
	"context"
	"fmt"

	"pipe/dag"
	"pipe/stages/nn"
	"pipe/stages/transform"
)

// pairs reads a table of pairs.
func (t *TrainTranslation) pairs(ctx context.Context, env *dag.Env, port string, language transform.Language, words *spill) (*pairsOfTexts, error) {
	p := &pairsOfTexts{source: t.MaxSource, target: t.MaxTarget, tokens: newTokenStream(words)}
	long := 0
	var from, to []int32
	err := eachTexts(ctx, env, port, []string{t.Source, t.Target}, func(texts []string) error {
		from, to = language.EncodeText(from[:0], texts[0]), language.EncodeText(to[:0], texts[1])
		if len(from) > p.source || len(to) > p.target {
			long++
			return nil
		}
		return p.add(from, to)
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

// pairOfTexts is where the tokens of a text are, and behind them those of its
// translation.
type pairOfTexts struct {
	at       int64
	from, to uint16 // how many
}

// pairsOfTexts is a nn.Source of examples for a network that translates: the ids of a
// text, filled up with 0, and 0 followed by those of its translation; to be given are the
// latter followed by 0, which ends a text. What is behind that does not count.
type pairsOfTexts struct {
	source, target int
	tokens         *tokenStream
	all            []pairOfTexts
	pair           []int32
}

func (p *pairsOfTexts) add(from, to []int32) error {
	p.all = append(p.all, pairOfTexts{int64(p.tokens.count), uint16(len(from)), uint16(len(to))})
	p.pair = append(append(p.pair[:0], from...), to...)
	return p.tokens.add(p.pair)
}

// Len implements nn.Source.
func (p *pairsOfTexts) Len() int { return len(p.all) }

// Batch implements nn.Source.
func (p *pairsOfTexts) Batch(_ context.Context, examples []int, b *nn.Batch) error {
	places := p.target + 1
	length := p.source + places
	clear(b.Tokens)
	if cap(p.pair) < length {
		p.pair = make([]int32, length)
	}
	for i, e := range examples {
		place := p.all[e]
		pair := p.pair[:int(place.from)+int(place.to)]
		if err := p.tokens.read(pair, int(place.at)); err != nil {
			return err
		}
		from, to := pair[:place.from], pair[place.from:]
		copy(b.Tokens[i*length:], from)
		copy(b.Tokens[i*length+p.source+1:(i+1)*length], to)
		if b.Labels == nil {
			continue
		}
		labels := b.Labels[i*places : (i+1)*places]
		n := copy(labels, to)
		labels[n] = 0
		for j := n + 1; j < places; j++ {
			labels[j] = -1
		}
	}
	return nil
}
