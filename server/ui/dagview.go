package ui

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"pipe/artifacts"
	"pipe/dag/layout"
	"pipe/registry"
	"pipe/workspace"
)

// dagNode and dagEdge are a graph as it is drawn: of stages, or of the steps
// that a model descends from.
type dagNode struct {
	ID, Name, Note, State, Href string
	Focus                       bool
}

type dagEdge struct {
	From, To int
	Note     string // what flows
}

// dagView is a graph with its places.
type dagView struct {
	Title         string
	Width, Height float64
	Nodes         []placedNode
	Edges         []placedEdge
}

type placedNode struct {
	dagNode
	X, Y, W, H   float64
	CX, CY1, CY2 float64
}

type placedEdge struct {
	Note string
	Path string
}

// The measures of a drawing, in pixels.
const (
	nodeHeight = 44
	nameWidth  = 7.7 // of a letter of a name
	noteWidth  = 6.1
	nodePad    = 26
	dagMargin  = 6
	longName   = 34 // longer ones are shortened; the tooltip has them whole
)

// draw lays a graph out.
func draw(title string, nodes []dagNode, edges []dagEdge) *dagView {
	if len(nodes) == 0 {
		return nil
	}
	sizes := make([]layout.Size, len(nodes))
	for i, n := range nodes {
		letters := max(float64(utf8.RuneCountInString(clip(longName, n.Name)))*nameWidth, float64(utf8.RuneCountInString(clip(longName, n.Note)))*noteWidth)
		sizes[i] = layout.Size{Width: max(letters+nodePad, 90), Height: nodeHeight}
	}
	lines := make([]layout.Edge, len(edges))
	for i, e := range edges {
		lines[i] = layout.Edge{From: e.From, To: e.To}
	}
	d := layout.Layered(sizes, lines, layout.Gaps{Layer: 42, Node: 14})
	v := &dagView{Title: title, Width: d.Width + 2*dagMargin, Height: d.Height + 2*dagMargin}
	for i, n := range nodes {
		at := d.Nodes[i]
		x, y := at.X+dagMargin, at.Y+dagMargin
		v.Nodes = append(v.Nodes, placedNode{n, x - sizes[i].Width/2, y - nodeHeight/2, sizes[i].Width, nodeHeight, x, y - 3, y + 13})
	}
	for i, e := range edges {
		v.Edges = append(v.Edges, placedEdge{e.Note, curve(d.Edges[i])})
	}
	return v
}

// curve joins the points of an edge: bends between layers, straight within.
func curve(line []layout.Point) string {
	var b strings.Builder
	fmt.Fprintf(&b, "M%.1f %.1f", line[0].X+dagMargin, line[0].Y+dagMargin)
	for i := 1; i < len(line); i++ {
		p, q := line[i-1], line[i]
		p.X, p.Y, q.X, q.Y = p.X+dagMargin, p.Y+dagMargin, q.X+dagMargin, q.Y+dagMargin
		if i%2 == 0 {
			fmt.Fprintf(&b, "L%.1f %.1f", q.X, q.Y)
			continue
		}
		mid := (p.X + q.X) / 2
		fmt.Fprintf(&b, "C%.1f %.1f %.1f %.1f %.1f %.1f", mid, p.Y, mid, q.Y, q.X, q.Y)
	}
	return b.String()
}

// shape is the graph of a pipeline's text without what a run made of it.
type shape struct {
	names, kinds []string
	edges        []dagEdge
	ports        [][2]string // of each edge: the port of the stage that gives, and that of the reader
}

// graphs remembers the shapes of pipeline texts, which cost a check each.
type graphs struct {
	mu   sync.Mutex
	kept map[string]*shape
}

// shapeOf takes the graph from the text that a run had. Where that can no longer
// be checked (a source file has gone, say), the artifacts that stages handed to
// each other tell the same.
func (s *Server) shapeOf(ctx context.Context, d *runData) *shape {
	if d.PipelineText == "" || d.Request == nil {
		return shapeOfStages(d.Stages)
	}
	key, err := json.Marshal([]any{d.PipelineDigest, d.Request.Params})
	if err != nil {
		return shapeOfStages(d.Stages)
	}
	s.graphs.mu.Lock()
	kept := s.graphs.kept[string(key)]
	s.graphs.mu.Unlock()
	if kept != nil {
		return kept
	}
	p, err := workspace.LoadText(ctx, d.Request.File, []byte(d.PipelineText), d.Request.Params)
	if err != nil {
		return shapeOfStages(d.Stages)
	}
	g := &shape{}
	at := map[string]int{}
	for i, st := range p.Order {
		at[st.Name] = i
		g.names, g.kinds = append(g.names, st.Name), append(g.kinds, st.Info.Name)
	}
	for i, st := range p.Order {
		for _, e := range st.In {
			g.edges = append(g.edges, dagEdge{From: at[e.From.Name], To: i})
			g.ports = append(g.ports, [2]string{e.FromPort, e.Port})
		}
	}
	s.graphs.mu.Lock()
	defer s.graphs.mu.Unlock()
	if s.graphs.kept == nil || len(s.graphs.kept) > 200 {
		s.graphs.kept = map[string]*shape{}
	}
	s.graphs.kept[string(key)] = g
	return g
}

func shapeOfStages(stages []registry.Stage) *shape {
	g := &shape{}
	made := map[artifacts.Digest][2]any{}
	for i, st := range stages {
		g.names, g.kinds = append(g.names, st.Name), append(g.kinds, st.Kind)
		for _, port := range sortedKeys(st.Outputs) {
			if _, ok := made[st.Outputs[port].Digest]; !ok {
				made[st.Outputs[port].Digest] = [2]any{i, port}
			}
		}
	}
	for i, st := range stages {
		for _, port := range sortedKeys(st.Inputs) {
			if from, ok := made[st.Inputs[port].Digest]; ok && from[0] != i {
				g.edges = append(g.edges, dagEdge{From: from[0].(int), To: i})
				g.ports = append(g.ports, [2]string{from[1].(string), port})
			}
		}
	}
	return g
}

// dagOf draws the stages of a run with their states. focus is a stage that is
// looked at.
func (s *Server) dagOf(ctx context.Context, d *runData, focus string) (*dagView, error) {
	g := s.shapeOf(ctx, d)
	stages := map[string]*registry.Stage{}
	for i := range d.Stages {
		stages[d.Stages[i].Name] = &d.Stages[i]
	}
	nodes := make([]dagNode, len(g.names))
	for i, name := range g.names {
		n := dagNode{ID: name, Name: name, Note: g.kinds[i], State: "waiting", Href: "/runs/" + d.ID + "/stages/" + url.PathEscape(name), Focus: name == focus}
		if st := stages[name]; st != nil {
			n.State = string(st.State)
			if !st.Finished.IsZero() && st.State == registry.StageDone {
				n.Note += " · " + duration(st.Finished.Sub(st.Started))
			}
		} else if d.Status != registry.Running {
			n.State = ""
		}
		nodes[i] = n
	}
	edges := slices.Clone(g.edges)
	for i := range edges {
		ports := g.ports[i]
		edges[i].Note = g.names[edges[i].From] + "." + ports[0] + " → " + g.names[edges[i].To] + "." + ports[1]
		if st := stages[g.names[edges[i].From]]; st != nil {
			if ref, ok := st.Outputs[ports[0]]; ok {
				edges[i].Note += ": " + aboutRef(ref)
			}
		}
	}
	return draw("the stages of "+d.Pipeline, nodes, edges), nil
}

// aboutRef says what an artifact is in a few words.
func aboutRef(r artifacts.Ref) string {
	words := []string{string(r.Type)}
	if r.Format != "" {
		words = append(words, r.Format)
	}
	if r.Rows > 0 {
		words = append(words, count(r.Rows)+" rows")
	}
	return strings.Join(append(words, byteSize(r.Size)), ", ")
}
