package nn

import "math"

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

// clipNorm scales all gradients down so that the norm of all of them together is
// at most limit (Pascanu et al. 2013), and returns the norm before.
func clipNorm(params []*Param, limit float64) float64 {
	norm := gradientNorm(params)
	if norm > limit {
		scale := float32(limit / (norm + 1e-6))
		for _, p := range params {
			for i := range p.Grad {
				p.Grad[i] *= scale
			}
		}
	}
	return norm
}

func gradientNorm(params []*Param) float64 {
	var sum float64
	for _, p := range params {
		for _, g := range p.Grad {
			sum += float64(g) * float64(g)
		}
	}
	return math.Sqrt(sum)
}
