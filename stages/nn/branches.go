package nn

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
)

func init() {
	RegisterLayer("branches", func() Layer { return &Branches{} })
}

// Branches gives its input to several stacks of layers and puts what they make of
// it side by side, along the last dimension. The mask is that of the first.
// (batch, …, a) and (batch, …, b) make (batch, …, a+b). PyTorch: torch.cat; ONNX: Concat.
type Branches struct {
	Branches []Stack `yaml:"branches" doc:"stacks of layers" required:"true" min:"1" example:"[[{dense: {units: 4}}], [{dense: {units: 3, activation: tanh}}]]"`

	beside
}

func (l *Branches) make() (beside, error) {
	if len(l.Branches) == 0 {
		return nil, errors.New("branches must not be empty")
	}
	made := make(beside, len(l.Branches))
	for i, stack := range l.Branches {
		var err error
		if made[i], err = stack.sequence(strconv.Itoa(i) + "."); err != nil {
			return nil, fmt.Errorf("branch %d: %w", i+1, err)
		}
	}
	return made, nil
}

func (l *Branches) readsTokens() bool {
	made, err := l.make()
	return err == nil && made.readsTokens()
}

// OutShape returns the shape of the first branch, as wide as all together.
func (l *Branches) OutShape(in Shape, c Context) (Shape, error) {
	made, err := l.make()
	if err != nil {
		return nil, err
	}
	return made.OutShape(in, c)
}

// Build builds the branches; the first parameter of the second is "1.0.weight".
func (l *Branches) Build(in Shape, c Context, rng *rand.Rand) (err error) {
	if l.beside, err = l.make(); err != nil {
		return err
	}
	return l.beside.Build(in, c, rng)
}
