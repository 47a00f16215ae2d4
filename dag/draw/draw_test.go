package draw

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func sample() *Graph {
	return &Graph{Title: `a "title" & <b>`, Nodes: []Node{{"docs", "source.csv", "cached"}, {"clean", "clean", "done"}, {"split", "split", ""}, {"words", "text.vectorize", ""}, {"train", "nn.train", "failed"}, {"evaluate", "evaluate", "skipped"}, {"release", "register", ""}},
		Edges: []Edge{{0, 1, nil}, {1, 2, nil}, {2, 3, nil}, {2, 4, nil}, {3, 4, nil}, {2, 5, nil}, {4, 5, nil}, {4, 6, nil}, {5, 6, nil}}}
}

func TestTerminal(t *testing.T) {
	g := sample()
	for i := range g.Nodes {
		g.Nodes[i].State = ""
	}
	want := `●    docs      source.csv
●    clean     clean           ← docs
●    split     split           ← clean
├─●  words     text.vectorize  ← split
├─●  train     nn.train        ← split, words
●─┤  evaluate  evaluate        ← split, train
●─╯  release   register        ← train, evaluate
`
	if got := g.Terminal(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTerminalRailsThatPass(t *testing.T) {
	g := &Graph{Nodes: []Node{{"a", "k", ""}, {"b", "k", ""}, {"c", "k", ""}, {"d", "k", ""}, {"e", "k", ""}},
		Edges: []Edge{{0, 3, nil}, {1, 4, nil}, {2, 3, nil}, {3, 4, nil}}}
	want := `●      a  k
│ ●    b  k
│ │ ●  c  k
●─┼─╯  d  k  ← a, c
●─╯    e  k  ← b, d
`
	if got := g.Terminal(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSVGIsWellFormedWhateverTheNames(t *testing.T) {
	g := sample()
	g.Nodes[0].Name = `<script>alert("x")</script>&`
	svg := g.SVG(func(s string) string { return "/stages/" + s + `?"onload="` })
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
	}
	if strings.Contains(svg, "<script") || strings.Contains(svg, `"onload`) {
		t.Error("a name became markup")
	}
	if strings.Count(svg, `marker-end`) != len(g.Edges) || strings.Count(svg, "<rect") != len(g.Nodes) {
		t.Error("nodes or edges are missing")
	}
}

func TestMermaidAndDOT(t *testing.T) {
	g := sample()
	if m := g.Mermaid(); !strings.Contains(m, `s4["train<br><small>nn.train</small>"]:::failed`) || !strings.Contains(m, "s0 --> s1") {
		t.Errorf("mermaid:\n%s", m)
	}
	if d := g.DOT(); !strings.Contains(d, `s4 [label="train\nnn.train", fillcolor="#fbe1df"`) || !strings.Contains(d, "s0 -> s1;") {
		t.Errorf("dot:\n%s", d)
	}
}
