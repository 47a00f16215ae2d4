package nn

import (
	"math"

	"pipe/stages/nn/kernel"
)

// Optimizer says how a parameter follows its gradient. The configuration is the
// struct; whatever is remembered from step to step lies in slots, which belong
// to the trainer and go into its checkpoints.
type Optimizer interface {
	// Slots returns the names of the arrays, each as large as the parameter and
	// zero at first, that Update needs.
	Slots() []string

	// Update changes p.Data by p.Grad in step number step, which counts from 1.
	// factor multiplies the learning rate.
	Update(p *Param, slots [][]float32, step int, factor float32)
}

// clip scales all gradients down so that the norm of all of them together, which
// is given, is at most limit (Pascanu et al. 2013).
func clip(params []*Param, norm, limit float64) {
	if norm <= limit {
		return
	}
	for _, p := range params {
		kernel.Scale(float32(limit/norm), p.Grad)
	}
}

// gradientNorm returns the norm of all gradients together.
func gradientNorm(params []*Param) float64 {
	var sum float64
	for _, p := range params {
		sum += float64(kernel.Dot(p.Grad, p.Grad))
	}
	return math.Sqrt(sum)
}
