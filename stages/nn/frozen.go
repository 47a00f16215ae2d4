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

func (f Frozen) holds(p *Param) bool {
	for _, prefix := range f {
		if strings.HasPrefix(p.Name, prefix) {
			return true
		}
	}
	return false
}
