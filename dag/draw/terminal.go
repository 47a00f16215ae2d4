package draw

import (
	"fmt"
	"slices"
	"strings"
)

// Terminal draws each stage on a line of its own, with rails that lead from a
// stage to those that read from it.
func (g *Graph) Terminal() string {
	parents, last := make([][]int, len(g.Nodes)), make([]int, len(g.Nodes))
	for _, e := range g.Edges {
		parents[e.To] = append(parents[e.To], e.From)
		last[e.From] = max(last[e.From], e.To)
	}
	r := rails{last: last}
	marks := make([]string, len(g.Nodes))
	width, wName, wKind := 0, 0, 0
	for i, n := range g.Nodes {
		marks[i] = r.step(i, parents[i])
		width, wName, wKind = max(width, len([]rune(marks[i]))), max(wName, len(n.Name)), max(wKind, len(n.Kind))
	}
	var b strings.Builder
	for i, n := range g.Nodes {
		var from []string
		for _, p := range parents[i] {
			from = append(from, g.Nodes[p].Name)
		}
		arrow := ""
		if len(from) > 0 {
			arrow = "← " + strings.Join(from, ", ")
		}
		pad := strings.Repeat(" ", width-len([]rune(marks[i])))
		line := fmt.Sprintf("%s%s  %-*s  %-*s  %-7s  %s", marks[i], pad, wName, n.Name, wKind, n.Kind, n.State, arrow)
		if n.State == "" {
			line = fmt.Sprintf("%s%s  %-*s  %-*s  %s", marks[i], pad, wName, n.Name, wKind, n.Kind, arrow)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// rails are the lanes in which stages wait for the last of their readers.
type rails struct {
	lanes []int // node+1, 0 for a free lane
	last  []int // the last reader of each node
}

// step draws the line of a node and lets go of the lanes that end there.
func (r *rails) step(node int, parents []int) string {
	lane := r.choose(node, parents)
	lo, hi := lane, lane
	for j, n := range r.lanes {
		if n > 0 && slices.Contains(parents, n-1) {
			lo, hi = min(lo, j), max(hi, j)
		}
	}
	var b strings.Builder
	for j := range r.lanes {
		b.WriteRune(r.cell(j, lane, lo, hi, node, parents))
		if j+1 < len(r.lanes) {
			if j >= lo && j < hi {
				b.WriteRune('─')
			} else {
				b.WriteRune(' ')
			}
		}
	}
	for j, n := range r.lanes {
		if n > 0 && r.last[n-1] == node {
			r.lanes[j] = 0
		}
	}
	r.lanes[lane] = 0
	if r.last[node] > node {
		r.lanes[lane] = node + 1
	}
	for n := len(r.lanes); n > 0 && r.lanes[n-1] == 0; n-- {
		r.lanes = r.lanes[:n-1]
	}
	return strings.TrimRight(b.String(), " ")
}

// choose continues the lane of a parent that ends here, else takes a free one.
func (r *rails) choose(node int, parents []int) int {
	for j, n := range r.lanes {
		if n > 0 && slices.Contains(parents, n-1) && r.last[n-1] == node {
			return j
		}
	}
	if j := slices.Index(r.lanes, 0); j >= 0 {
		return j
	}
	r.lanes = append(r.lanes, 0)
	return len(r.lanes) - 1
}

func (r *rails) cell(j, lane, lo, hi, node int, parents []int) rune {
	n := r.lanes[j]
	within := j >= lo && j <= hi
	switch {
	case j == lane:
		return '●'
	case n == 0 && within:
		return '─'
	case n == 0:
		return ' '
	case !slices.Contains(parents, n-1) && within:
		return '┼'
	case !slices.Contains(parents, n-1):
		return '│'
	case r.last[n-1] == node && j > lane:
		return map[bool]rune{true: '┴', false: '╯'}[j < hi]
	case r.last[n-1] == node:
		return map[bool]rune{true: '┴', false: '╰'}[j > lo]
	case j > lane:
		return map[bool]rune{true: '┼', false: '┤'}[j < hi]
	}
	return map[bool]rune{true: '┼', false: '├'}[j > lo]
}
