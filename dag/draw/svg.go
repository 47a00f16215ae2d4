package draw

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"pipe/dag/layout"
)

// The measures of a drawing, in pixels.
const (
	nodeHeight = 44
	charWidth  = 7.6 // of the widest letters that names have, at 13 pixels
	nodePad    = 28
	margin     = 12
)

// style follows the reader's light or dark scheme; a page may override it.
const style = `<style>
.dag{font:13px system-ui,sans-serif}
.dag rect{fill:#fff;stroke:#8a949e;stroke-width:1.2}
.dag text{fill:#1c1c1c}
.dag .kind{fill:#5b656f;font-size:11px}
.dag path{fill:none;stroke:#8a949e;stroke-width:1.4}
.dag marker path{fill:#8a949e;stroke:none}
.dag .cached rect{fill:#eef0f2}
.dag .done rect{fill:#dff3e4;stroke:#2e7d46}
.dag .failed rect{fill:#fbe1df;stroke:#b3261e}
.dag .skipped rect{fill:#fdf3d7;stroke:#9a6b00}
.dag .running rect{fill:#dfeafb;stroke:#1f5fbf}
@media (prefers-color-scheme:dark){
.dag rect{fill:#22272e;stroke:#768390}
.dag text{fill:#e6edf3}
.dag .kind{fill:#9da7b1}
.dag .cached rect{fill:#2d333b}
.dag .done rect{fill:#1d3826;stroke:#57ab5a}
.dag .failed rect{fill:#46201f;stroke:#e5534b}
.dag .skipped rect{fill:#3d321a;stroke:#c69026}
.dag .running rect{fill:#1b2f4d;stroke:#539bf5}
}
</style>
`

// SVG draws the graph. With link given, each stage is a link to what it
// returns.
func (g *Graph) SVG(link func(stage string) string) string {
	sizes := make([]layout.Size, len(g.Nodes))
	for i, n := range g.Nodes {
		letters := max(utf8.RuneCountInString(n.Name), utf8.RuneCountInString(n.Kind)*9/10)
		sizes[i] = layout.Size{Width: float64(letters)*charWidth + nodePad, Height: nodeHeight}
	}
	edges := make([]layout.Edge, len(g.Edges))
	for i, e := range g.Edges {
		edges[i] = layout.Edge{From: e.From, To: e.To}
	}
	d := layout.Layered(sizes, edges, layout.Gaps{Layer: 46, Node: 16})
	var b strings.Builder
	w, h := d.Width+2*margin, d.Height+2*margin
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="dag" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-label="%s">`+"\n",
		w, h, w, h, escape("the stages of "+g.Title))
	b.WriteString(style)
	b.WriteString(`<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>` + "\n")
	fmt.Fprintf(&b, `<g transform="translate(%d %d)">`+"\n", margin, margin)
	for _, line := range d.Edges {
		fmt.Fprintf(&b, `<path d="%s" marker-end="url(#tip)"/>`+"\n", curve(line))
	}
	for i, n := range g.Nodes {
		writeNode(&b, n, d.Nodes[i], sizes[i], link)
	}
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}

func writeNode(b *strings.Builder, n Node, at layout.Point, size layout.Size, link func(string) string) {
	fmt.Fprintf(b, `<g class="stage %s">`, escape(n.State))
	if link != nil {
		fmt.Fprintf(b, `<a href="%s">`, escape(link(n.Name)))
	}
	fmt.Fprintf(b, `<title>%s</title>`, escape(strings.TrimSpace(n.Name+" ("+n.Kind+") "+n.State)))
	fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="7"/>`, at.X-size.Width/2, at.Y-size.Height/2, size.Width, size.Height)
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, at.X, at.Y-2, escape(n.Name))
	fmt.Fprintf(b, `<text class="kind" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, at.X, at.Y+14, escape(n.Kind))
	if link != nil {
		b.WriteString("</a>")
	}
	b.WriteString("</g>\n")
}

// curve joins the points of an edge: bends between layers, straight within.
func curve(line []layout.Point) string {
	var b strings.Builder
	fmt.Fprintf(&b, "M%.1f %.1f", line[0].X, line[0].Y)
	for i := 1; i < len(line); i++ {
		p, q := line[i-1], line[i]
		if i%2 == 0 {
			fmt.Fprintf(&b, "L%.1f %.1f", q.X, q.Y)
			continue
		}
		mid := (p.X + q.X) / 2
		fmt.Fprintf(&b, "C%.1f %.1f %.1f %.1f %.1f %.1f", mid, p.Y, mid, q.Y, q.X, q.Y)
	}
	return b.String()
}
