package nn

// joiner is a layer that can compute itself and the layer behind it at once, which then
// write what both give to memory only once.
type joiner interface {
	join(p *Pass, x *Tensor, next Layer) *Tensor // nil where that is not worth it
}

// ahead computes layer l, and the one behind it as well where the two are better
// computed at once. next may be nil.
func ahead(p *Pass, l, next Layer, x *Tensor) (y *Tensor, both bool) {
	if l, ok := l.(joiner); ok && next != nil {
		if y := l.join(p, x, next); y != nil {
			return y, true
		}
	}
	return l.Forward(p, x), false
}
