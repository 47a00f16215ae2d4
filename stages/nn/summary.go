package nn

// LayerSummary describes one layer of a network.
type LayerSummary struct {
	Kind   string
	Out    Shape // with an Unknown batch
	Params int   // numbers in all parameters
}

// Summary describes the layers in order.
func (n *Network) Summary() []LayerSummary {
	rows := make([]LayerSummary, len(n.Layers))
	for i, l := range n.Layers {
		rows[i] = LayerSummary{Kind: LayerKind(l), Out: n.shapes[i]}
		for _, p := range l.Params() {
			rows[i].Params += len(p.Data)
		}
	}
	return rows
}
