package nn

import "pipe/stages/nn/kernel"

func init() {
	RegisterOptimizer("sgd", func() Optimizer { return &SGD{LearningRate: 0.01} })
}

// SGD is gradient descent with momentum (Sutskever et al. 2013): v = momentum·v
// + g; w -= lr·v, or lr·(g + momentum·v) with nesterov. That is PyTorch's form;
// Keras multiplies the learning rate into v, which is the same while the rate is
// constant.
type SGD struct {
	LearningRate float32 `yaml:"learning_rate" doc:"size of a step" default:"0.01" above:"0"`
	Momentum     float32 `yaml:"momentum" doc:"share of the last step that is kept" default:"0" min:"0" below:"1"`
	Nesterov     bool    `yaml:"nesterov" doc:"whether the gradient is taken ahead of the momentum" default:"false"`
	WeightDecay  float32 `yaml:"weight_decay" doc:"share of the weight that is added to its gradient" default:"0" min:"0"`
}

// Slots returns the momentum where there is one.
func (o *SGD) Slots() []string {
	if o.Momentum == 0 {
		return nil
	}
	return []string{"momentum"}
}

// Update makes one step.
func (o *SGD) Update(p *Param, slots [][]float32, _ int, factor float32) {
	var momentum []float32
	if len(slots) > 0 {
		momentum = slots[0]
	}
	kernel.SGD(p.Data, p.Grad, momentum, o.LearningRate*factor, o.Momentum, o.WeightDecay, o.Nesterov)
}
