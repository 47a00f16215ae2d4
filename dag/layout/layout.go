// Package layout places the nodes of a directed acyclic graph in layers and
// routes its edges: the method of Sugiyama, Tagawa and Toda ("Methods for
// Visual Understanding of Hierarchical System Structures", 1981), with the
// median heuristic of Gansner et al. ("A Technique for Drawing Directed
// Graphs", 1993) against crossings. Layers run from left to right.
package layout

import (
	"cmp"
	"slices"
)

// Size is that of a node, in the unit of all lengths.
type Size struct{ Width, Height float64 }

// Edge goes from one node to another, by index.
type Edge struct{ From, To int }

// Gaps are the distances that are kept.
type Gaps struct{ Layer, Node float64 }

// Point is a place; y grows downwards.
type Point struct{ X, Y float64 }

// Drawing is the result. Nodes are the centres of the nodes; each edge is a
// line of points from the right side of one node to the left side of another,
// one pair of points for each layer that it crosses between them.
type Drawing struct {
	Width, Height float64
	Nodes         []Point
	Layers        []int // of each node
	Edges         [][]Point
}

// vertex is a node, or a place where a long edge passes a layer.
type vertex struct {
	node     int // -1 where an edge passes
	layer    int
	size     Size
	up, down []int // neighbours in the layers beside
	y        float64
}

type graph struct {
	vertices []vertex
	layers   [][]int // of vertices, in drawing order
	chains   [][]int // of each edge, its vertices from end to end
}

// Layered lays a graph out. Edges must not form a cycle; equal input gives
// equal output.
func Layered(nodes []Size, edges []Edge, gaps Gaps) Drawing {
	g := build(nodes, edges)
	g.order()
	g.place(gaps)
	return g.drawing(len(nodes), gaps)
}

// build assigns layers by the longest path from a source and splits edges that
// skip layers.
func build(nodes []Size, edges []Edge) *graph {
	g := &graph{}
	layer := longestPaths(len(nodes), edges)
	for i, s := range nodes {
		g.vertices = append(g.vertices, vertex{node: i, layer: layer[i], size: s})
	}
	for _, e := range edges {
		chain := []int{e.From}
		for l := layer[e.From] + 1; l < layer[e.To]; l++ {
			g.vertices = append(g.vertices, vertex{node: -1, layer: l})
			chain = append(chain, len(g.vertices)-1)
		}
		chain = append(chain, e.To)
		for i := 1; i < len(chain); i++ {
			a, b := chain[i-1], chain[i]
			g.vertices[a].down = append(g.vertices[a].down, b)
			g.vertices[b].up = append(g.vertices[b].up, a)
		}
		g.chains = append(g.chains, chain)
	}
	for v := range g.vertices {
		for len(g.layers) <= g.vertices[v].layer {
			g.layers = append(g.layers, nil)
		}
		l := g.vertices[v].layer
		g.layers[l] = append(g.layers[l], v)
	}
	return g
}

func longestPaths(n int, edges []Edge) []int {
	layer, waiting := make([]int, n), make([]int, n)
	next := make([][]int, n)
	for _, e := range edges {
		waiting[e.To]++
		next[e.From] = append(next[e.From], e.To)
	}
	var ready []int
	for i := range n {
		if waiting[i] == 0 {
			ready = append(ready, i)
		}
	}
	for len(ready) > 0 {
		v := ready[0]
		ready = ready[1:]
		for _, u := range next[v] {
			layer[u] = max(layer[u], layer[v]+1)
			if waiting[u]--; waiting[u] == 0 {
				ready = append(ready, u)
			}
		}
	}
	return layer
}

// sweeps is how often the order of all layers is improved; more rarely helps.
const sweeps = 12

// order sorts the vertices of each layer by the median of their neighbours,
// going down and up in turn, and keeps the order with the fewest crossings.
func (g *graph) order() {
	best, fewest := g.copyLayers(), g.crossings()
	for i := 0; i < sweeps && fewest > 0; i++ {
		if i%2 == 0 {
			for l := 1; l < len(g.layers); l++ {
				g.sortByMedian(l, func(v *vertex) []int { return v.up })
			}
		} else {
			for l := len(g.layers) - 2; l >= 0; l-- {
				g.sortByMedian(l, func(v *vertex) []int { return v.down })
			}
		}
		if c := g.crossings(); c < fewest {
			best, fewest = g.copyLayers(), c
		}
	}
	g.layers = best
}

func (g *graph) copyLayers() [][]int {
	out := make([][]int, len(g.layers))
	for i, l := range g.layers {
		out[i] = slices.Clone(l)
	}
	return out
}

// rank is the place of each vertex in its layer.
func (g *graph) rank() []int {
	r := make([]int, len(g.vertices))
	for _, l := range g.layers {
		for i, v := range l {
			r[v] = i
		}
	}
	return r
}

func (g *graph) sortByMedian(l int, neighbours func(*vertex) []int) {
	rank := g.rank()
	median := map[int]float64{}
	for _, v := range g.layers[l] {
		var places []int
		for _, u := range neighbours(&g.vertices[v]) {
			places = append(places, rank[u])
		}
		slices.Sort(places)
		median[v] = float64(rank[v])
		if n := len(places); n%2 == 1 {
			median[v] = float64(places[n/2])
		} else if n > 0 {
			median[v] = float64(places[n/2-1]+places[n/2]) / 2
		}
	}
	slices.SortStableFunc(g.layers[l], func(a, b int) int { return cmp.Compare(median[a], median[b]) })
}

// crossings counts pairs of edges that cross between two layers, by counting
// inversions with a Fenwick tree.
func (g *graph) crossings() int {
	rank := g.rank()
	total := 0
	for l := 1; l < len(g.layers); l++ {
		var ends []int
		for _, v := range g.layers[l-1] {
			var own []int
			for _, u := range g.vertices[v].down {
				own = append(own, rank[u])
			}
			slices.Sort(own)
			ends = append(ends, own...)
		}
		total += inversions(ends, len(g.layers[l]))
	}
	return total
}

func inversions(seq []int, n int) int {
	tree := make([]int, n+1)
	count := 0
	for seen, x := range seq {
		below := 0
		for i := x + 1; i > 0; i -= i & -i {
			below += tree[i]
		}
		count += seen - below
		for i := x + 1; i <= n; i += i & -i {
			tree[i]++
		}
	}
	return count
}
