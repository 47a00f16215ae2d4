package text

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

// Format writes a pipeline file in one way, line by line, so that comments, the
// order of keys and the writer's choice between lines and braces stay: two
// spaces a level, no space at the end of a line, no two blank lines in a row, a
// space after the # of a comment. What it writes means what was read: that is
// compared, and where new indentation would change the meaning, the old one
// stays. A file that is not YAML is reported as by Parse.
func Format(f *File) ([]byte, error) {
	var ps Problems
	before := Parse(f, &ps)
	if err := ps.Err(); err != nil {
		return nil, err
	}
	ends := []ending{oneNewline, asWritten}
	if !bytes.HasSuffix(f.Data, []byte("\n")) {
		ends = append(ends, noNewline)
	}
	var at Pos
	for _, indent := range []bool{true, false} {
		for _, end := range ends {
			out := formatLines(f.Data, indent, end)
			again := formatLines(out, indent, end)
			after := Parse(&File{Name: f.Name, Data: out}, &ps)
			if ps.Len() == 0 && bytes.Equal(out, again) && same(before, after) {
				return out, nil
			}
			at = changedAt(before, after)
			ps = Problems{}
		}
	}
	return nil, &Error{Problems: []*Problem{{Pos: at, Text: "what stands here would mean something else in another layout, so the file stays as it is",
		Hint: "indent it by spaces, two a level, or write the value in quotes; then format again"}}}
}

// ending is how a formatted file ends: the blank lines at the end of a block
// scalar are a part of it where it is |+, and the last newline is one of |.
type ending int

const (
	oneNewline ending = iota
	asWritten
	noNewline
)

// changedAt is the first place of a whose meaning is another one in b.
func changedAt(a, b *Node) Pos {
	if b == nil || a.Kind != b.Kind {
		return a.Pos
	}
	for i, it := range a.Items {
		if i >= len(b.Items) || i < len(a.Keys) && a.Keys[i].Raw != b.Keys[i].Raw {
			return it.Pos
		}
		if !same(it, b.Items[i]) {
			return changedAt(it, b.Items[i])
		}
	}
	return a.Pos
}

// same tells whether two trees mean the same, with the order of keys.
func same(a, b *Node) bool {
	if a.Kind != b.Kind || a.Value != b.Value || len(a.Items) != len(b.Items) {
		return false
	}
	for i := range a.Keys {
		if a.Keys[i].Raw != b.Keys[i].Raw {
			return false
		}
	}
	for i := range a.Items {
		if !same(a.Items[i], b.Items[i]) {
			return false
		}
	}
	return true
}

// blockScalar ends a line that text follows whose every character counts.
var blockScalar = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(^|[:\-] |[:\-] *[&!][^ ]* )[|>][0-9+-]*\s*(#.*)?$`) })

// level is an indentation as it was and as it is to be.
type level struct{ old, new int }

// formatter goes over the lines of a file.
type formatter struct {
	out     []string
	indent  bool
	levels  []level
	held    []string // comments, which take the indentation of what follows
	depth   int      // of brackets that are open
	quote   byte     // that is open
	shift   int      // of the line that a bracket, quote or block began on
	block   int      // indentation of the line that began a block scalar, or -1
	blanks  int
	inBlock bool
}

func formatLines(src []byte, indent bool, end ending) []byte {
	f := &formatter{indent: indent, levels: []level{{0, 0}}}
	whole := strings.TrimSuffix(strings.ReplaceAll(string(src), "\r\n", "\n"), "\n")
	for line := range strings.SplitSeq(whole, "\n") {
		f.line(line)
	}
	f.flush(-1, 0)
	for n := len(f.out); end != asWritten && n > 0 && strings.TrimSpace(f.out[n-1]) == ""; n-- {
		f.out = f.out[:n-1]
	}
	if end == noNewline {
		return []byte(strings.Join(f.out, "\n"))
	}
	return []byte(strings.Join(f.out, "\n") + "\n")
}

func (f *formatter) line(line string) {
	body := strings.TrimLeft(line, " ")
	old := len(line) - len(body)
	if f.inBlock && (strings.TrimSpace(line) == "" || old > f.block) {
		f.raw(line, old)
		return
	}
	f.inBlock = false
	trimmed := strings.TrimRight(body, " \t")
	switch {
	case f.quote != 0:
		f.raw(line, old)
		f.scan(line)
	case trimmed == "":
		f.blanks++
	case strings.HasPrefix(trimmed, "#"):
		f.hold(trimmed, old)
	case f.depth > 0:
		f.flush(old, max(old+f.shift, 0))
		f.put(trimmed, max(old+f.shift, 0))
		f.scan(trimmed)
	default:
		f.content(trimmed, old)
	}
}

// raw keeps a line whose blanks may count, moved as the line was that it
// belongs to.
func (f *formatter) raw(line string, old int) {
	for ; f.blanks > 0; f.blanks-- {
		f.out = append(f.out, "")
	}
	switch {
	case strings.TrimSpace(line) == "" && f.quote == 0:
		f.out = append(f.out, line)
	case f.shift >= 0:
		f.out = append(f.out, strings.Repeat(" ", f.shift)+line)
	default:
		f.out = append(f.out, line[min(-f.shift, old):])
	}
}

// hold keeps a comment until it is known what it stands before.
func (f *formatter) hold(comment string, old int) {
	if after := strings.TrimLeft(comment, "#"); after != "" && after[0] != ' ' && after[0] != '!' {
		comment = comment[:len(comment)-len(after)] + " " + after
	}
	if f.blanks > 0 && (len(f.out) > 0 || len(f.held) > 0) {
		f.held = append(f.held, "")
	}
	f.blanks = 0
	f.held = append(f.held, strings.Repeat(" ", old)+comment)
}

// flush writes the comments that were held, before a line that had and has an
// indentation.
func (f *formatter) flush(old, new int) {
	for _, c := range f.held {
		body := strings.TrimLeft(c, " ")
		at := len(c) - len(body)
		switch {
		case body == "":
			f.out = append(f.out, "")
			continue
		case !f.indent:
			new = at
		case at != old:
			new = f.mapped(at)
		}
		f.out = append(f.out, strings.Repeat(" ", new)+body)
	}
	f.held = nil
}

// mapped is the new indentation of a place that no line of its own sets.
func (f *formatter) mapped(old int) int {
	for i := len(f.levels) - 1; i >= 0; i-- {
		if f.levels[i].old <= old {
			return f.levels[i].new
		}
	}
	return 0
}

func (f *formatter) put(body string, indent int) {
	if f.blanks > 0 && len(f.out) > 0 {
		f.out = append(f.out, "")
	}
	f.blanks = 0
	f.out = append(f.out, strings.Repeat(" ", indent)+body)
}

// content writes a line of keys, items or values, and notes what it opens.
func (f *formatter) content(body string, old int) {
	for len(f.levels) > 1 && f.levels[len(f.levels)-1].old > old {
		f.levels = f.levels[:len(f.levels)-1]
	}
	top := f.levels[len(f.levels)-1]
	if top.old < old {
		top = level{old, top.new + 2}
		f.levels = append(f.levels, top)
	}
	new := top.new
	if !f.indent {
		new = old
	}
	f.shift = new - old
	if f.blanks > 0 && len(f.held) > 0 {
		f.held, f.blanks = append(f.held, ""), 0
	}
	f.flush(old, new)
	// What stands behind a dash is a level of its own.
	inner, at := body, old
	for strings.HasPrefix(inner, "- ") && f.indent {
		rest := strings.TrimLeft(inner[2:], " ")
		at += len(inner) - len(rest)
		body = body[:len(body)-len(inner)] + "- " + rest
		inner = rest
		last := f.levels[len(f.levels)-1]
		f.levels = append(f.levels, level{at, last.new + 2})
	}
	f.put(body, new)
	f.scan(body)
	if f.depth == 0 && f.quote == 0 && blockScalar().MatchString(body) {
		f.inBlock, f.block = true, old
	}
}

// scan follows brackets and quotes over the end of a line.
func (f *formatter) scan(s string) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case f.quote == '"' && c == '\\':
			i++
		case f.quote != 0:
			if c == f.quote {
				f.quote = 0
			}
		case c == '#' && (i == 0 || s[i-1] == ' '):
			return
		case (c == '"' || c == '\'') && (i == 0 || strings.IndexByte(" [{,:", s[i-1]) >= 0):
			f.quote = c
		case (c == '[' || c == '{') && (f.depth > 0 || i == 0 || s[i-1] == ' '):
			f.depth++
		case (c == ']' || c == '}') && f.depth > 0:
			f.depth--
		}
	}
}
