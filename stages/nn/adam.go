package nn

import (
	"math"

	"pipe/stages/nn/kernel"
)

func init() {
	RegisterOptimizer("adam", func() Optimizer {
		return &Adam{LearningRate: 0.001, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-7}
	})
	RegisterOptimizer("adamw", func() Optimizer {
		return &AdamW{LearningRate: 0.001, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-7, WeightDecay: 0.004}
	})
}

// Adam is the method of Kingma and Ba 2015 as Keras computes it: epsilon, 1e-7,
// is added to the root of the second moment before its correction. PyTorch adds
// its 1e-8 after it, which differs while β₂^t is near 1 and gradients are near
// epsilon.
type Adam struct {
	LearningRate float32 `yaml:"learning_rate" doc:"size of a step" default:"0.001" above:"0"`
	Beta1        float32 `yaml:"beta_1" doc:"decay of the mean of gradients" default:"0.9" min:"0" below:"1"`
	Beta2        float32 `yaml:"beta_2" doc:"decay of the mean of squared gradients" default:"0.999" min:"0" below:"1"`
	Epsilon      float32 `yaml:"epsilon" doc:"what keeps the divisor from zero" default:"1e-07" above:"0"`
}

// Slots returns the two moments.
func (*Adam) Slots() []string { return []string{"m", "v"} }

// Update makes one step.
func (o *Adam) Update(p *Param, slots [][]float32, step int, factor float32) {
	kernel.Adam(p.Data, p.Grad, slots[0], slots[1], o.LearningRate*factor, o.Beta1, o.Beta2,
		epsilonAt(step, o.Epsilon, o.Beta2), 0, false, step)
}

// AdamW is Adam with weight decay apart from the gradient (Loshchilov and Hutter
// 2019). The defaults are Keras'.
type AdamW struct {
	LearningRate float32 `yaml:"learning_rate" doc:"size of a step" default:"0.001" above:"0"`
	Beta1        float32 `yaml:"beta_1" doc:"decay of the mean of gradients" default:"0.9" min:"0" below:"1"`
	Beta2        float32 `yaml:"beta_2" doc:"decay of the mean of squared gradients" default:"0.999" min:"0" below:"1"`
	Epsilon      float32 `yaml:"epsilon" doc:"what keeps the divisor from zero" default:"1e-07" above:"0"`
	WeightDecay  float32 `yaml:"weight_decay" doc:"share by which a step shrinks the weights, times the learning rate" default:"0.004" min:"0"`
	MatricesOnly bool    `yaml:"decay_matrices_only" doc:"whether biases, and the scales of norms, do not decay" default:"false"`
}

// Slots returns the two moments.
func (*AdamW) Slots() []string { return []string{"m", "v"} }

// Update makes one step.
func (o *AdamW) Update(p *Param, slots [][]float32, step int, factor float32) {
	decay := o.WeightDecay
	if o.MatricesOnly && len(p.Shape) < 2 {
		decay = 0
	}
	kernel.Adam(p.Data, p.Grad, slots[0], slots[1], o.LearningRate*factor, o.Beta1, o.Beta2,
		epsilonAt(step, o.Epsilon, o.Beta2), decay, true, step)
}

// epsilonAt turns an epsilon that is added before the correction of the second
// moment into one that is added after it, where the kernel adds it.
func epsilonAt(step int, epsilon, beta2 float32) float32 {
	return float32(float64(epsilon) / math.Sqrt(1-math.Pow(float64(beta2), float64(step))))
}
