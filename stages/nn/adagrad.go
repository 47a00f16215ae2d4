package nn

import "math"

func init() {
	RegisterOptimizer("adagrad", func() Optimizer {
		return &Adagrad{LearningRate: 0.001, InitialAccumulator: 0.1, Epsilon: 1e-7}
	})
}

// Adagrad divides the gradient by the root of the sum of all squares so far
// (Duchi et al. 2011). Formula and defaults are Keras': epsilon is added under
// the root.
type Adagrad struct {
	LearningRate       float32 `yaml:"learning_rate" doc:"size of a step" default:"0.001" above:"0"`
	InitialAccumulator float32 `yaml:"initial_accumulator_value" doc:"what the sum begins with" default:"0.1" min:"0"`
	Epsilon            float32 `yaml:"epsilon" doc:"what keeps the divisor from zero" default:"1e-07" above:"0"`
}

// Slots returns the sum of squares, without its first value.
func (*Adagrad) Slots() []string { return []string{"sum"} }

// Update makes one step.
func (o *Adagrad) Update(p *Param, slots [][]float32, _ int, factor float32) {
	sum, rate := slots[0], o.LearningRate*factor
	for i, g := range p.Grad {
		sum[i] += g * g
		p.Data[i] -= rate * g / float32(math.Sqrt(float64(o.InitialAccumulator+sum[i]+o.Epsilon)))
	}
}
