package stages

import (
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"sync"

	"pipe/dag/text"
)

// ProgramParams are values that a program gets as JSON.
type ProgramParams map[string]any

// DecodeNode implements text.NodeDecoder.
func (p *ProgramParams) DecodeNode(d *text.Decoder, n *text.Node) {
	if n.Kind != text.Mapping {
		if n.Value != nil || n.Kind == text.Sequence {
			d.Errorf(n, "type", "with.params: expected a map of names and values, found %s", n.What())
		}
		return
	}
	*p = make(ProgramParams, len(n.Keys))
	for i, k := range n.Keys {
		(*p)[k.Raw] = programValue(d, n.Items[i], "with.params."+k.Raw)
	}
}

// TypeText names the type in the reference.
func (ProgramParams) TypeText() string { return "map to any value" }

// jsonNumber is a number as JSON writes it.
var jsonNumber = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)
})

// programValue gives a value with its numbers as they are written: a float64
// would lose digits of long ones.
func programValue(d *text.Decoder, n *text.Node, name string) any {
	switch n.Kind {
	case text.Sequence:
		out := make([]any, len(n.Items))
		for i, it := range n.Items {
			out[i] = programValue(d, it, name)
		}
		return out
	case text.Mapping:
		out := make(map[string]any, len(n.Keys))
		for i, k := range n.Keys {
			out[k.Raw] = programValue(d, n.Items[i], name+"."+k.Raw)
		}
		return out
	}
	if !n.Quoted && jsonNumber().MatchString(n.Raw) {
		return json.Number(n.Raw)
	}
	if v, ok := n.Value.(float64); ok && (math.IsInf(v, 0) || math.IsNaN(v)) {
		d.Errorf(n, "value", "%s: JSON, in which the program gets it, has no %s; write it as text", name, strings.TrimSpace(n.Raw))
		return nil
	}
	return n.Value
}
