package main

import (
	"fmt"
	"slices"
	"strings"

	"pipe/dag/text"
)

// mutation is a pipeline with one mistake.
type mutation struct {
	name  string
	src   string
	lines [2]int // from and to: where a problem is to be shown
}

// mutator makes one-mistake copies of a pipeline, the same ones each time.
type mutator struct {
	file  string
	lines []string
	out   []mutation
}

// free are the keys whose values are names or words of the writer's own.
var free = []string{"pipeline", "description", "experiment", "model", "alias", "oov_token", "default", "type", "names"}

// ownNames are the keys whose maps have names of the writer's own.
var ownNames = []string{"params", "stages", "matrix", "env", "columns", "include", "exclude"}

func mutations(file, src string) []mutation {
	m := &mutator{file: file, lines: strings.Split(src, "\n")}
	root := text.Parse(&text.File{Name: file, Data: []byte(src)}, &text.Problems{})
	m.walk("", "", root)
	m.lineMistakes(root)
	m.wrongShapes()
	return m.out
}

func (m *mutator) walk(path, key string, n *text.Node) {
	switch n.Kind {
	case text.Mapping:
		for i, k := range n.Keys {
			if own := path[strings.LastIndexByte(path, '.')+1:]; path != ".pools" && !slices.Contains(ownNames, own) {
				m.replace("a misspelt key", k, k.Raw, typo(k.Raw))
			}
			m.walk(path+"."+k.Raw, k.Raw, n.Items[i])
		}
	case text.Sequence:
		for i, item := range n.Items {
			m.walk(fmt.Sprintf("%s[%d]", path, i), key, item)
		}
	default:
		m.scalar(path, key, n)
	}
}

func (m *mutator) scalar(path, key string, n *text.Node) {
	switch v := n.Value.(type) {
	case int64, float64:
		m.replace("a word for a number", n, n.Raw, "many")
		m.replace("a list for a number", n, n.Raw, "[1, 2]")
		if !strings.HasPrefix(path, ".params") {
			m.replace("a number below all bounds", n, n.Raw, "-5")
		}
	case string:
		switch {
		case key == "when" || key == "where":
			for _, word := range []string{"metrics", "accuracy", "champion", "size", "row"} {
				m.replace("a misspelt name in an expression", n, word, typo(word))
			}
			m.replace("an expression that does not parse", n, ">", "> >")
			m.replace("text compared with a number", n, "0.", "'0.'+")
		case strings.Contains(v, "${"):
			m.replace("a misspelt param", n, "params.", "params.x")
			m.replace("misspelt params", n, "params", "parmas")
			m.replace("an expression that is not closed", n, "}", "")
		case slices.Contains(free, key):
		case strings.Contains(path, ".in"):
			m.replace("a misspelt stage or output", n, v, typo(v))
			m.replace("an artifact of another type", n, v, map[bool]string{true: "split.test", false: "release"}[strings.HasSuffix(path, ".model")])
			m.replace("a list for one artifact", n, v, "["+v+", "+v+"]")
		default:
			m.replace("a misspelt word", n, v, typo(v))
			m.replace("a map for a word", n, v, "{ a: 1 }")
		}
	}
}

// replace changes the first old at or after a node's place on its line.
func (m *mutator) replace(what string, n *text.Node, old, new string) {
	line := m.lines[n.Pos.Line-1]
	at := len(string([]rune(line)[:n.Pos.Col-1]))
	i := strings.Index(line[at:], old)
	if i < 0 || old == new {
		return
	}
	m.add(what, n.Pos.Line, n.Pos.Line, n.Pos.Line, line[:at+i]+new+line[at+i+len(old):])
}

// add keeps a copy in which a line reads otherwise.
func (m *mutator) add(what string, at, from, to int, line string) {
	lines := slices.Clone(m.lines)
	lines[at-1] = line
	m.out = append(m.out, mutation{name: fmt.Sprintf("%s: line %d, %s: `%s`", m.file, at, what, strings.TrimSpace(line)), src: strings.Join(lines, "\n"), lines: [2]int{from, to}})
}

// lineMistakes doubles and leaves out whole keys of stages, and ties a knot.
func (m *mutator) lineMistakes(root *text.Node) {
	stages := root.Get("stages")
	for i, s := range stages.Items {
		name, end := stages.Keys[i], len(m.lines)
		if i+1 < len(stages.Keys) {
			end = stages.Keys[i+1].Pos.Line - 1
		}
		m.add("a stage that stands there twice", name.Pos.Line, name.Pos.Line, end, fmt.Sprintf("  %s: { uses: source.godoc }\n%s", name.Raw, m.lines[name.Pos.Line-1]))
		for _, k := range s.Keys {
			line := m.lines[k.Pos.Line-1]
			m.add("a key that stands there twice", k.Pos.Line, k.Pos.Line, k.Pos.Line+1, "    "+k.Raw+": x\n"+line)
			if k.Raw == "uses" || k.Raw == "in" {
				m.add("a missing "+k.Raw, k.Pos.Line, name.Pos.Line, end, "")
			}
			if k.Raw == "in" && i < len(stages.Keys)-1 {
				m.add("a cycle", k.Pos.Line, k.Pos.Line, k.Pos.Line, "    in: "+stages.Keys[len(stages.Keys)-1].Raw)
			}
		}
	}
}

// wrongShapes breaks the network between two layers, or before the loss.
func (m *mutator) wrongShapes() {
	for i, line := range m.lines {
		at := i + 1
		for _, layer := range []string{"- lstm", "- simple_rnn", "- global_avg_pool", "- embedding"} {
			if strings.Contains(line, layer) {
				m.add("a layer that is left out", at, at-2, at+4, "")
			}
		}
		for _, units := range []string{"1", "3"} {
			if strings.Contains(line, "units: classes") {
				m.add("a wrong number of units", at, at, at, strings.Replace(line, "classes", units, 1))
			}
		}
	}
}

// typo swaps two neighbouring letters that differ, near the middle.
func typo(word string) string {
	b := []byte(word)
	for i := len(b) / 2; i+1 < len(b); i++ {
		if b[i] != b[i+1] && b[i] != '.' && b[i+1] != '.' {
			b[i], b[i+1] = b[i+1], b[i]
			return string(b)
		}
	}
	return word + "x"
}
