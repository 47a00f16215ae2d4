package nn

import (
	"context"
	"errors"
	"fmt"
	"math"

	"pipe/stages/nn/kernel"
)

// Translation runs the decoder of a Transformer token by token, for several
// hypotheses of several texts at once. The texts are read once; of what a
// hypothesis has written the keys and values are kept. It is used by one goroutine
// at a time; several may share a network.
type Translation struct {
	layer        *Transformer
	read, step   *Pass
	memory       []*Tensor // of each block: keys and values of the texts
	source       []int     // the text of each hypothesis
	kept, spare  [][]float32
	length, most int
}

// NewTranslation returns a translation by a network that is a Transformer alone.
func (n *Network) NewTranslation() (*Translation, error) {
	l, ok := n.Layers[0].(*Transformer)
	if !ok || len(n.Layers) != 1 {
		return nil, errors.New("only a network whose one layer is a transformer translates")
	}
	if err := n.ready(); err != nil {
		return nil, err
	}
	t := &Translation{layer: l, read: NewPass(), step: NewPass(), most: n.Input.Shape[0] - l.Source}
	t.read.packs, t.step.packs = &n.packs, &n.packs
	t.kept, t.spare = make([][]float32, len(l.decoder)), make([][]float32, len(l.decoder))
	return t, nil
}

// Source returns how many ids of a text are read.
func (t *Translation) Source() int { return t.layer.Source }

// Limit returns how many tokens a hypothesis may have.
func (t *Translation) Limit() int { return t.most }

// Begin reads texts, each of Source ids and filled up with 0. Each begins with one
// hypothesis, which is empty.
func (t *Translation) Begin(ctx context.Context, texts []int32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l := t.layer
	if len(texts) == 0 || len(texts)%l.Source != 0 {
		return fmt.Errorf("texts are %d ids each, and %d ids are given", l.Source, len(texts))
	}
	if err := t.check(texts); err != nil {
		return err
	}
	t.read.Reset()
	ids := t.read.Tokens(len(texts)/l.Source, l.Source)
	copy(ids.IDs, texts)
	memory := l.encode(t.read, ragged(t.read, ids, 0, func(i int) int { return unpadded(texts[i*l.Source:][:l.Source]) }))
	t.memory, t.source, t.length = t.memory[:0], t.source[:0], 0
	for _, block := range l.decoder {
		t.memory = append(t.memory, block.cross.keysAndValues(t.read, memory))
	}
	for i := range ids.Shape[0] {
		t.source = append(t.source, i)
	}
	return nil
}

func (t *Translation) check(ids []int32) error {
	return (&Batch{Tokens: ids}).check(Context{Vocab: t.layer.embedding.weight.Shape[0]}, 0)
}

// Next adds a token to hypotheses: hypothesis i becomes what from[i] was, followed
// by tokens[i]; before the first Next from counts the texts. It returns the logits
// of the token after, one row for each hypothesis, which are valid until the next
// call.
func (t *Translation) Next(ctx context.Context, from []int, tokens []int32) ([]float32, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if t.length == t.most {
		return nil, fmt.Errorf("a hypothesis has at most %d tokens", t.most)
	}
	if err := t.check(tokens); err != nil {
		return nil, err
	}
	t.follow(from)
	l, p := t.layer, t.step
	p.Reset()
	ids := p.Tokens(len(tokens), 1)
	copy(ids.IDs, tokens)
	x := l.embedding.Forward(p, ids)
	x.Mask = nil
	for lo := 0; lo < len(x.Data); lo += l.Dim {
		row := x.Data[lo : lo+l.Dim]
		kernel.Add(row, row, l.targetPosition.weight.Data[t.length*l.Dim:])
	}
	for i, block := range l.decoder {
		x = add(p, x, t.own(i, block.attention, block.norm1.Forward(p, x)))
		x = add(p, x, t.across(i, block.cross, block.norm2.Forward(p, x)))
		x = add(p, x, block.down.Forward(p, block.up.Forward(p, block.norm3.Forward(p, x))))
	}
	t.length++
	return affine(p, l.norm.Forward(p, x), l.embedding.weight, nil).Data, nil
}

// follow lets the hypotheses go on from others.
func (t *Translation) follow(from []int) {
	source := make([]int, len(from))
	same := len(from) == len(t.source)
	for i, f := range from {
		source[i] = t.source[f]
		same = same && i == f
	}
	t.source = source
	row := t.most * 2 * t.layer.Dim
	for b := range t.kept {
		if t.length > 0 && same {
			continue
		}
		if len(t.spare[b]) < len(from)*row {
			t.spare[b] = make([]float32, len(from)*row)
		}
		for i, f := range from {
			copy(t.spare[b][i*row:], t.kept[b][min(f*row, len(t.kept[b])):][:t.length*2*t.layer.Dim])
		}
		t.kept[b], t.spare[b] = t.spare[b], t.kept[b]
	}
}

// own is the attention of each hypothesis to what it has written.
func (t *Translation) own(b int, l *MultiHeadAttention, x *Tensor) *Tensor {
	p, dim := t.step, t.layer.Dim
	qkv := affine(p, x, l.inWeight, l.inBias)
	y := p.Tensor(x.Shape...)
	kept, row := t.kept[b], t.most*2*dim
	room := p.floats.take(x.Shape[0] * t.most) // as much at every step, so that later ones allocate nothing
	kernel.Parallel(x.Shape[0], 1, func(from, to int) {
		for i := from; i < to; i++ {
			q, past := qkv.Data[i*3*dim:][:3*dim], kept[i*row:]
			copy(past[t.length*2*dim:], q[dim:])
			t.attend(q, past, t.length+1, nil, room[i*t.most:], y.Data[i*dim:])
		}
	})
	return affine(p, y, l.outWeight, l.outBias)
}

// across is the attention of each hypothesis to its text.
func (t *Translation) across(b int, l *crossAttention, x *Tensor) *Tensor {
	p, dim := t.step, t.layer.Dim
	q, kv := affine(p, x, l.qWeight, l.qBias), t.memory[b]
	y := p.Tensor(x.Shape...)
	most := t.layer.Source // as much room for every text, so that later ones allocate nothing
	room := p.floats.take(x.Shape[0] * most)
	kernel.Parallel(x.Shape[0], 1, func(from, to int) {
		for i := from; i < to; i++ {
			first, length := kv.sequence(t.source[i])
			if length == 0 {
				clear(y.Data[i*dim : (i+1)*dim])
				continue
			}
			t.attend(q.Data[i*dim:], kv.Data[first*2*dim:], length, kv.Mask[first:first+length], room[i*most:], y.Data[i*dim:])
		}
	})
	return affine(p, y, l.outWeight, l.outBias)
}

// attend lets one query read n keys and values, in every head.
func (t *Translation) attend(q, kv []float32, n int, mask []bool, scores, y []float32) {
	dim := t.layer.Dim
	width := dim / t.layer.Heads
	scale := float32(1 / math.Sqrt(float64(width)))
	for at := 0; at < dim; at += width {
		kernel.Gemm(false, true, 1, n, width, scale, q[at:], width, kv[at:], 2*dim, 0, scores, n)
		softmaxOver(scores[:n], mask)
		kernel.Gemm(false, false, 1, width, n, 1, scores, n, kv[dim+at:], 2*dim, 0, y[at:], width)
	}
}
