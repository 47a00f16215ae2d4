package text

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// flat writes a tree with all that the package takes from it.
func flat(b *strings.Builder, n *yaml.Node) {
	fmt.Fprintf(b, "(%d %d:%d %s %q %d &%s", n.Kind, n.Line, n.Column, n.Tag, n.Value, n.Style, n.Anchor)
	if n.Alias != nil {
		fmt.Fprintf(b, " *%d:%d", n.Alias.Line, n.Alias.Column)
	}
	for _, c := range n.Content {
		flat(b, c)
	}
	b.WriteString(")")
}

func flattened(n *yaml.Node) string {
	var b strings.Builder
	flat(&b, n)
	return b.String()
}

// inPartsAsWhole holds a text in so many parts to the same text as a whole, and
// tells whether it could be cut at all.
func inPartsAsWhole(t *testing.T, src string, parts int) bool {
	t.Helper()
	doc := parseInParts([]byte(src), parts)
	if doc == nil {
		return false
	}
	whole, err := parseYAML([]byte(src))
	if err != nil {
		t.Fatalf("in %d parts this can be read, and as a whole it cannot: %v\n%s", parts, err, src)
	}
	if got, want := flattened(doc), flattened(whole); got != want {
		t.Fatalf("in %d parts\n%s\nas a whole\n%s\n%s", parts, got, want, src)
	}
	return true
}

// splitCases are texts that can be cut, and such that must not be: each trap reads
// without a problem in parts, with another meaning, where nothing is done about it, or cannot be read in parts.
var splitCases = []struct {
	name, src string
	cut       bool
}{
	{"flow", "pipeline: p\nstages:\n  a: { uses: x }\n  b: { uses: y, in: a }\n  c: { uses: z }\n", true},
	{"block", "# c\npipeline: p\nstages:\n\n  # first\n  a:\n    uses: x\n    in: [b,\n      c]\n\n  b:\n    uses: y\n  'c': 1\n  \"d\":\n    - 1\n# end\nparams: { a: 1 }\nseed: 3\n", true},
	{"block scalars", "stages:\n  a:\n    run: |\n      one\n\n      two\n  b:\n    run: >-\n      x\n      y\n  c: |+\n   z\n\n", true},
	{"lists at the key's indentation", "stages:\n  a:\n  - 1\n  - 2\n  b:\n  - 3\n  c:\n", true},
	{"crlf", "stages:\r\n  a: 1\r\n  b: 2\r\nseed: 1\r\n", true},
	{"anchor in one part", "stages:\n  a: &x { uses: q, in: *y }\n  b: 1\n", false},
	{"anchor and alias in one entry", "stages:\n  a: [&x 1, *x]\n  b: 1\n", true},
	{"alias of another part", "stages:\n  a: &x 1\n  b: *x\n", false},
	{"alias below", "stages:\n  a: &x 1\n  b: 2\nseed: *x\n", false},
	{"the name twice", "base: &x 1\nstages:\n  a: &x 2\n  b: 3\nseed: *x\n", false},
	{"flow over lines", "stages:\n  a: { uses: x,\n  b: y }\n", false},
	{"quotes over lines", "stages:\n  a: \"one\n  b: two\"\n", false},
	{"keys that are asked for", "stages:\n  ? a\n  : 1\n  ? b\n  : 2\n", false},
	{"a key that is asked for, without a value", "stages:\n  a:\n    x: 1\n    ? y\n  b: 2\n  c: 3\n", false},
	{"a flow map before the entries", "stages:\n  { uses: x }\n  b: 1\n  c: 2\n", false},
	{"a tag before the entries", "stages:\n  !!st\n    b: 2\n  c: 3\n", false},
	{"directive", "%TAG !! tag:example.org,2000:\n---\nstages:\n  a: !!str 1\n  b: 2\n", false},
	{"two documents", "stages:\n  a: 1\n  b: 2\n---\nstages:\n  a: 1\n", false},
	{"a list", "stages:\n  - a\n  - b\n", false},
	{"a value on the line", "stages: { a: 1,\n  b: 2 }\n", false},
	{"less indentation", "stages:\n    a: 1\n    b: 2\n  c: 3\n    d: 4\n", false},
	{"more indentation", "stages:\n  a: 1\n    b: 2\n  c: 3\n", false},
	{"a list below", "stages:\n  a: 1\n  b: 2\n- c\n", false},
	{"a lone return", "stages:\n  a: 1 # x\ry\n  b: 2\n", false},
	{"another separator of lines", "stages:\n  a: 1 # x\u2028y\n  b: 2\n", false},
	{"a quoted text around", "x: \"\nstages:\n  a: 1\n  b: 2\n\"\n", false},
	{"duplicate keys", "stages:\n  a: 1\n  a: 2\n", true},
}

func TestTextInParts(t *testing.T) {
	for _, c := range splitCases {
		t.Run(c.name, func(t *testing.T) {
			cut := false
			for parts := 2; parts < 6; parts++ {
				cut = inPartsAsWhole(t, c.src, parts) || cut
			}
			if cut != c.cut {
				t.Errorf("read in parts: %v, want %v", cut, c.cut)
			}
		})
	}
}

// TestLargeTextHasTheSameNodes goes by way of Parse, whose problems must name the
// same places, too.
func TestLargeTextHasTheSameNodes(t *testing.T) {
	var src strings.Builder
	src.WriteString("pipeline: large\nparams: { a: 1 }\nstages:\n")
	for i := 0; src.Len() < 2*largeText; i++ {
		fmt.Fprintf(&src, "  s%d: { uses: exec, with: { run: \"true %d\", n: %d, f: 0x1F, t: ~ } }\n", i, i, i)
		if i%1000 == 0 {
			fmt.Fprintf(&src, "  s%d: again\n  # a comment\n\n", i)
		}
	}
	src.WriteString("seed: 7\n")
	if parseInParts([]byte(src.String()), 4) == nil {
		t.Fatal("this text is not read in parts")
	}
	f := &File{Name: "large.yaml", Data: []byte(src.String())}
	var ps, whole Problems
	n := Parse(f, &ps)
	doc, err := parseYAML(f.Data)
	if err != nil {
		t.Fatal(err)
	}
	b := builder{file: f, problems: &whole}
	if !reflect.DeepEqual(n, b.build(doc.Content[0], 0)) {
		t.Error("the nodes differ")
	}
	if ps.Len() == 0 || ps.Err().Error() != whole.Err().Error() {
		t.Errorf("problems %v, want %v", ps.Err(), whole.Err())
	}
}

func FuzzTextInParts(f *testing.F) {
	for _, c := range splitCases {
		f.Add(c.src, 2)
		f.Add(c.src, 3)
	}
	f.Fuzz(func(t *testing.T, src string, parts int) {
		if parts < 2 || parts > 8 {
			return
		}
		inPartsAsWhole(t, src, parts)
	})
}

// TestRandomTextInParts changes the cases at random; of a million texts, some thirty
// thousand can be cut.
func TestRandomTextInParts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"\n", "\n  ", "  b: ", " ", ":", "- ", "? ", "\"", "'", "{", "}", "[", "]", ",", "|", ">", "&x ", "*x", "!!str ", "#", "stages:\n", "a",
		"\n    ", "\t", "%", "---\n", "...\n", "<<: ", "\r\n", "~", "\n : ", "  c: 1\n", "\n\n"}
	cut := 0
	for range 20_000 {
		s := splitCases[random.IntN(len(splitCases))].src
		for range 1 + random.IntN(4) {
			i := random.IntN(len(s) + 1)
			switch other := splitCases[random.IntN(len(splitCases))].src; random.IntN(3) {
			case 0:
				s = s[:i] + pieces[random.IntN(len(pieces))] + s[i:]
			case 1:
				s = s[:i] + s[min(len(s), i+1+random.IntN(4)):]
			case 2:
				k := random.IntN(len(other))
				s = s[:i] + other[k:min(len(other), k+1+random.IntN(20))] + s[i:]
			}
		}
		if inPartsAsWhole(t, s, 2+random.IntN(5)) {
			cut++
		}
	}
	if cut < 100 {
		t.Errorf("only %d of the texts could be cut", cut)
	}
}
