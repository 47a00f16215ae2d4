package onnx

// The layers of this project have the channels last, ONNX' convolutions have them
// second. What follows writes a Transpose around each and takes the one before it
// back where a value has just come from such a layout, so that a chain of
// convolutions, pools and activations is transposed once.

// origin is the value of which another one is the channels-last form.
type origin struct{ name string }

// channelsSecond returns x, (batch, …, channels), as (batch, channels, …).
func (g *builder) channelsSecond(x value) string {
	if from, ok := g.origins[x.name]; ok {
		return from.name
	}
	n := int64(len(x.shape))
	order := []int64{0, n - 1}
	for i := int64(1); i < n-1; i++ {
		order = append(order, i)
	}
	return g.transpose(x.name, order...)
}

// channelsLast is the inverse of channelsSecond for a tensor of rank dimensions.
func (g *builder) channelsLast(name string, rank int) string {
	order := []int64{0}
	for i := 2; i < rank; i++ {
		order = append(order, int64(i))
	}
	y := g.transpose(name, append(order, 1)...)
	g.origins[y] = origin{name}
	return y
}

// elementwise applies f, which treats all elements alike, to x in the layout it
// comes from.
func (g *builder) elementwise(x value, f func(name string) string) value {
	if from, ok := g.origins[x.name]; ok {
		return x.with(g.channelsLast(f(from.name), len(x.shape)))
	}
	return x.with(f(x.name))
}

// add returns a + b (Add-14) with a's mask.
func (g *builder) add(a, b value) value {
	first, ok := g.origins[a.name]
	second, both := g.origins[b.name]
	if ok && both {
		return a.with(g.channelsLast(g.op("Add", in(first.name, second.name)), len(a.shape)))
	}
	return a.with(g.op("Add", in(a.name, b.name)))
}
