package nn

// LayerSummary describes one layer of a network.
type LayerSummary struct {
	Kind       string
	Out        Shape // with an Unknown batch
	Params     int   // numbers in all parameters, four bytes each
	Multiplies int   // multiplications that are added up to answer for one example, in matrix products
}

// Describe checks the layers and describes them in order without allocating their
// parameters. All sizes must be known.
func Describe(in Input, c Context, layers []Layer) ([]LayerSummary, error) {
	n, err := build(in, c, layers, nil)
	if err != nil {
		return nil, err
	}
	return n.Summary(), nil
}

// Summary describes the layers in order.
func (n *Network) Summary() []LayerSummary {
	rows := make([]LayerSummary, len(n.Layers))
	in := n.Input.batch(Unknown)
	for i, l := range n.Layers {
		rows[i] = LayerSummary{Kind: LayerKind(l), Out: n.shapes[i], Multiplies: multiplies(l, in, n.Context)}
		for _, p := range l.Params() {
			rows[i].Params += p.size()
		}
		in = n.shapes[i]
	}
	return rows
}

// size returns the number of elements, whether they are there yet or not.
func (p *Param) size() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// multiplies returns how many products a layer sums for one example. A layer of
// weights that are applied at every position of its output needs no method of its
// own.
func multiplies(l Layer, in Shape, c Context) int {
	if m, ok := l.(interface{ multiplies(Shape, Context) int }); ok {
		return m.multiplies(in, c)
	}
	out, err := l.OutShape(in, c)
	if err != nil {
		return 0 // Check has refused it
	}
	return positions(out) * matrices(l.Params())
}

// positions counts what lies between the batch and the features.
func positions(s Shape) int {
	n := 1
	for _, d := range s[1 : len(s)-1] {
		n *= d
	}
	return n
}

// matrices returns the number of elements of parameters with rows and columns.
func matrices(params []*Param) int {
	n := 0
	for _, p := range params {
		if len(p.Shape) > 1 {
			n += p.size()
		}
	}
	return n
}

// Tables are looked up.

func (l *Embedding) multiplies(Shape, Context) int          { return 0 }
func (l *PositionalEncoding) multiplies(Shape, Context) int { return 0 }

// The state is computed at every position, whether it comes out or not.
func (l *Recurrent) multiplies(in Shape, _ Context) int { return in[1] * matrices(l.Params()) }

// Every position is compared with every other and sums their values.
func (l *MultiHeadAttention) multiplies(in Shape, _ Context) int {
	return in[1]*matrices(l.Params()) + 2*in[1]*in[1]*l.outWeight.Shape[1]
}

func (l *TransformerBlock) multiplies(in Shape, _ Context) int {
	return in[1]*matrices(l.Params()) + 2*in[1]*in[1]*l.attention.outWeight.Shape[1]
}

func (s sequence) multiplies(in Shape, c Context) int {
	sum := 0
	for _, part := range s {
		sum += multiplies(part.layer, in, c)
		if out, err := part.layer.OutShape(in, c); err == nil {
			in = out
		}
	}
	return sum
}

func (s *skip) multiplies(in Shape, c Context) int {
	return s.main.multiplies(in, c) + s.around.multiplies(in, c)
}

func (b beside) multiplies(in Shape, c Context) int {
	sum := 0
	for _, s := range b {
		sum += s.multiplies(in, c)
	}
	return sum
}

func (m *languageModel) multiplies(in Shape, c Context) int {
	inner, err := m.start.OutShape(in, c)
	if err != nil {
		return 0 // Check has refused it
	}
	return m.blocks.multiplies(inner, c) + in[1]*inner.Last()*c.Vocab
}
