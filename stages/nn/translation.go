package nn

import (
	"context"
	"errors"
	"fmt"
	"math"

	"pipe/stages/nn/kernel"
)

// Translation runs the decoder of a Transformer or a Seq2Seq token by token, for
// several hypotheses of several texts at once. The texts are read once; of what a
// hypothesis has written the keys and values, or the states, are kept. It is used by
// one goroutine at a time; several may share a network.
type Translation struct {
	layer        translates
	read, step   *Pass
	kept         hypotheses
	source       []int // the text of each hypothesis
	length, most int
}

// translates is a layer that reads a text and writes another.
type translates interface {
	sourceIDs() int
	vocab() int
	// hypotheses makes room for hypotheses of up to most tokens.
	hypotheses(most int) hypotheses
}

// hypotheses is what a layer keeps of texts and of what is written of them.
type hypotheses interface {
	// begin reads texts, (texts, source) ids.
	begin(p *Pass, ids *Tensor)
	// follow makes hypothesis i what from[i] was, each of so many tokens.
	follow(from []int, length int)
	// next writes one more token of each hypothesis, the one at place length, and returns
	// the logits of the token after. source names the text of each.
	next(p *Pass, ids *Tensor, length int, source []int) *Tensor
}

// NewTranslation returns a translation by a network that is a Transformer or a Seq2Seq
// alone.
func (n *Network) NewTranslation() (*Translation, error) {
	l, ok := n.Layers[0].(translates)
	if !ok || len(n.Layers) != 1 {
		return nil, errors.New("only a network whose one layer is a transformer or a seq2seq translates")
	}
	if err := n.ready(); err != nil {
		return nil, err
	}
	most := n.Input.Shape[0] - l.sourceIDs()
	t := &Translation{layer: l, read: NewPass(), step: NewPass(), kept: l.hypotheses(most), most: most}
	t.read.packs, t.step.packs = &n.packs, &n.packs
	return t, nil
}

// Source returns how many ids of a text are read.
func (t *Translation) Source() int { return t.layer.sourceIDs() }

// Limit returns how many tokens a hypothesis may have.
func (t *Translation) Limit() int { return t.most }

// Begin reads texts, each of Source ids and filled up with 0. Each begins with one
// hypothesis, which is empty.
func (t *Translation) Begin(ctx context.Context, texts []int32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	source := t.Source()
	if len(texts) == 0 || len(texts)%source != 0 {
		return fmt.Errorf("texts are %d ids each, and %d ids are given", source, len(texts))
	}
	if err := t.check(texts); err != nil {
		return err
	}
	t.read.Reset()
	ids := t.read.Tokens(len(texts)/source, source)
	copy(ids.IDs, texts)
	t.kept.begin(t.read, ids)
	t.source, t.length = t.source[:0], 0
	for i := range ids.Shape[0] {
		t.source = append(t.source, i)
	}
	return nil
}

func (t *Translation) check(ids []int32) error {
	return (&Batch{Tokens: ids}).check(Context{Vocab: t.layer.vocab()}, 0)
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
	t.step.Reset()
	ids := t.step.Tokens(len(tokens), 1)
	copy(ids.IDs, tokens)
	logits := t.kept.next(t.step, ids, t.length, t.source)
	t.length++
	return logits.Data, nil
}

// follow lets the hypotheses go on from others.
func (t *Translation) follow(from []int) {
	source := make([]int, len(from))
	same := t.length > 0 && len(from) == len(t.source)
	for i, f := range from {
		source[i] = t.source[f]
		same = same && i == f
	}
	t.source = source
	if !same {
		t.kept.follow(from, t.length)
	}
}

// transformerHypotheses are those of a Transformer.
type transformerHypotheses struct {
	layer       *Transformer
	most        int
	memory      []*Tensor // of each block: keys and values of the texts
	kept, spare [][]float32
}

func (l *Transformer) sourceIDs() int { return l.Source }
func (l *Transformer) vocab() int     { return l.embedding.weight.Shape[0] }
func (l *Transformer) hypotheses(most int) hypotheses {
	return &transformerHypotheses{layer: l, most: most, kept: make([][]float32, len(l.decoder)), spare: make([][]float32, len(l.decoder))}
}

func (t *transformerHypotheses) begin(p *Pass, ids *Tensor) {
	source := t.layer.Source
	memory := t.layer.encode(p, ragged(p, ids, 0, func(i int) int { return unpadded(ids.IDs[i*source:][:source]) }))
	t.memory = t.memory[:0]
	for _, block := range t.layer.decoder {
		t.memory = append(t.memory, block.cross.keysAndValues(p, memory))
	}
}

func (t *transformerHypotheses) follow(from []int, length int) {
	row := t.most * 2 * t.layer.Dim
	for b := range t.kept {
		if len(t.spare[b]) < len(from)*row {
			t.spare[b] = make([]float32, len(from)*row)
		}
		for i, f := range from {
			copy(t.spare[b][i*row:], t.kept[b][min(f*row, len(t.kept[b])):][:length*2*t.layer.Dim])
		}
		t.kept[b], t.spare[b] = t.spare[b], t.kept[b]
	}
}

func (t *transformerHypotheses) next(p *Pass, ids *Tensor, length int, source []int) *Tensor {
	l := t.layer
	x := l.embedding.Forward(p, ids)
	x.Mask = nil
	for lo := 0; lo < len(x.Data); lo += l.Dim {
		row := x.Data[lo : lo+l.Dim]
		kernel.Add(row, row, l.targetPosition.weight.Data[length*l.Dim:])
	}
	for i, block := range l.decoder {
		x = add(p, x, t.own(p, t.kept[i], block.attention, block.norm1.Forward(p, x), length))
		x = add(p, x, block.cross.ofTexts(p, block.norm2.Forward(p, x), t.memory[i], source, l.Source))
		x = add(p, x, block.down.Forward(p, block.up.Forward(p, block.norm3.Forward(p, x))))
	}
	return affine(p, l.norm.Forward(p, x), l.embedding.weight, nil)
}

// own is the attention of each hypothesis to what it has written.
func (t *transformerHypotheses) own(p *Pass, kept []float32, l *MultiHeadAttention, x *Tensor, length int) *Tensor {
	dim := t.layer.Dim
	qkv := affine(p, x, l.inWeight, l.inBias)
	y := p.Tensor(x.Shape...)
	row := t.most * 2 * dim
	room := p.floats.take(x.Shape[0] * t.most) // as much at every step, so that later ones allocate nothing
	kernel.Parallel(x.Shape[0], 1, func(from, to int) {
		for i := from; i < to; i++ {
			q, past := qkv.Data[i*3*dim:][:3*dim], kept[i*row:]
			copy(past[length*2*dim:], q[dim:])
			readOne(q[:dim], past, length+1, nil, room[i*t.most:], y.Data[i*dim:], t.layer.Heads)
		}
	})
	return affine(p, y, l.outWeight, l.outBias)
}

// ofTexts is forward for one position of each hypothesis, which reads the text that
// source names of those of kv. None has more than most positions, for which there is room
// whatever the texts are, so that later steps allocate nothing.
func (l *crossAttention) ofTexts(p *Pass, x, kv *Tensor, source []int, most int) *Tensor {
	dim := x.Shape.Last()
	q := affine(p, x, l.qWeight, l.qBias)
	y := p.Tensor(x.Shape...)
	room := p.floats.take(x.Shape[0] * most)
	kernel.Parallel(x.Shape[0], 1, func(from, to int) {
		for i := from; i < to; i++ {
			first, length := kv.sequence(source[i])
			if length == 0 {
				clear(y.Data[i*dim : (i+1)*dim])
				continue
			}
			readOne(q.Data[i*dim:][:dim], kv.Data[first*2*dim:], length, kv.Mask[first:first+length], room[i*most:], y.Data[i*dim:], l.heads)
		}
	})
	return affine(p, y, l.outWeight, l.outBias)
}

// readOne lets one query read n keys and values, in every head.
func readOne(q, kv []float32, n int, mask []bool, scores, y []float32, heads int) {
	dim := len(q)
	width := dim / heads
	scale := float32(1 / math.Sqrt(float64(width)))
	for at := 0; at < dim; at += width {
		kernel.Gemm(false, true, 1, n, width, scale, q[at:], width, kv[at:], 2*dim, 0, scores, n)
		softmaxOver(scores[:n], mask)
		kernel.Gemm(false, false, 1, width, n, 1, scores, n, kv[dim+at:], 2*dim, 0, y[at:], width)
	}
}

// recurrentHypotheses are those of a Seq2Seq: the states of its decoder.
type recurrentHypotheses struct {
	layer       *Seq2Seq
	memory      *Tensor     // keys and values of the texts; nil without attention
	kept, spare [][]float32 // h of each layer and, of LSTMs, c: a row for each hypothesis
}

func (l *Seq2Seq) sourceIDs() int { return l.Source }
func (l *Seq2Seq) vocab() int     { return l.embedding.weight.Shape[0] }
func (l *Seq2Seq) hypotheses(int) hypotheses {
	states := len(l.decoder)
	if l.Cell == "lstm" {
		states *= 2
	}
	return &recurrentHypotheses{layer: l, kept: make([][]float32, states), spare: make([][]float32, states)}
}

func (t *recurrentHypotheses) begin(p *Pass, ids *Tensor) {
	memory, states := t.layer.encode(p, ids)
	if t.layer.cross != nil {
		t.memory = t.layer.cross.keysAndValues(p, memory)
	}
	t.keep(states)
}

func (t *recurrentHypotheses) follow(from []int, _ int) {
	dim := t.layer.Dim
	for i, kept := range t.kept {
		t.spare[i] = t.spare[i][:0]
		for _, f := range from {
			t.spare[i] = append(t.spare[i], kept[f*dim:(f+1)*dim]...)
		}
	}
	t.kept, t.spare = t.spare, t.kept
}

func (t *recurrentHypotheses) next(p *Pass, ids *Tensor, _ int, source []int) *Tensor {
	l := t.layer
	x := l.embedding.Forward(p, ids)
	x.Mask = nil
	states := t.states(p, ids.Shape[0])
	x = l.decode(p, x, states)
	t.keep(states)
	if l.cross != nil {
		x = add(p, x, l.cross.ofTexts(p, x, t.memory, source, l.Source))
	}
	return l.logits(p, x)
}

// keep remembers the states of a pass.
func (t *recurrentHypotheses) keep(states []States) {
	i := 0
	for _, s := range states {
		for _, x := range []*Tensor{s.H, s.C} {
			if x != nil {
				t.kept[i] = append(t.kept[i][:0], x.Data...)
				i++
			}
		}
	}
}

// states are the states that are kept as tensors of a pass.
func (t *recurrentHypotheses) states(p *Pass, rows int) []States {
	i := 0
	take := func() *Tensor {
		x := p.Tensor(rows, t.layer.Dim)
		copy(x.Data, t.kept[i])
		i++
		return x
	}
	states := make([]States, len(t.layer.decoder))
	for n := range states {
		states[n].H = take()
		if len(t.kept) > len(states) {
			states[n].C = take()
		}
	}
	return states
}
