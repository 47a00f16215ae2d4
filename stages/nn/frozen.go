package nn

import (
	"fmt"
	"strings"
)

// Frozen is how FitConfig names parameters that are not trained: by the beginning
// of their name, such as "0." for the first layer.
type Frozen []string

// check says which of the beginnings names no parameter.
func (f Frozen) check(params []*Param) error {
	for _, prefix := range f {
		found := false
		for _, p := range params {
			found = found || strings.HasPrefix(p.Name, prefix)
		}
		if !found {
			return fmt.Errorf("no parameter's name begins with %q, so it cannot be frozen", prefix)
		}
	}
	return nil
}

// still says how many of the first layers compute what they would in an answer,
// because none of their weights is trained: the last frozen layer, if all before it
// are frozen or have no weights. Nothing is dropped in them, their running means
// stay, and the backward pass ends behind them. An embedding computes the same in a
// training, where a recurrent layer can join it.
func (f Frozen) still(layers []Layer) int {
	until := 0
	for i, l := range layers {
		params := l.Params()
		for _, p := range params {
			if !f.holds(p) {
				return until
			}
		}
		if _, table := l.(*Embedding); len(params) > 0 && !table {
			until = i + 1
		}
	}
	return until
}

func (f Frozen) holds(p *Param) bool {
	for _, prefix := range f {
		if strings.HasPrefix(p.Name, prefix) {
			return true
		}
	}
	return false
}
