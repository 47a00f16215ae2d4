package nn

import "math/rand/v2"

// Layer is one step of a network. Its exported fields are its configuration.
//
// Forward may be called by several goroutines at once with different passes and
// must not change the layer, except for running statistics in a training pass.
type Layer interface {
	// OutShape returns the shape that comes out for in, or says which shape is
	// needed. Dimensions may be Unknown. It allocates nothing and may be called
	// before Build.
	OutShape(in Shape, c Context) (Shape, error)

	// Build allocates the parameters for inputs of shape in, of which all but
	// the batch must be known, and draws their initial values from rng.
	Build(in Shape, c Context, rng *rand.Rand) error

	// Forward computes the output for x.
	Forward(p *Pass, x *Tensor) *Tensor

	// Params returns the parameters, always in the same order.
	Params() []*Param
}

// stateless is embedded by layers that have no parameters.
type stateless struct{}

func (stateless) Build(Shape, Context, *rand.Rand) error { return nil }
func (stateless) Params() []*Param                       { return nil }

// tokenReader is implemented by layers whose input may be token ids and not
// numbers.
type tokenReader interface{ readsTokens() bool }
