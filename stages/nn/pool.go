package nn

import (
	"math"

	"pipe/stages/nn/kernel"
)

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
	n.x, n.y, n.g, n.which = x, y, g, p.ids.take(len(y.Data))
	n.taps, n.zeros = p.ids.take(x.Shape[0]*g.h.out*g.taps()), p.zeros(g.channels)
	if n.ahead == nil {
		n.ahead, n.back = n.forwardRange, n.backwardRange
	}
	kernel.Parallel(x.Shape[0]*g.h.out, 1, n.ahead)
	return y
}

type windowMaxNode struct {
	x, y  *Tensor
	g     window
	which []int32 // tap of its window each maximum comes from, as far as it lies from the first
	zeros []float32

	taps  []int32 // room for those of a window, by line
	blank bool    // the gradient of x holds nothing yet

	ahead, back func(lo, hi int) // made once, so that later passes allocate nothing
}

// each runs f for the windows of a line, counted through all examples: for so many
// columns from one on, whose taps lie equally far from their first, which is where in the
// example.
func (n *windowMaxNode) each(line int, f func(column, columns, first int, taps []int32)) {
	g := &n.g
	top, room := line%g.h.out*g.h.stride-g.h.before, n.taps[line*g.taps():][:0]
	inside, beyond := (g.w.before+g.w.stride-1)/g.w.stride, (g.w.in+g.w.before-g.w.size)/g.w.stride+1
	for column := 0; column < g.w.out; {
		columns := 1
		if column >= inside && column < beyond {
			columns = min(beyond, g.w.out) - column
		}
		first, taps := g.inside(top, column*g.w.stride-g.w.before, room)
		f(column, columns, first, taps)
		column += columns
	}
}

// tiles reports whether each element lies in one window.
func (s *span) tiles() bool {
	return s.size == s.stride && s.before == 0 && s.out*s.size == s.in
}

// forwardRange computes lines lo to hi of the output.
func (n *windowMaxNode) forwardRange(lo, hi int) {
	g, channels := &n.g, n.g.channels
	inSize, size := len(n.x.Data)/n.x.Shape[0], g.w.out*channels
	for line := lo; line < hi; line++ {
		example := n.x.Data[line/g.h.out*inSize:][:inSize]
		n.each(line, func(column, columns, first int, taps []int32) {
			y, which := n.y.Data[line*size+column*channels:][:columns*channels], n.which[line*size+column*channels:]
			if len(taps) == 0 { // all is padding
				for i := range y {
					y[i] = float32(math.Inf(-1))
				}
				return
			}
			kernel.MaxLine(y, which, example[first:], columns, g.w.stride*channels, taps, taps, n.zeros, float32(math.Inf(-1)))
		})
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
	inSize, size := len(n.x.Data)/n.x.Shape[0], g.w.out*channels
	tiles := g.h.tiles() && g.w.tiles()
	for line := lo * g.h.out; line < hi*g.h.out; line++ {
		dx := n.x.grad[line/g.h.out*inSize:][:inSize]
		if n.blank && !tiles && line%g.h.out == 0 {
			clear(dx)
		}
		n.each(line, func(column, columns, first int, taps []int32) {
			if len(taps) == 0 {
				return
			}
			at := line*size + column*channels
			write := kernel.AddLine
			if n.blank && tiles {
				write = kernel.SpreadLine
			}
			write(dx[first:], n.which[at:], n.y.grad[at:at+columns*channels], columns, g.w.stride*channels, taps, taps)
		})
	}
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
