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
	n.x, n.y, n.g, n.from = x, y, g, p.ids.take(len(y.Data))
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
			best, at := n.y.Data[i*channels:(i+1)*channels], n.from[i*channels:(i+1)*channels]
			for c := range best {
				best[c], at[c] = float32(math.Inf(-1)), -1
			}
			g.each(line%g.h.out, column, func(first int) {
				kernel.MaxPlace(best, at, example[first:first+channels], first)
			})
		}
	}
}

func (n *windowMaxNode) backward() {
	if n.x.gradient() != nil {
		kernel.Parallel(n.x.Shape[0], 1, n.back)
	}
}

// backwardRange takes whole examples, because the windows of two lines may overlap.
func (n *windowMaxNode) backwardRange(lo, hi int) {
	g, channels := &n.g, n.g.channels
	inSize := len(n.x.Data) / n.x.Shape[0]
	for line := lo * g.h.out; line < hi*g.h.out; line++ {
		dx := n.x.grad[line/g.h.out*inSize:][:inSize]
		for column := range g.w.out {
			i := line*g.w.out + column
			dy, at := n.y.grad[i*channels:(i+1)*channels], n.from[i*channels:(i+1)*channels]
			g.each(line%g.h.out, column, func(first int) {
				kernel.AddPlaced(dx[first:first+channels], at, dy, first)
			})
		}
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
