package nn

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
)

// Input describes one example that goes into a network.
type Input struct {
	// Tokens says that an example is token ids and not numbers.
	Tokens bool `json:"tokens,omitempty"`
	// Shape is the shape of one example, without the batch: (time) of tokens,
	// (features), (time, features), (height, width, channels).
	Shape []int `json:"shape"`
}

// batch returns the shape of n examples.
func (in Input) batch(n int) Shape { return append(Shape{n}, in.Shape...) }

// size returns the number of elements of one example.
func (in Input) size() int { return Shape(in.Shape).Size() }

// LayerError says which layer of a network is wrong.
type LayerError struct {
	Index int    // counts from 0
	Kind  string // such as "dense"
	Err   error
}

// Error names the layer by its place, counted from 1, and its kind.
func (e *LayerError) Error() string {
	return fmt.Sprintf("layer %d (%s) %v", e.Index+1, e.Kind, e.Err)
}

// Unwrap returns the reason.
func (e *LayerError) Unwrap() error { return e.Err }

// Check follows the shape of the input through the layers and returns what comes
// out of each. Nothing is allocated, and sizes that are not known yet may be
// Unknown in the input and 0 in the context. The error is a *LayerError where a
// layer is to blame.
func Check(in Input, c Context, layers []Layer) ([]Shape, error) {
	if len(layers) == 0 {
		return nil, errors.New("a network needs at least one layer")
	}
	shape := in.batch(Unknown)
	shapes := make([]Shape, 0, len(layers))
	for i, l := range layers {
		out, err := checkLayer(l, i, in, shape, c)
		if err != nil {
			return shapes, &LayerError{i, LayerKind(l), err}
		}
		shapes = append(shapes, out)
		shape = out
	}
	return shapes, nil
}

func checkLayer(l Layer, i int, in Input, shape Shape, c Context) (Shape, error) {
	reads := readsTokens(l)
	switch {
	case i == 0 && in.Tokens && !reads:
		return nil, errors.New("cannot read token ids; begin with an embedding")
	case reads && (i > 0 || !in.Tokens):
		return nil, fmt.Errorf("needs token ids, got numbers of shape %v", shape)
	}
	return l.OutShape(shape, c)
}

// CheckLoss says whether a loss can measure what the layers, whose shapes Check
// returned, give.
func CheckLoss(loss Loss, layers []Layer, shapes []Shape, c Context) error {
	return loss.Check(shapes[len(shapes)-1], lastActivation(layers), c)
}

func lastActivation(layers []Layer) Activation {
	if l, ok := layers[len(layers)-1].(interface{ endsWith() Activation }); ok {
		return l.endsWith()
	}
	return Linear
}

// EndsWith returns the activation that makes the output. A layer of another package that
// applies one inside, whose logits no loss can reach, has a method EndsWith.
func (n *Network) EndsWith() Activation {
	if l, ok := n.Layers[len(n.Layers)-1].(interface{ EndsWith() Activation }); ok {
		return l.EndsWith()
	}
	return lastActivation(n.Layers)
}

// Network is a sequence of layers with their parameters. After it is built or
// loaded it may be used by several goroutines at once; only a Trainer changes it.
type Network struct {
	Input   Input
	Context Context
	Layers  []Layer

	shapes []Shape  // of each layer's output
	params []*Param // of all layers, with full names
	cuts   bool     // padding behind all sequences of a batch can be cut off
	passes sync.Pool
	packs  packs

	recalls bool // what padding before a text gives is worth knowing
}

// NewNetwork checks the layers, allocates their parameters and initialises them
// from the seed. The layers then belong to the network.
func NewNetwork(in Input, c Context, layers []Layer, seed uint64) (*Network, error) {
	return build(in, c, layers, &seed)
}

// LoadedNetwork is NewNetwork without first values: the parameters are to be filled in.
func LoadedNetwork(in Input, c Context, layers []Layer) (*Network, error) {
	return build(in, c, layers, nil)
}

// maxExample bounds the elements of one example.
const maxExample = 1 << 31

// build leaves the parameters without values when there is no seed.
func build(in Input, c Context, layers []Layer, seed *uint64) (*Network, error) {
	size := 1
	for _, d := range in.Shape {
		if d < 1 {
			return nil, fmt.Errorf("the shape %v of an example must be known", Shape(in.Shape))
		}
		if size > maxExample/d {
			return nil, fmt.Errorf("an example of shape %v is too large", Shape(in.Shape))
		}
		size *= d
	}
	shapes, err := Check(in, c, layers)
	if err != nil {
		return nil, err
	}
	n := &Network{Input: in, Context: c, Layers: layers, shapes: shapes}
	n.passes.New = func() any { return NewPass() }
	shape := in.batch(Unknown)
	for i, l := range layers {
		if shapes[i].Last() == Unknown {
			return nil, &LayerError{i, LayerKind(l), errors.New("needs the number of classes, which is not known")}
		}
		if seed == nil {
			err = l.Build(shape, c, nil)
		} else {
			err = l.Build(shape, c, generator(*seed, "initialise", i))
		}
		if err != nil {
			return nil, &LayerError{i, LayerKind(l), err}
		}
		for _, p := range l.Params() {
			p.Name = strconv.Itoa(i) + "." + p.Name
			n.params = append(n.params, p)
		}
		shape = shapes[i]
	}
	n.recalls = in.Tokens && n.firstRecurrent() != nil
	n.cuts = in.Tokens && n.leavesPaddingOut()
	return n, nil
}

// Params returns all parameters in the order of the layers. The names begin with
// the place of the layer, counted from 0: "1.weight_ih".
func (n *Network) Params() []*Param { return n.params }

// Parameters is how many numbers all parameters have.
func (n *Network) Parameters() (count int) {
	for _, p := range n.params {
		count += p.size()
	}
	return count
}

// Bytes is the memory that the network takes to answer: its weights and what its
// recurrent layers remember of token ids.
func (n *Network) Bytes() (bytes int64) {
	for _, p := range n.params {
		bytes += 4 * int64(len(p.Data))
	}
	if first := n.firstRecurrent(); n.recalls {
		for _, d := range first.directions {
			if width := d.weightIH.Shape[0]; worthProjecting(n.params[0], width) {
				bytes += 4 * int64(n.params[0].Shape[0]*width)
			}
		}
	}
	return bytes
}

// OutShape returns the shape of the output, with an Unknown batch.
func (n *Network) OutShape() Shape { return n.shapes[len(n.shapes)-1] }

// Forward computes the output of the network for x.
func (n *Network) Forward(p *Pass, x *Tensor) *Tensor { return n.through(p, x, len(n.Layers)) }

// through computes what the first layers make of x.
func (n *Network) through(p *Pass, x *Tensor, layers int) *Tensor {
	for i := 0; i < layers; i++ {
		var both bool
		if x, both = ahead(p, n.Layers[i], n.layer(i+1), x); both {
			i++
		}
	}
	return x
}

// layer returns layer i, nil behind the last.
func (n *Network) layer(i int) Layer {
	if i < len(n.Layers) {
		return n.Layers[i]
	}
	return nil
}
