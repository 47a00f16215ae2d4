package nn

import (
	"errors"
	"math"
)

func init() {
	RegisterLoss("binary_crossentropy", func() Loss { return &BinaryCrossentropy{} })
}

// BinaryCrossentropy is the mean of -(t·log y + (1-t)·log(1-y)) over all
// elements. It is computed from the logits under the network's last sigmoid, so
// that neither value nor gradient saturates. Keras: BinaryCrossentropy; PyTorch:
// nn.BCEWithLogitsLoss.
type BinaryCrossentropy struct {
	FromLogits     bool    `yaml:"from_logits" doc:"whether the network ends without its sigmoid" default:"false"`
	LabelSmoothing float32 `yaml:"label_smoothing" doc:"how far targets are drawn towards one half" default:"0" min:"0" max:"1"`
}

// Check wants probabilities that a sigmoid makes, and one column for two labels.
func (l *BinaryCrossentropy) Check(out Shape, last Activation, c Context) error {
	if !l.FromLogits && last != Sigmoid {
		return errors.New("binary_crossentropy needs a network that ends with activation: sigmoid, or from_logits: true")
	}
	if out.Last() == 1 && c.Classes > 2 {
		return wantColumns(out, c.Classes, "one column answers for two labels only")
	}
	return nil
}

// Forward returns the loss.
func (l *BinaryCrossentropy) Forward(p *Pass, y *Tensor, t *Target) *Tensor {
	x := logitsOf(y, Sigmoid)
	cols := x.Shape.Last()
	scales := rowScales(p, x, t)
	grad := p.floats.take(len(x.Data))
	var sum float64
	for r, scale := range scales {
		scale /= float32(cols)
		for c := range cols {
			i := r*cols + c
			grad[i] = 0
			if scale == 0 {
				continue
			}
			target := t.element(r, c, cols)*(1-l.LabelSmoothing) + 0.5*l.LabelSmoothing
			v, want := float64(x.Data[i]), float64(target)
			// max(v,0) - v·t + log(1+e^-|v|) never overflows.
			small := math.Exp(-math.Abs(v))
			sum += float64(scale) * (max(v, 0) - v*want + math.Log1p(small))
			probability := 1 / (1 + small)
			if v < 0 {
				probability = small / (1 + small)
			}
			grad[i] = scale * float32(probability-want)
		}
	}
	loss := scalar(p, sum)
	if p.train {
		*record[lossNode](p, loss) = lossNode{x, loss, grad}
	}
	return loss
}

// logitsOf returns what the activation a made y from, or y itself.
func logitsOf(y *Tensor, a Activation) *Tensor {
	if y.logits != nil && y.activation == a {
		return y.logits
	}
	return y
}
