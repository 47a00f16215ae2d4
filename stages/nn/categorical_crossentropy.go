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

const needsLabels = "nn: categorical crossentropy needs labels as its target"

// Forward returns the loss. The targets must be labels.
func (l *CategoricalCrossentropy) Forward(p *Pass, y *Tensor, t *Target) *Tensor {
	if t.Labels == nil {
		panic(needsLabels)
	}
	x := logitsOf(y, Softmax)
	rows, cols := x.Rows(), x.Shape.Last()
	scales := rowScales(p, x, t)
	grad, losses := p.floats.take(len(x.Data)), p.floats.take(rows)
	kernel.SoftmaxCrossEntropy(grad, x.Data, t.Labels, scales, l.LabelSmoothing, losses, rows, cols)
	var sum float64
	for r, scale := range scales {
		sum += float64(float64(scale) * float64(losses[r]))
	}
	loss := scalar(p, sum)
	if p.train {
		*record[lossNode](p, loss) = lossNode{x, loss, grad}
	}
	return loss
}
