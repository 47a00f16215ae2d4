package nn

import "pipe/stages/nn/kernel"

// scorer is implemented by layers that end with a softmax. A loss that is computed
// from the logits under it neither needs the softmax nor rows that do not count, and
// for a large vocabulary either costs as much as several blocks.
type scorer interface {
	// scores is Forward without the softmax, at the rows that count: it returns their
	// logits, (rows, classes), and which rows of the whole output they are, nil for all.
	// A row with a negative label does not count, nor does one that the mask leaves
	// out; where none counts what is returned does not matter.
	scores(p *Pass, x *Tensor, labels []int32) (logits *Tensor, rows []int)
}

// scorer returns the last layer if the loss wants logits, which it can give.
func (n *Network) scorer(loss Loss) scorer {
	switch l := loss.(type) {
	case *CategoricalCrossentropy:
		if l.FromLogits {
			return nil
		}
	case *SparseCategoricalCrossentropy:
		if l.FromLogits {
			return nil
		}
	default:
		return nil
	}
	s, _ := n.Layers[len(n.Layers)-1].(scorer)
	return s
}

// score returns the logits of the rows that count, and lets the target be of these only.
func score(p *Pass, s scorer, x *Tensor, t *Target, b *Batch) *Tensor {
	labels := t.Labels
	if labels == nil {
		panic(needsLabels)
	}
	if b.Other != nil { // a row counts if either of its labels does
		labels = p.ids.take(len(labels))
		for i, label := range t.Labels {
			labels[i] = max(label, b.Other[i])
		}
	}
	y, rows := s.scores(p, x, labels)
	if rows == nil {
		return y
	}
	t.Labels = pickLabels(p, t.Labels, rows)
	if b.Other != nil {
		b.Other = pickLabels(p, b.Other, rows)
	}
	return y
}

func pickLabels(p *Pass, labels []int32, rows []int) []int32 {
	picked := p.ids.take(len(rows))
	for i, r := range rows {
		picked[i] = labels[r]
	}
	return picked
}

// countedRows returns the rows of x that count, nil if all do or none does.
func countedRows(p *Pass, x *Tensor, labels []int32) []int {
	all := x.Rows()
	masked := x.Mask != nil && len(x.Mask) == all
	rows := p.dims.take(all)[:0]
	for r, label := range labels[:all] {
		if label >= 0 && !(masked && !x.Mask[r]) {
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 || len(rows) == all {
		return nil
	}
	return rows
}

// pick returns some rows of x, (rows, features), or x itself for nil.
func pick(p *Pass, x *Tensor, rows []int) *Tensor {
	if rows == nil || len(rows) == x.Rows() {
		return x
	}
	width := x.Shape.Last()
	y := p.Tensor(len(rows), width)
	for i, r := range rows {
		copy(y.Data[i*width:(i+1)*width], x.Data[r*width:])
	}
	if p.train {
		*record[pickNode](p, y) = pickNode{x, y, rows}
	}
	return y
}

type pickNode struct {
	x, y *Tensor
	rows []int
}

func (n *pickNode) backward() {
	dx := n.x.gradient()
	if dx == nil {
		return
	}
	width := n.x.Shape.Last()
	for i, r := range n.rows {
		row := dx[r*width : (r+1)*width]
		kernel.Add(row, row, n.y.grad[i*width:(i+1)*width])
	}
}
