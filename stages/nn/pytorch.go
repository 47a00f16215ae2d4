package nn

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// pyTorchFormat is what the metadata of a safetensors file call PyTorch's layout;
// transformers reads no file that does not say so.
const pyTorchFormat = "pt"

// WritePyTorch writes all parameters as safetensors in PyTorch's names and layout: those
// of an nn.Sequential, whose modules have the numbers of the layers. ReadPyTorch gives
// the same bits back. Equal weights give equal bytes.
func (n *Network) WritePyTorch(w io.Writer) error {
	if err := n.ready(); err != nil {
		return err
	}
	return WriteSafetensors(w, n.ToPyTorch(sameName), map[string]string{"format": pyTorchFormat})
}

func sameName(name string) string { return name }

// ReadPyTorch fills all parameters from a safetensors file of size bytes in PyTorch's
// names and layout, as FromPyTorch does. PyTorch's counters of batches are left out. Of a
// file that Save wrote the metadata tell it, and its names and layout are ours.
func (n *Network) ReadPyTorch(r io.Reader, size int64, name func(param string) string) error {
	arrays, metadata, err := readSafetensors(r, size, true)
	if err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	if metadata["format"] == weightsFormat {
		return n.fill(arrays, func(p *Param) [][]string { return [][]string{{name(p.Name)}} }, nil)
	}
	arrays = slices.DeleteFunc(arrays, func(a Array) bool { return strings.HasSuffix(a.Name, "num_batches_tracked") })
	return n.FromPyTorch(arrays, name)
}

// FromPyTorch fills the parameters from arrays as PyTorch names and lays them out. The
// weights of convolutions are (filters, channels, height, width) there and have the
// channels last here; what follows a flatten of such numbers has its columns in PyTorch's
// order there; a recurrent layer has weight_ih_l0, and two biases where one is enough. All
// others are the same. name gives the array that belongs to a name, PyTorch's or ours. It
// refuses, and changes nothing, when an array is missing, left over, of another shape, not
// finite, or a variance below 0.
func (n *Network) FromPyTorch(arrays []Array, name func(param string) string) error {
	return n.fill(arrays, func(p *Param) [][]string {
		names := slices.Clone(p.pyTorchNames())
		for i := range names {
			names[i] = name(names[i])
		}
		return [][]string{names, {name(p.Name)}}
	}, n.pyTorchOrders())
}

// fill takes each parameter from the first of its lists of names that is there, whose
// arrays are added up. Without orders the layout is ours.
func (n *Network) fill(arrays []Array, names func(p *Param) [][]string, orders pyTorchOrders) error {
	byName := make(map[string]Array, len(arrays))
	for _, a := range arrays {
		byName[a.Name] = a
	}
	var missing []string
	used := map[string]bool{}
	parts := make([][]Array, len(n.params))
	for i, p := range n.params {
		var none []string
		for _, list := range names(p) {
			found, absent := arraysOf(byName, list)
			if len(absent) == 0 {
				parts[i] = found
				break
			}
			if none == nil {
				none = absent
			}
		}
		if parts[i] == nil {
			missing = append(missing, none...)
			continue
		}
		want := p.Shape
		if orders != nil {
			want = p.pyTorchShape()
		}
		for _, a := range parts[i] {
			if !a.Shape.Equal(want) {
				return fmt.Errorf("weights: %q has shape %v, the network needs %v", a.Name, a.Shape, want)
			}
			if err := p.checkNumbers(a, false); err != nil {
				return fmt.Errorf("weights: %w", err)
			}
			used[a.Name] = true
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("weights: missing are %s", strings.Join(missing, ", "))
	}
	var rest []string
	for _, a := range arrays {
		if !used[a.Name] {
			rest = append(rest, a.Name)
		}
	}
	if len(rest) > 0 {
		slices.Sort(rest)
		return fmt.Errorf("weights: the network has no place for %s", strings.Join(rest, ", "))
	}
	for i, p := range n.params {
		if p.Data == nil {
			p.Data = make([]float32, p.Shape.Size())
		}
		orders.reorder(p, p.Data, parts[i][0].Data, false)
		for _, more := range parts[i][1:] {
			for j, v := range more.Data { // biases: no order
				if v != 0 { // so that a bias of -0 stays as it is
					p.Data[j] += v
				}
			}
		}
	}
	n.packs.empty()
	return nil
}

// arraysOf returns the arrays of some names, and which are not there.
func arraysOf(byName map[string]Array, names []string) (found []Array, absent []string) {
	for _, name := range names {
		if a, ok := byName[name]; ok {
			found = append(found, a)
		} else {
			absent = append(absent, name)
		}
	}
	return found, absent
}

// Finite says which parameter has a number that is not finite, or a variance below 0,
// and where. A layer of
// another package whose constants may be infinite, as masks are, has a method Infinite.
func (n *Network) Finite() error {
	for _, l := range n.Layers {
		_, infinite := l.(interface{ Infinite() })
		for _, p := range l.Params() {
			if err := p.checkNumbers(Array{p.Name, p.Shape, p.Data}, infinite); err != nil {
				return fmt.Errorf("weights: %w", err)
			}
		}
	}
	return nil
}

// checkNumbers says which number of an array cannot be one of the parameter, and where.
func (p *Param) checkNumbers(a Array, infinite bool) error {
	for i, v := range a.Data {
		needed := ""
		switch {
		case v != v || !infinite && v-v != 0:
			needed = "a finite number is needed; did the training that made it diverge?"
		case p.variance && v < 0:
			needed = "a variance is needed, which is never negative"
		default:
			continue
		}
		place := make([]int, len(a.Shape))
		for d, rest := len(a.Shape)-1, i; d >= 0; d-- {
			place[d], rest = rest%a.Shape[d], rest/a.Shape[d]
		}
		return fmt.Errorf("%q has %v at %v, where %s", a.Name, v, place, needed)
	}
	return nil
}

// ToPyTorch is the inverse of FromPyTorch.
func (n *Network) ToPyTorch(name func(param string) string) []Array {
	orders := n.pyTorchOrders()
	var arrays []Array
	for _, p := range n.params {
		for i, of := range p.pyTorchNames() {
			a := Array{name(of), p.pyTorchShape(), make([]float32, len(p.Data))}
			if i == 0 {
				orders.reorder(p, a.Data, p.Data, true)
			}
			arrays = append(arrays, a)
		}
	}
	return arrays
}

// inPyTorch gives the parameter other names in PyTorch, whose arrays are added up.
func (p *Param) inPyTorch(names ...string) *Param {
	p.local, p.pyTorch = p.Name, names
	return p
}

func (p *Param) pyTorchNames() []string {
	if p.pyTorch == nil {
		return []string{p.Name}
	}
	names := slices.Clone(p.pyTorch)
	for i := range names {
		names[i] = strings.TrimSuffix(p.Name, p.local) + names[i]
	}
	return names
}

func (p *Param) pyTorchShape() Shape {
	if !p.channelsLast {
		return p.Shape
	}
	s, last := p.Shape, len(p.Shape)-1
	return append(Shape{s[0], s[last]}, s[1:last]...)
}

// pyTorchOrders has the parameters whose columns are in another order in PyTorch: for
// each of its columns the number of ours.
type pyTorchOrders map[*Param][]int

// reorder copies from one layout to the other. Without orders both are the same.
func (o pyTorchOrders) reorder(p *Param, dst, src []float32, toPyTorch bool) {
	order := o[p]
	switch {
	case o != nil && p.channelsLast:
		p.moveChannels(dst, src, toPyTorch)
	case order == nil:
		copy(dst, src)
	default:
		for row := 0; row < len(src); row += len(order) {
			for theirs, ours := range order {
				if toPyTorch {
					dst[row+theirs] = src[row+ours]
				} else {
					dst[row+ours] = src[row+theirs]
				}
			}
		}
	}
}

// moveChannels copies the weight of a convolution from one layout to the other.
func (p *Param) moveChannels(dst, src []float32, toPyTorch bool) {
	filters, channels := p.Shape[0], p.Shape.Last()
	taps := len(src) / filters / channels
	for f := range filters {
		for t := range taps {
			for c := range channels {
				ours, theirs := (f*taps+t)*channels+c, (f*channels+c)*taps+t
				if toPyTorch {
					dst[theirs] = src[ours]
				} else {
					dst[ours] = src[theirs]
				}
			}
		}
	}
}

// pyTorchOrders follows the numbers through the network: convolutions and poolings have
// their channels first in PyTorch, and so what flatten makes of them is in another order,
// which the weights up to the next dense layer show.
func (n *Network) pyTorchOrders() pyTorchOrders {
	w := pyTorchWalk{n.Context, pyTorchOrders{}}
	at, in := arranged{channelsFirst: !n.Input.Tokens && len(n.Input.Shape) == 3}, n.Input.batch(Unknown)
	for i, l := range n.Layers {
		at = w.layer(l, in, at)
		in = n.shapes[i]
	}
	return w.orders
}

type pyTorchWalk struct {
	context Context
	orders  pyTorchOrders
}

// arranged says how numbers lie in PyTorch.
type arranged struct {
	channelsFirst bool  // of (batch, …, channels)
	order         []int // of (batch, features); nil for ours
}

// layer notes the orders of a layer's parameters and returns how its output lies.
func (w *pyTorchWalk) layer(l Layer, in Shape, at arranged) arranged {
	switch l := l.(type) {
	case *Conv1D, *Conv2D, *MaxPool, *AvgPool:
		return arranged{channelsFirst: true}
	case *SqueezeNet:
		return arranged{channelsFirst: !l.Pool}
	case *Flatten:
		return at.flat(in)
	case *Dense:
		w.note(l.weight, at)
		return arranged{}
	case *BatchNorm, *LayerNorm, *RMSNorm:
		for _, p := range l.Params() {
			w.note(p, at)
		}
		return at
	case *Dropout, *ActivationLayer, *UnitNorm:
		return at
	case sequence:
		return w.sequence(l, in, at)
	case *Residual:
		return w.skip(&l.skip, in, at)
	case *skip:
		return w.skip(l, in, at)
	case *Branches:
		return w.beside(l.beside, in, at)
	case beside:
		return w.beside(l, in, at)
	}
	return arranged{}
}

func (w *pyTorchWalk) note(p *Param, at arranged) {
	if p != nil && at.order != nil {
		w.orders[p] = at.order
	}
}

func (w *pyTorchWalk) sequence(s sequence, in Shape, at arranged) arranged {
	for _, part := range s {
		at = w.layer(part.layer, in, at)
		in, _ = part.layer.OutShape(in, w.context) // which Build has asked for before
	}
	return at
}

func (w *pyTorchWalk) skip(s *skip, in Shape, at arranged) arranged {
	w.sequence(s.around, in, at)
	return w.sequence(s.main, in, at)
}

func (w *pyTorchWalk) beside(b beside, in Shape, at arranged) arranged {
	var out arranged
	var order []int
	differs := false
	for i, s := range b {
		one := w.sequence(s, in, at)
		if i == 0 {
			out.channelsFirst = one.channelsFirst
		}
		shape, _ := s.OutShape(in, w.context)
		from := len(order)
		for j := range max(shape.Last(), 0) {
			if one.order != nil {
				j = one.order[j]
				differs = true
			}
			order = append(order, from+j)
		}
	}
	if differs {
		out.order = order
	}
	return out
}

// flat is how flatten's output lies for an input of shape in.
func (at arranged) flat(in Shape) arranged {
	if !at.channelsFirst || len(in) < 3 {
		return arranged{order: at.order}
	}
	channels := in.Last()
	places := Shape(in[1 : len(in)-1]).Size()
	if channels == 1 || places == 1 {
		return arranged{}
	}
	order := make([]int, 0, channels*places)
	for c := range channels {
		for p := range places {
			order = append(order, p*channels+c)
		}
	}
	return arranged{order: order}
}
