package nn

import (
	"fmt"
	"slices"
	"strings"
)

// published says which arrays of Hugging Face's layout make a parameter: one, or
// several whose rows follow one another.
type published struct {
	names   []string
	columns bool // stored as (in, out), as GPT-2's weights are
}

// hugging is implemented by architectures whose published weights have names of
// their own.
type hugging interface {
	// published maps the name of a parameter.
	published(param string) published
	// strange reports whether an array may be there without a place for it.
	strange(name string) bool
}

// publishedPrefixes stand before the names of a whole model's arrays.
var publishedPrefixes = []string{"transformer.", "bert.", "model."}

// FromHuggingFace fills the first layer, a gpt, llama or bert, from arrays with the
// names of Hugging Face's GPT2LMHeadModel, LlamaForCausalLM or BertModel. It
// refuses, and changes nothing, when an array is missing, left over or of another
// shape.
func (n *Network) FromHuggingFace(arrays []Array) error {
	arch, err := n.hugging()
	if err != nil {
		return err
	}
	byName := map[string]Array{}
	for _, a := range arrays {
		name := a.Name
		for _, prefix := range publishedPrefixes {
			name = strings.TrimPrefix(name, prefix)
		}
		byName[name] = a
	}
	params := n.Layers[0].Params()
	values := make([][]float32, len(params))
	used := map[string]bool{}
	for i, p := range params {
		from := arch.published(strings.TrimPrefix(p.Name, "0."))
		for _, name := range from.names {
			a, ok := byName[name]
			if !ok {
				return fmt.Errorf("weights: %q is missing", name)
			}
			part, err := from.rows(a, p)
			if err != nil {
				return err
			}
			values[i] = append(values[i], part...)
			used[name] = true
		}
		if len(values[i]) != p.size() {
			return fmt.Errorf("weights: %s have %d numbers, %q of shape %v needs %d", strings.Join(from.names, ", "), len(values[i]), p.Name, p.Shape, p.size())
		}
	}
	var rest []string
	for name := range byName {
		if !used[name] && !arch.strange(name) {
			rest = append(rest, name)
		}
	}
	if len(rest) > 0 {
		slices.Sort(rest)
		return fmt.Errorf("weights: the network has no place for %s", strings.Join(rest, ", "))
	}
	for i, p := range params {
		p.Data = values[i]
	}
	n.packs.empty()
	return nil
}

// ToHuggingFace is the inverse of FromHuggingFace.
func (n *Network) ToHuggingFace() ([]Array, error) {
	arch, err := n.hugging()
	if err != nil {
		return nil, err
	}
	if err := n.ready(); err != nil {
		return nil, err
	}
	var arrays []Array
	for _, p := range n.Layers[0].Params() {
		to := arch.published(strings.TrimPrefix(p.Name, "0."))
		first := 0
		for _, name := range to.names {
			rows := n.rowsOf(name, p, len(to.names))
			size := p.size() / p.Shape[0]
			shape := append(Shape{rows}, p.Shape[1:]...)
			data := slices.Clone(p.Data[first*size : (first+rows)*size])
			if to.columns && len(shape) == 2 {
				data, shape = transposed(data, rows, size), Shape{size, rows}
			}
			arrays = append(arrays, Array{name, shape, data})
			first += rows
		}
	}
	return arrays, nil
}

func (n *Network) hugging() (hugging, error) {
	arch, ok := n.Layers[0].(hugging)
	if !ok {
		return nil, fmt.Errorf("weights: a network that begins with %s has no published names", LayerKind(n.Layers[0]))
	}
	return arch, nil
}

// rowsOf returns how many rows of a parameter an array holds; only queries, keys
// and values share one, and keys and values may be fewer.
func (n *Network) rowsOf(name string, p *Param, parts int) int {
	if parts == 1 {
		return p.Shape[0]
	}
	l, ok := n.Layers[0].(*Llama)
	if !ok || l.KVHeads == 0 {
		return p.Shape[0] / parts
	}
	dim := l.Dim / l.Heads
	if strings.Contains(name, "q_proj") {
		return l.Heads * dim
	}
	return l.KVHeads * dim
}

// rows returns the numbers of an array as rows of the parameter.
func (from published) rows(a Array, p *Param) ([]float32, error) {
	shape := a.Shape
	if from.columns && len(shape) == 2 {
		shape = Shape{shape[1], shape[0]}
	}
	if len(shape) != len(p.Shape) || !shape[1:].Equal(p.Shape[1:]) {
		return nil, fmt.Errorf("weights: %q has shape %v, which does not fit %q of shape %v", a.Name, a.Shape, p.Name, p.Shape)
	}
	if from.columns && len(shape) == 2 {
		return transposed(a.Data, shape[1], shape[0]), nil
	}
	return a.Data, nil
}

// transposed returns the transpose of a rows×cols matrix.
func transposed(x []float32, rows, cols int) []float32 {
	y := make([]float32, len(x))
	for r := range rows {
		for c := range cols {
			y[c*rows+r] = x[r*cols+c]
		}
	}
	return y
}
