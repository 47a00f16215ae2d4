// Package draw shows the graph of a pipeline: on a terminal, as Mermaid, as
// Graphviz' DOT and as SVG.
package draw

import (
	"fmt"
	"strings"

	"pipe/dag"
)

// Graph is what is drawn.
type Graph struct {
	Title string
	Nodes []Node
	Edges []Edge
}

// Node is a stage. State is how it ended in a run ("cached", "done", "failed",
// "skipped", "running"), or "".
type Node struct{ Name, Kind, State string }

// Edge says that one stage reads an output of another.
type Edge struct {
	From, To int
	Ports    []string // of the reader
}

// Of takes the graph from a pipeline, in the order in which stages can run.
func Of(p *dag.Pipeline, states map[string]string) *Graph {
	g := &Graph{Title: p.Name}
	at := map[*dag.Stage]int{}
	for i, s := range p.Order {
		at[s] = i
		g.Nodes = append(g.Nodes, Node{s.Name, s.Info.Name, states[s.Name]})
		between := map[int]int{}
		for _, e := range s.In {
			from := at[e.From]
			if j, ok := between[from]; ok {
				g.Edges[j].Ports = append(g.Edges[j].Ports, e.Port)
				continue
			}
			between[from] = len(g.Edges)
			g.Edges = append(g.Edges, Edge{from, i, []string{e.Port}})
		}
	}
	return g
}

// Mermaid writes the graph for https://mermaid.js.org.
func (g *Graph) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i, n := range g.Nodes {
		fmt.Fprintf(&b, "  s%d[\"%s<br><small>%s</small>\"]%s\n", i, escape(n.Name), escape(n.Kind), class(n.State))
	}
	for _, e := range g.Edges {
		fmt.Fprintf(&b, "  s%d --> s%d\n", e.From, e.To)
	}
	for _, s := range states {
		fmt.Fprintf(&b, "  classDef %s fill:%s,stroke:%s,color:#1c1c1c\n", s.name, s.fill, s.stroke)
	}
	return b.String()
}

func class(state string) string {
	if state == "" {
		return ""
	}
	return ":::" + state
}

// states are the colours of stages that ran.
var states = []struct{ name, fill, stroke string }{
	{"cached", "#eef0f2", "#8a949e"},
	{"done", "#dff3e4", "#2e7d46"},
	{"failed", "#fbe1df", "#b3261e"},
	{"skipped", "#fdf3d7", "#9a6b00"},
	{"running", "#dfeafb", "#1f5fbf"},
}

func colours(state string) (fill, stroke string) {
	for _, s := range states {
		if s.name == state {
			return s.fill, s.stroke
		}
	}
	return "#ffffff", "#8a949e"
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace(s)
}

// DOT writes the graph for Graphviz.
func (g *Graph) DOT() string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %q {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n", g.Title)
	for i, n := range g.Nodes {
		fill, stroke := colours(n.State)
		fmt.Fprintf(&b, "  s%d [label=%q, fillcolor=%q, color=%q];\n", i, n.Name+"\n"+n.Kind, fill, stroke)
	}
	for _, e := range g.Edges {
		fmt.Fprintf(&b, "  s%d -> s%d;\n", e.From, e.To)
	}
	b.WriteString("}\n")
	return b.String()
}
