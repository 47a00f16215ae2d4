package nn

// Optimizer says how a parameter follows its gradient. The configuration is the
// struct; whatever is remembered from step to step lies in slots, which belong
// to the trainer and go into its checkpoints.
type Optimizer interface {
	// Slots returns the names of the arrays, each as large as the parameter and
	// zero at first, that Update needs.
	Slots() []string

	// Update changes p.Data by p.Grad in step number step, which counts from 1.
	// factor multiplies the learning rate. What p holds may be a part of a parameter
	// of that shape; several may be updated at once.
	Update(p *Param, slots [][]float32, step int, factor float32)
}
