package nn

// Tensor is a row-major array of float32 that belongs to a Pass, and lives until
// that pass is reset. Token ids are a tensor with IDs in place of Data.
type Tensor struct {
	Shape Shape
	Data  []float32
	IDs   []int32

	// Mask, of shape (batch, time), is false where a position is padding. Nil
	// means that every position counts.
	Mask []bool
	// begins is where each sequence begins, and the last one ends, of a ragged tensor.
	begins []int
	// padded is how many positions at the beginning of each row are as in a text of
	// nothing but padding, where a pass that answers can make use of that.
	padded []int
	// embedding is, where such a pass can make use of that, what Data consists of: the
	// rows of this parameter that IDs, which are there as well, name.
	embedding *Param
	// distinct is, where only a recurrent layer reads the tensor, which rows of Data are
	// at its positions; elsewhere each position has a row.
	distinct *distinct

	pass     *Pass
	grad     []float32 // nil until something downstream depends on the tensor
	constant bool      // nothing upstream can use a gradient

	// A softmax or sigmoid remembers what it was computed from: a loss that is
	// better computed from logits then takes those and passes by the activation.
	logits     *Tensor
	activation Activation
}

// Rows returns the number of rows when all dimensions but the last are one.
func (t *Tensor) Rows() int { return len(t.Data) / t.Shape.Last() }

// Grad returns the gradient of the loss with respect to t after a backward
// pass, nil when the loss does not depend on t.
func (t *Tensor) Grad() []float32 { return t.grad }

// gradient returns the buffer into which nodes add their contribution to t's
// gradient, zero at first. It is nil when nobody upstream asks for it.
func (t *Tensor) gradient() []float32 {
	if t.constant {
		return nil
	}
	if t.grad == nil {
		t.grad = t.pass.zeros(len(t.Data))
	}
	return t.grad
}

// blankGradient is gradient for a node that can write its whole contribution: when
// it is the first to contribute, it must set every element instead of adding.
func (t *Tensor) blankGradient() (dx []float32, first bool) {
	if t.constant || t.grad != nil {
		return t.grad, false
	}
	t.grad = t.pass.floats.take(len(t.Data))
	return t.grad, true
}

// Param is a named array of a layer: a trainable weight, or, when Trainable is
// false, state that is stored with the weights (running statistics, frozen
// weights).
type Param struct {
	Name      string
	Shape     Shape
	Data      []float32 // nil until it is initialised or read
	Grad      []float32 // nil outside training and for what is not trained
	Trainable bool

	variance     bool     // no number is below 0
	channelsLast bool     // weight of a convolution, which PyTorch keeps with its channels second
	local        string   // what Name ends with, where PyTorch has other names for it
	pyTorch      []string // these names
}

// newParam returns a trainable parameter. An initialiser allocates its numbers, or
// weights that are read bring them along: a stored network that claims to be huge
// allocates no more than its file holds.
func newParam(name string, shape ...int) *Param {
	return &Param{Name: name, Shape: shape, Trainable: true}
}

// data is the numbers of a parameter that may not be there.
func (p *Param) data() []float32 {
	if p == nil {
		return nil
	}
	return p.Data
}

// gradient is the gradient of a parameter that may not be there.
func (p *Param) gradient() []float32 {
	if p == nil {
		return nil
	}
	return p.Grad
}
