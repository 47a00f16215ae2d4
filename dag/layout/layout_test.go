package layout

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestChainIsStraight(t *testing.T) {
	d := Layered([]Size{{40, 20}, {60, 20}, {40, 20}}, []Edge{{0, 1}, {1, 2}}, Gaps{Layer: 10, Node: 5})
	if d.Width != 160 || d.Height != 20 {
		t.Errorf("size %g × %g", d.Width, d.Height)
	}
	for i, p := range d.Nodes {
		if p.Y != 10 || d.Layers[i] != i {
			t.Errorf("node %d at %v in layer %d", i, p, d.Layers[i])
		}
	}
	if !slices.Equal(d.Edges[0], []Point{{40, 10}, {50, 10}}) {
		t.Errorf("edge %v", d.Edges[0])
	}
}

func TestCrossingsAreRemoved(t *testing.T) {
	// Two crossing pairs can be drawn without a crossing.
	d := Layered([]Size{{1, 1}, {1, 1}, {1, 1}, {1, 1}}, []Edge{{0, 3}, {1, 2}}, Gaps{1, 1})
	if (d.Nodes[0].Y < d.Nodes[1].Y) != (d.Nodes[3].Y < d.Nodes[2].Y) {
		t.Errorf("the edges cross: %v", d.Nodes)
	}
}

func TestInversions(t *testing.T) {
	if got := inversions([]int{2, 0, 1, 1, 0}, 3); got != 6 {
		t.Errorf("inversions = %d, want 6", got)
	}
}

// TestNothingOverlaps draws random graphs: in each layer nodes keep their gap,
// edges go from left to right, and the same graph is drawn the same way.
func TestNothingOverlaps(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		n := 1 + rng.IntN(40)
		sizes := make([]Size, n)
		for i := range sizes {
			sizes[i] = Size{10 + rng.Float64()*50, 5 + rng.Float64()*20}
		}
		var edges []Edge
		for to := 1; to < n; to++ {
			for range rng.IntN(3) {
				edges = append(edges, Edge{rng.IntN(to), to})
			}
		}
		gaps := Gaps{Layer: 30, Node: 8}
		d := Layered(sizes, edges, gaps)
		for i := range n {
			for j := range i {
				if d.Layers[i] != d.Layers[j] {
					continue
				}
				if gap := abs(d.Nodes[i].Y-d.Nodes[j].Y) - (sizes[i].Height+sizes[j].Height)/2; gap < gaps.Node-1e-6 {
					t.Fatalf("nodes %d and %d are %g apart", i, j, gap)
				}
			}
			if y := d.Nodes[i].Y; y < sizes[i].Height/2-1e-6 || y > d.Height-sizes[i].Height/2+1e-6 {
				t.Fatalf("node %d sticks out", i)
			}
		}
		for i, e := range edges {
			line := d.Edges[i]
			if d.Layers[e.From] >= d.Layers[e.To] || !slices.IsSortedFunc(line, func(a, b Point) int { return int(a.X - b.X) }) {
				t.Fatalf("edge %v goes back: %v", e, line)
			}
		}
		if again := Layered(sizes, edges, gaps); !slices.Equal(again.Nodes, d.Nodes) {
			t.Fatal("the same graph was drawn in another way")
		}
	}
}

func abs(x float64) float64 { return max(x, -x) }

func BenchmarkLayered1000(b *testing.B) {
	sizes := make([]Size, 1000)
	var edges []Edge
	for i := range sizes {
		sizes[i] = Size{100, 40}
		if i >= 10 {
			edges = append(edges, Edge{i - 10, i}, Edge{i - 1 - i%10, i})
		}
	}
	for b.Loop() {
		Layered(sizes, edges, Gaps{30, 10})
	}
}
