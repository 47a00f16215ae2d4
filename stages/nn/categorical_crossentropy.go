package nn

import (
	"errors"

	"pipe/stages/nn/kernel"
)

func init() {
	RegisterLoss("categorical_crossentropy", func() Loss { return &CategoricalCrossentropy{} })
	RegisterLoss("sparse_categorical_crossentropy", func() Loss { return &SparseCategoricalCrossentropy{} })
}

// CategoricalCrossentropy is the mean of -log y[label]. It is computed from the
// logits under the network's last softmax, so that it stays finite where a
// probability underflows. Targets are class ids. Keras:
// CategoricalCrossentropy; PyTorch: nn.CrossEntropyLoss.
type CategoricalCrossentropy struct {
	FromLogits     bool    `yaml:"from_logits" doc:"whether the network ends without its softmax" default:"false"`
	LabelSmoothing float32 `yaml:"label_smoothing" doc:"share of the target that is spread evenly over all labels" default:"0" min:"0" max:"1"`
}

// SparseCategoricalCrossentropy is CategoricalCrossentropy under the name that
// Keras has for targets that are class ids, which they always are here.
type SparseCategoricalCrossentropy struct {
	CategoricalCrossentropy `yaml:",inline"`
}

// Check wants probabilities that a softmax makes, one column for each label.
func (l *CategoricalCrossentropy) Check(out Shape, last Activation, c Context) error {
	if !l.FromLogits && last != Softmax {
		return errors.New("categorical_crossentropy needs a network that ends with activation: softmax, or from_logits: true")
	}
	return wantColumns(out, c.Classes, "one for each label")
}

// Forward returns the loss. The targets must be labels.
func (l *CategoricalCrossentropy) Forward(p *Pass, y *Tensor, t *Target) *Tensor {
	if t.Labels == nil {
		panic("nn: categorical crossentropy needs labels as its target")
	}
	x := logitsOf(y, Softmax)
	rows, cols := x.Rows(), x.Shape.Last()
	scales := rowScales(p, x, t)
	probabilities, losses := p.floats.take(len(x.Data)), p.floats.take(rows)
	kernel.SoftmaxCrossEntropy(probabilities, x.Data, t.Labels, losses, rows, cols)
	even := l.LabelSmoothing / float32(cols)
	var sum float64
	for r, scale := range scales {
		row := probabilities[r*cols : (r+1)*cols]
		if scale == 0 {
			clear(row)
			continue
		}
		logits, label := x.Data[r*cols:(r+1)*cols], t.Labels[r]
		value := float64(losses[r])
		if l.LabelSmoothing != 0 {
			// The mean over labels of -log y[j] is losses[r] + x[label] - mean(x).
			mean := float64(kernel.Sum(logits)) / float64(cols)
			value += float64(l.LabelSmoothing) * (float64(logits[label]) - mean)
			for c := range row {
				row[c] -= even
			}
		}
		sum += float64(scale) * value
		row[label] -= 1 - l.LabelSmoothing
		kernel.Scale(scale, row)
	}
	loss := scalar(p, sum)
	if p.train {
		*record[lossNode](p, loss) = lossNode{x, loss, probabilities}
	}
	return loss
}
