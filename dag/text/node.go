package text

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// NodeKind tells which of YAML's three shapes a node has.
type NodeKind int

// The shapes of a node.
const (
	Scalar NodeKind = iota
	Sequence
	Mapping
)

// Node is a YAML value with its place. Value holds scalars by their Go type:
// nil, bool, int64, float64 or string.
type Node struct {
	Kind   NodeKind
	Pos    Pos
	Value  any
	Raw    string // the scalar as written
	Quoted bool   // the scalar stood in quotes: it is a string whatever it looks like
	Items  []*Node
	Keys   []*Node // of a map, in order; Items[i] belongs to Keys[i]
}

// Get returns the value of a key, or nil.
func (n *Node) Get(key string) *Node {
	if n == nil || n.Kind != Mapping {
		return nil
	}
	for i, k := range n.Keys {
		if k.Raw == key {
			return n.Items[i]
		}
	}
	return nil
}

// Key returns the node of a key itself, for problems about the key, or n.
func (n *Node) Key(key string) *Node {
	for i, k := range n.Keys {
		if k.Raw == key {
			return n.Keys[i]
		}
	}
	return n
}

// Clone copies the node and all that is below it; positions stay.
func (n *Node) Clone() *Node {
	if n == nil {
		return nil
	}
	c := *n
	c.Items, c.Keys = make([]*Node, len(n.Items)), make([]*Node, len(n.Keys))
	for i, it := range n.Items {
		c.Items[i] = it.Clone()
	}
	for i, k := range n.Keys {
		c.Keys[i] = k.Clone()
	}
	return &c
}

// Set gives a map a key, in place of the one that is there.
func (n *Node) Set(key, value *Node) {
	for i, k := range n.Keys {
		if k.Raw == key.Raw {
			n.Keys[i], n.Items[i] = key, value
			return
		}
	}
	n.Keys, n.Items = append(n.Keys, key), append(n.Items, value)
}

// DropKeys takes the keys that begin with a prefix out of a map.
func (n *Node) DropKeys(prefix string) {
	keys, items := n.Keys[:0], n.Items[:0]
	for i, k := range n.Keys {
		if !strings.HasPrefix(k.Raw, prefix) {
			keys, items = append(keys, k), append(items, n.Items[i])
		}
	}
	n.Keys, n.Items = keys, items
}

// Word is a scalar as an unquoted word of YAML would be read: a number and a
// boolean by their looks, nothing where it is empty.
func Word(s string, at Pos) *Node {
	n := &Node{Pos: at, Raw: s, Value: s}
	switch {
	case s == "":
		n.Value = nil
	case wordNumber().MatchString(s):
		if v, err := strconv.ParseInt(s, 10, 64); err == nil {
			n.Value = v
		} else if !n.BeyondInt() {
			n.Value = Plain(s, "!!float")
		}
	case s == "true" || s == "false":
		n.Value = s == "true"
	}
	n.Quoted = n.BeyondInt() // a text, which keeps its digits
	return n
}

var wordNumber = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$`)
})

// BeyondInt tells whether a scalar is written as a whole number that 64 bits with
// a sign do not hold. As a float it would lose digits.
func (n *Node) BeyondInt() bool {
	if n.Kind != Scalar || n.Quoted {
		return false
	}
	digits := strings.TrimLeft(strings.ReplaceAll(strings.TrimLeft(n.Raw, "+-"), "_", ""), "0")
	if len(digits) < 19 || strings.Trim(digits, "0123456789") != "" {
		return false
	}
	_, err := parseInt(strings.ReplaceAll(n.Raw, "_", ""))
	return err != nil
}

// What names the node's shape for messages.
func (n *Node) What() string {
	switch n.Kind {
	case Sequence:
		return "a list"
	case Mapping:
		return "a map"
	}
	switch n.Value.(type) {
	case nil:
		return "nothing"
	case bool:
		return "a boolean"
	case int64:
		return "a whole number"
	case float64:
		return "a number"
	}
	return "text"
}

// Limits against hostile files: aliases may not blow a small file up (the
// "billion laughs"), and depth is bounded because decoding recurses.
const (
	maxBytes   = 64 << 20
	maxAliased = 200_000 // values that stand there by an alias
	maxDepth   = 100
)

// Parse reads one YAML document. What is wrong goes to ps; the node is nil
// where the text cannot be read at all.
func Parse(f *File, ps *Problems) *Node {
	at := Pos{File: f, Line: 1, Col: 1, Width: 1}
	if len(f.Data) > maxBytes {
		ps.Add(&Problem{Code: "yaml-too-large", Pos: at, Text: fmt.Sprintf("the file has %d bytes; a pipeline file has at most %d", len(f.Data), maxBytes)})
		return nil
	}
	if !utf8.Valid(f.Data) {
		ps.Add(&Problem{Code: "yaml-syntax", Pos: invalidAt(f), Text: "the file is not valid UTF-8"})
		return nil
	}
	doc, err := parseText(f.Data)
	if errors.Is(err, io.EOF) {
		ps.Add(&Problem{Code: "yaml-empty", Pos: at, Text: "the file is empty", Hint: "`pipe init` writes a small pipeline to start from"})
		return nil
	}
	if err != nil {
		ps.Add(syntaxProblem(f, err))
		return nil
	}
	b := builder{file: f, problems: ps}
	n := b.build(doc.Content[0], 0)
	if b.stopped { // what is missing in it would be reported as wrong
		return nil
	}
	return n
}

// parseYAML reads the first document and refuses a second. The library has
// panicked on hostile input in the past; for a checker that is a syntax error.
func parseYAML(data []byte) (doc *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	doc = new(yaml.Node)
	if err := dec.Decode(doc); err != nil {
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		return nil, io.EOF
	}
	if doc.Content[0].Kind == yaml.ScalarNode && doc.Content[0].Tag == "!!null" && doc.Content[0].Value == "" {
		return nil, io.EOF
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		return nil, fmt.Errorf("yaml: line %d: a second document begins here; a pipeline file holds one", second.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return doc, nil
}

var yamlLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^yaml: (?:unmarshal errors:\s*)?(?:line (\d+): )?(.*)$`)
})

var parserError = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^did not find expected ('|node content|key|<)`) })

func syntaxProblem(f *File, err error) *Problem {
	msg := strings.ReplaceAll(err.Error(), "\n", " ")
	line := 1
	if m := yamlLine().FindStringSubmatch(msg); m != nil {
		if m[1] != "" {
			line, _ = strconv.Atoi(m[1])
		}
		msg = m[2]
		// The library counts the lines of its parser's errors, not those of its
		// scanner's, from zero.
		if parserError().MatchString(msg) {
			line++
		}
	}
	text := f.Line(line)
	col := len(text) - len(strings.TrimLeft(text, " \t")) + 1
	p := &Problem{Code: "yaml-syntax", Pos: Pos{File: f, Line: line, Col: col, Width: max(1, utf8.RuneCountInString(text)-col+1)}, Text: "this is not valid YAML: " + msg}
	if strings.Contains(text, "\t") {
		p.Hint = "YAML indents with spaces, not with tabs"
	}
	return p
}

func invalidAt(f *File) Pos {
	line, col := 1, 1
	for i := 0; i < len(f.Data); {
		r, size := utf8.DecodeRune(f.Data[i:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		col++
		if r == '\n' {
			line, col = line+1, 1
		}
		i += size
	}
	return Pos{File: f, Line: line, Col: col, Width: 1}
}

type builder struct {
	file     *File
	problems *Problems
	aliased  int          // values built from aliases so far
	inAlias  int          // how many aliases deep
	open     []*yaml.Node // maps and lists with an anchor that are being built
	stopped  bool
	room     []Node // for the nodes to come: a file has thousands
}

// node returns a new node.
func (b *builder) node(n Node) *Node {
	const many = 128
	if len(b.room) == cap(b.room) {
		b.room = make([]Node, 0, many)
	}
	b.room = append(b.room, n)
	return &b.room[len(b.room)-1]
}

func (b *builder) pos(y *yaml.Node) Pos {
	w := utf8.RuneCountInString(y.Value)
	if y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		w += 2
	}
	if y.Kind != yaml.ScalarNode || strings.Contains(y.Value, "\n") {
		w = 1
	}
	return Pos{File: b.file, Line: y.Line, Col: y.Column, Width: max(w, 1)}
}

func (b *builder) fail(y *yaml.Node, code, format string, args ...any) {
	b.problems.Add(&Problem{Code: code, Pos: b.pos(y), Text: fmt.Sprintf(format, args...)})
}

func (b *builder) build(y *yaml.Node, depth int) *Node {
	if b.inAlias > 0 {
		b.aliased++
	}
	n := b.node(Node{Pos: b.pos(y)})
	if b.stopped {
		return n
	}
	switch {
	case depth > maxDepth:
		b.stopped = true
		b.fail(y, "yaml-too-large", "the file nests too deeply: more than %d levels", maxDepth)
		return n
	case b.aliased > maxAliased:
		b.stopped = true
		b.fail(y, "yaml-too-large", "the file repeats too much: more than %d values stand there by aliases", maxAliased)
		return n
	}
	switch y.Kind {
	case yaml.AliasNode:
		if slices.Contains(b.open, y.Alias) {
			b.fail(y, "yaml-syntax", "the alias *%s stands inside of what it is the name of, which would never end", y.Value)
			return n
		}
		// The alias is shown where it stands; what is inside keeps its own place.
		b.inAlias++
		n = b.build(y.Alias, depth+1)
		b.inAlias--
	case yaml.MappingNode:
		n.Kind = Mapping
		defer b.name(y)()
		b.buildMap(n, y, depth)
	case yaml.SequenceNode:
		n.Kind = Sequence
		defer b.name(y)()
		n.Items = make([]*Node, 0, len(y.Content))
		for _, c := range y.Content {
			n.Items = append(n.Items, b.build(c, depth+1))
		}
	default:
		b.scalar(n, y)
	}
	return n
}

// name marks what has an anchor as being built, until the end.
func (b *builder) name(y *yaml.Node) (end func()) {
	if y.Anchor == "" {
		return func() {}
	}
	b.open = append(b.open, y)
	return func() { b.open = b.open[:len(b.open)-1] }
}

func (b *builder) buildMap(n *Node, y *yaml.Node, depth int) {
	first := keySet{node: n}
	n.Keys, n.Items = make([]*Node, 0, len(y.Content)/2), make([]*Node, 0, len(y.Content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		ky, vy := y.Content[i], y.Content[i+1]
		if ky.Tag == "!!merge" {
			merges = append(merges, vy)
			continue
		}
		if ky.Kind != yaml.ScalarNode {
			b.fail(ky, "yaml-key", "a key must be a word, not %s", map[bool]string{true: "a list", false: "a map"}[ky.Kind == yaml.SequenceNode])
			continue
		}
		k := b.node(Node{Pos: b.pos(ky), Raw: ky.Value, Value: ky.Value})
		if prev := first.get(ky.Value); prev != nil {
			b.fail(ky, "yaml-duplicate-key", "key %q stands here a second time; the first is on line %d", ky.Value, prev.Pos.Line)
			continue
		}
		n.Keys = append(n.Keys, k)
		n.Items = append(n.Items, b.build(vy, depth+1))
	}
	for _, m := range merges {
		b.merge(n, m, &first, depth)
	}
}

// keySet finds a key among those that a map has got so far. Most maps have a
// few, which are found faster one by one than by a hash.
type keySet struct {
	node   *Node
	byName map[string]*Node
}

func (s *keySet) get(name string) *Node {
	const few = 12
	keys := s.node.Keys
	if len(keys) <= few {
		for _, k := range keys {
			if k.Raw == name {
				return k
			}
		}
		return nil
	}
	if s.byName == nil {
		s.byName = make(map[string]*Node, cap(keys))
	}
	for _, k := range keys[len(s.byName):] {
		s.byName[k.Raw] = k
	}
	return s.byName[name]
}

// merge carries out YAML's "<<": keys of the map itself win.
func (b *builder) merge(n *Node, y *yaml.Node, first *keySet, depth int) {
	from := b.build(y, depth+1)
	parts := []*Node{from}
	if from.Kind == Sequence {
		parts = from.Items
	}
	for _, p := range parts {
		if p.Kind != Mapping {
			b.fail(y, "yaml-merge", "<< takes a map or a list of maps, not %s", p.What())
			continue
		}
		for i, k := range p.Keys {
			if first.get(k.Raw) == nil {
				n.Keys = append(n.Keys, k)
				n.Items = append(n.Items, p.Items[i])
			}
		}
	}
}

func (b *builder) scalar(n *Node, y *yaml.Node) {
	n.Kind, n.Raw = Scalar, y.Value
	n.Quoted = y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	n.Value = y.Value
	if n.Quoted {
		return
	}
	n.Value = Plain(y.Value, y.Tag)
}

// parseInt reads a whole number as YAML 1.2 does: 012 is twelve, 0o12 is ten.
func parseInt(s string) (int64, error) {
	digits := strings.TrimLeft(s, "+-")
	if len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9' {
		return strconv.ParseInt(s, 10, 64)
	}
	return strconv.ParseInt(s, 0, 64)
}

// Plain gives an unquoted YAML scalar its value, by the tag that YAML's core
// schema resolved. Dates stay text: no field of the language is a date.
func Plain(raw, tag string) any {
	switch tag {
	case "!!null":
		return nil
	case "!!bool":
		return raw == "true" || raw == "True" || raw == "TRUE"
	case "!!int":
		if v, err := parseInt(strings.ReplaceAll(raw, "_", "")); err == nil {
			return v
		}
	case "!!float":
		if v, err := strconv.ParseFloat(strings.ReplaceAll(raw, "_", ""), 64); err == nil {
			return v
		}
		var v float64
		if yaml.Unmarshal([]byte(raw), &v) == nil {
			return v
		}
	}
	return raw
}
