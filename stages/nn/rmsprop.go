package nn

import "math"

func init() {
	RegisterOptimizer("rmsprop", func() Optimizer {
		return &RMSprop{LearningRate: 0.001, Rho: 0.9, Epsilon: 1e-7}
	})
}

// RMSprop divides the gradient by a running root mean square (Hinton 2012,
// lecture 6e). Formula and defaults are Keras': epsilon is added under the root.
type RMSprop struct {
	LearningRate float32 `yaml:"learning_rate" doc:"size of a step" default:"0.001" above:"0"`
	Rho          float32 `yaml:"rho" doc:"decay of the mean of squared gradients" default:"0.9" min:"0" below:"1"`
	Momentum     float32 `yaml:"momentum" doc:"share of the last step that is kept" default:"0" min:"0" below:"1"`
	Epsilon      float32 `yaml:"epsilon" doc:"what keeps the divisor from zero" default:"1e-07" above:"0"`
}

// Slots returns the mean square and, where there is one, the momentum.
func (o *RMSprop) Slots() []string {
	if o.Momentum == 0 {
		return []string{"square"}
	}
	return []string{"square", "momentum"}
}

// Update makes one step.
func (o *RMSprop) Update(p *Param, slots [][]float32, _ int, factor float32) {
	square, rate := slots[0], o.LearningRate*factor
	for i, g := range p.Grad {
		square[i] = o.Rho*square[i] + (1-o.Rho)*g*g
		step := rate * g / float32(math.Sqrt(float64(square[i]+o.Epsilon)))
		if o.Momentum != 0 {
			step += o.Momentum * slots[1][i]
			slots[1][i] = step
		}
		p.Data[i] -= step
	}
}
