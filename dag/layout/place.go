package layout

import "math"

// rounds is how often every layer is moved towards its neighbours.
const rounds = 16

// place finds y for each vertex: as near to the mean of its neighbours as the
// order and the gaps of its layer allow.
func (g *graph) place(gaps Gaps) {
	for _, l := range g.layers {
		y := 0.0
		for _, v := range l {
			h := g.vertices[v].size.Height
			g.vertices[v].y = y + h/2
			y += h + gaps.Node
		}
	}
	for i := range rounds {
		if i%2 == 0 {
			for l := range g.layers {
				g.settle(g.layers[l], gaps)
			}
		} else {
			for l := len(g.layers) - 1; l >= 0; l-- {
				g.settle(g.layers[l], gaps)
			}
		}
	}
}

// settle places one layer: it minimises the squared distance to the wished
// places under the minimal distances, by merging neighbours that are in each
// other's way into blocks (the pool-adjacent-violators algorithm for isotonic
// regression, Ayer et al. 1955).
func (g *graph) settle(layer []int, gaps Gaps) {
	type block struct {
		sum   float64 // of the wishes, relative to the block's first vertex
		count float64
		first int
	}
	offset := make([]float64, len(layer)) // of each vertex, if all stood as close as they may
	for i := 1; i < len(layer); i++ {
		a, b := g.vertices[layer[i-1]], g.vertices[layer[i]]
		offset[i] = offset[i-1] + (a.size.Height+b.size.Height)/2 + gaps.Node
	}
	var blocks []block
	for i, v := range layer {
		blocks = append(blocks, block{g.wish(v) - offset[i], 1, i})
		for n := len(blocks); n > 1 && blocks[n-2].sum/blocks[n-2].count >= blocks[n-1].sum/blocks[n-1].count; n-- {
			blocks[n-2].sum += blocks[n-1].sum
			blocks[n-2].count += blocks[n-1].count
			blocks = blocks[:n-1]
		}
	}
	for i, b := range blocks {
		end := len(layer)
		if i+1 < len(blocks) {
			end = blocks[i+1].first
		}
		for j := b.first; j < end; j++ {
			g.vertices[layer[j]].y = b.sum/b.count + offset[j]
		}
	}
}

// wish is where a vertex would like to be: at the mean of its neighbours.
func (g *graph) wish(v int) float64 {
	x := &g.vertices[v]
	sum, n := 0.0, 0
	for _, u := range x.up {
		sum += g.vertices[u].y
		n++
	}
	for _, u := range x.down {
		sum += g.vertices[u].y
		n++
	}
	if n == 0 {
		return x.y
	}
	return sum / float64(n)
}

// drawing gives the layers their x and collects the points.
func (g *graph) drawing(nodes int, gaps Gaps) Drawing {
	d := Drawing{Nodes: make([]Point, nodes), Layers: make([]int, nodes)}
	top, bottom := math.Inf(1), math.Inf(-1)
	for _, v := range g.vertices {
		top, bottom = min(top, v.y-v.size.Height/2), max(bottom, v.y+v.size.Height/2)
	}
	if len(g.vertices) == 0 {
		return d
	}
	left, right := make([]float64, len(g.layers)), make([]float64, len(g.layers))
	x := 0.0
	for l, layer := range g.layers {
		width := 0.0
		for _, v := range layer {
			width = max(width, g.vertices[v].size.Width)
		}
		left[l], right[l] = x, x+width
		x += width + gaps.Layer
	}
	d.Width, d.Height = x-gaps.Layer, bottom-top
	for _, v := range g.vertices {
		if v.node >= 0 {
			d.Nodes[v.node] = Point{left[v.layer] + v.size.Width/2, v.y - top}
			d.Layers[v.node] = v.layer
		}
	}
	for _, chain := range g.chains {
		d.Edges = append(d.Edges, g.route(chain, left, right, top))
	}
	return d
}

func (g *graph) route(chain []int, left, right []float64, top float64) []Point {
	first, last := g.vertices[chain[0]], g.vertices[chain[len(chain)-1]]
	line := []Point{{left[first.layer] + first.size.Width, first.y - top}}
	for _, i := range chain[1 : len(chain)-1] {
		v := g.vertices[i]
		line = append(line, Point{left[v.layer], v.y - top}, Point{right[v.layer], v.y - top})
	}
	return append(line, Point{left[last.layer], last.y - top})
}
