package nn

import "pipe/stages/nn/kernel"

func init() {
	RegisterLayer("max_pool", func() Layer { return &MaxPool{poolingDefaults()} })
	RegisterLayer("avg_pool", func() Layer { return &AvgPool{poolingDefaults()} })
}

// Pooling is the configuration that pooling layers share. Input is (batch, time,
// channels) or (batch, height, width, channels). The mask ends here.
type Pooling struct {
	stateless
	PoolSize []int   `yaml:"pool_size" doc:"size of the window: one number, or one for each dimension" default:"[2]" min:"1"`
	Strides  []int   `yaml:"strides" doc:"distance of two windows; the size of the window where it is empty" default:"[]"`
	Padding  Padding `yaml:"padding" doc:"valid, same or a number of places on each side, which do not count" default:"valid"`
}

func poolingDefaults() Pooling {
	return Pooling{PoolSize: []int{2}, Strides: []int{}, Padding: "valid"}
}

func (l *Pooling) window(in Shape) (window, error) {
	strides := l.Strides
	if len(strides) == 0 {
		strides = l.PoolSize
	}
	return newWindow(in, l.PoolSize, strides, ones, l.Padding)
}

var ones = []int{1}

// OutShape returns in with fewer positions.
func (l *Pooling) OutShape(in Shape, _ Context) (Shape, error) {
	if len(in) != 3 && len(in) != 4 {
		return nil, wantRank(in, 4, "(batch, time, channels) or (batch, height, width, channels)")
	}
	g, err := l.window(in)
	if err != nil {
		return nil, err
	}
	return g.outShape(in, in.Last()), nil
}

func (l *Pooling) prepare(p *Pass, x *Tensor) (window, *Tensor) {
	g, err := l.window(x.Shape)
	if err != nil {
		panic("nn: " + err.Error()) // OutShape has refused it
	}
	if len(x.Shape) == 3 {
		return g, p.Tensor(x.Shape[0], g.w.out, g.channels)
	}
	return g, p.Tensor(x.Shape[0], g.h.out, g.w.out, g.channels)
}

// MaxPool takes the largest value of each window. Keras: MaxPooling1D and 2D;
// PyTorch: nn.MaxPool2d; ONNX: MaxPool.
type MaxPool struct {
	Pooling `yaml:",inline"`
}

// Forward computes the layer.
func (l *MaxPool) Forward(p *Pass, x *Tensor) *Tensor {
	g, y := l.prepare(p, x)
	n := record[windowMaxNode](p, y)
	n.x, n.y, n.g, n.from = x, y, g, p.ids.take(len(y.Data))
	n.whole, n.edge = p.ids.take(g.taps())[:0], p.ids.take(x.Shape[0]*g.h.out*g.taps())
	for i := range g.taps() {
		n.whole = append(n.whole, int32((i/g.w.size*g.w.in+i%g.w.size)*g.channels))
	}
	if n.ahead == nil {
		n.ahead, n.back = n.forwardRange, n.backwardRange
	}
	kernel.Parallel(x.Shape[0]*g.h.out, 1, n.ahead)
	return y
}

type windowMaxNode struct {
	x, y *Tensor
	g    window
	from []int32 // where in its example each maximum comes from

	whole []int32 // the taps of a window that lies inside
	edge  []int32 // those of one that does not, by line
	blank bool    // the gradient of x holds nothing yet

	ahead, back func(lo, hi int) // made once, so that later passes allocate nothing
}

// forwardRange computes lines lo to hi of the output, counted through all examples.
func (n *windowMaxNode) forwardRange(lo, hi int) {
	g, channels := &n.g, n.g.channels
	inSize := len(n.x.Data) / n.x.Shape[0]
	for line := lo; line < hi; line++ {
		example := n.x.Data[line/g.h.out*inSize:][:inSize]
		for column := range g.w.out {
			i := line*g.w.out + column
			first, taps := n.taps(line, column)
			kernel.MaxTaps(n.y.Data[i*channels:(i+1)*channels], n.from[i*channels:(i+1)*channels], example[first:], taps, first)
		}
	}
}

func (n *windowMaxNode) backward() {
	dx, first := n.x.blankGradient()
	n.blank = first
	if dx != nil {
		kernel.Parallel(n.x.Shape[0], 1, n.back)
	}
}

// backwardRange takes whole examples, because the windows of two lines may overlap.
func (n *windowMaxNode) backwardRange(lo, hi int) {
	g, channels := &n.g, n.g.channels
	inSize := len(n.x.Data) / n.x.Shape[0]
	for line := lo * g.h.out; line < hi*g.h.out; line++ {
		dx := n.x.grad[line/g.h.out*inSize:][:inSize]
		if n.blank && line%g.h.out == 0 {
			clear(dx)
		}
		for column := range g.w.out {
			i := line*g.w.out + column
			first, taps := n.taps(line, column)
			kernel.AddTaps(dx[first:], taps, first, n.from[i*channels:(i+1)*channels], n.y.grad[i*channels:(i+1)*channels])
		}
	}
}

// taps returns where the first tap of a window that lies inside does so in the
// example, and the distance of each such tap from it. Each line has a place for them.
func (n *windowMaxNode) taps(line, column int) (first int, taps []int32) {
	g := &n.g
	top, left := line%g.h.out*g.h.stride-g.h.before, column*g.w.stride-g.w.before
	if top >= 0 && left >= 0 && top+g.h.size <= g.h.in && left+g.w.size <= g.w.in {
		return (top*g.w.in + left) * g.channels, n.whole
	}
	return g.inside(top, left, n.edge[line*g.taps():line*g.taps()])
}

// AvgPool takes the mean of each window over the places inside the input. Keras:
// AveragePooling1D and 2D; PyTorch: nn.AvgPool2d without count_include_pad; ONNX:
// AveragePool.
type AvgPool struct {
	Pooling `yaml:",inline"`
}

// Forward computes the layer.
func (l *AvgPool) Forward(p *Pass, x *Tensor) *Tensor {
	g, y := l.prepare(p, x)
	clear(y.Data)
	size, n := len(x.Data)/x.Shape[0], g.channels
	for i := range y.Rows() {
		sum, count := y.Data[i*n:(i+1)*n], 0
		example := x.Data[i/g.positions()*size:][:size]
		for tap := range g.taps() {
			if r, c, inside := g.at(i%g.positions(), tap); inside {
				kernel.Add(sum, sum, example[(r*g.w.in+c)*n:][:n])
				count++
			}
		}
		kernel.Scale(1/float32(max(count, 1)), sum)
	}
	if p.train {
		*record[windowMeanNode](p, y) = windowMeanNode{x, y, g}
	}
	return y
}

type windowMeanNode struct {
	x, y *Tensor
	g    window
}

func (n *windowMeanNode) backward() {
	dx := n.x.gradient()
	if dx == nil {
		return
	}
	g, size, c := &n.g, len(dx)/n.x.Shape[0], n.g.channels
	for i := range n.y.Rows() {
		count := 0
		for tap := range g.taps() {
			if _, _, inside := g.at(i%g.positions(), tap); inside {
				count++
			}
		}
		for tap := range g.taps() {
			if row, col, inside := g.at(i%g.positions(), tap); inside {
				to := dx[i/g.positions()*size+(row*g.w.in+col)*c:][:c]
				kernel.Axpy(1/float32(count), n.y.grad[i*c:(i+1)*c], to)
			}
		}
	}
}
