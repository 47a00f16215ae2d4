package nn

import "fmt"

// Extended returns a network of the first keep layers of n, with their weights,
// followed by further ones, whose weights are drawn from the seed. It reads examples
// of another shape where the layers allow that: another number of tokens for
// example. The weights are shared until one of the two is trained, after which the
// other must not be used.
func (n *Network) Extended(in Input, c Context, keep int, further []Layer, seed uint64) (*Network, error) {
	if keep < 0 || keep > len(n.Layers) {
		return nil, fmt.Errorf("the network has %d layers, of which %d cannot be kept", len(n.Layers), keep)
	}
	if err := n.ready(); err != nil {
		return nil, err
	}
	var layers []Layer
	for _, l := range n.Layers[:keep] {
		text, err := marshalKind(LayerKind(l), l)
		if err != nil {
			return nil, err
		}
		twin, err := unmarshalKind(text, NewLayer)
		if err != nil {
			return nil, err
		}
		layers = append(layers, twin)
	}
	out, err := build(in, c, append(layers, further...), &seed)
	if err != nil {
		return nil, err
	}
	kept := 0
	for _, l := range layers {
		kept += len(l.Params())
	}
	for i, p := range out.params[:kept] {
		if !n.params[i].Shape.Equal(p.Shape) {
			return nil, fmt.Errorf("%q has the shape %v and would need %v", p.Name, n.params[i].Shape, p.Shape)
		}
		p.Data = n.params[i].Data
	}
	return out, nil
}
