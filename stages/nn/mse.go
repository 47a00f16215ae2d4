package nn

func init() {
	RegisterLoss("mse", func() Loss { return &MSE{} })
}

// MSE is the mean squared error over all elements. Labels are compared as 0 and
// 1: one-hot where there are several columns. Keras: MeanSquaredError; PyTorch:
// nn.MSELoss.
type MSE struct{}

// Check wants one column, or one for each label.
func (*MSE) Check(out Shape, _ Activation, c Context) error {
	if out.Last() == 1 {
		return nil
	}
	return wantColumns(out, c.Classes, "one for each label")
}

// Forward returns the loss.
func (*MSE) Forward(p *Pass, y *Tensor, t *Target) *Tensor {
	cols := y.Shape.Last()
	scales := rowScales(p, y, t)
	grad := p.floats.take(len(y.Data))
	var sum float64
	for r, scale := range scales {
		scale /= float32(cols)
		for c := range cols {
			i := r*cols + c
			grad[i] = 0
			if scale != 0 {
				d := y.Data[i] - t.element(r, c, cols)
				sum += float64(scale) * float64(d) * float64(d)
				grad[i] = 2 * scale * d
			}
		}
	}
	loss := scalar(p, sum)
	if p.train {
		*record[lossNode](p, loss) = lossNode{y, loss, grad}
	}
	return loss
}
