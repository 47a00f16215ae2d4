// Package text owns what a pipeline file is before it means anything: bytes
// with a position for every key and value, decoded strictly into Go structs,
// and problems that are shown with their source line.
//
// It exists because YAML libraries drop unknown keys, keep duplicate ones and
// forget columns; a pipeline file is checked before it runs, so each of those
// is a problem with a position here.
package text

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// File is a source text with a name to show in messages.
type File struct {
	Name string
	Data []byte
}

// Line returns the text of line n (1-based) without its line ending, or "".
func (f *File) Line(n int) string {
	if f == nil || n < 1 {
		return ""
	}
	rest := string(f.Data)
	for ; n > 1; n-- {
		i := strings.IndexByte(rest, '\n')
		if i < 0 {
			return ""
		}
		rest = rest[i+1:]
	}
	if i := strings.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	return strings.TrimSuffix(rest, "\r")
}

// Pos is a place in a file; Line and Col count from 1, Col in characters.
// Width is how many characters the caret underlines (at least one).
type Pos struct {
	File  *File
	Line  int
	Col   int
	Width int
}

// String gives "file:line:col", the form that editors follow.
func (p Pos) String() string {
	if p.File == nil {
		return "-"
	}
	if p.Line == 0 {
		return p.File.Name
	}
	return fmt.Sprintf("%s:%d:%d", p.File.Name, p.Line, p.Col)
}

// Problem is one thing that is wrong in a file. Code names the class of the
// mistake, for docs/errors.md and `pipe explain`.
type Problem struct {
	Code string
	Pos  Pos
	Text string
	Hint string // what to do; "" where the text says it
	// Trail is the chain of stages that led to the mistake; "" where it is no
	// longer than what the text says.
	Trail string
}

// Error gives the problem on one line, without its source line.
func (p *Problem) Error() string {
	s := p.Pos.String() + ": " + p.Text
	if p.Hint != "" {
		s += " (" + p.Hint + ")"
	}
	return s
}

// Render gives the problem as people read it: the message, the source line and
// a caret below the place.
func (p *Problem) Render() string {
	var b strings.Builder
	b.WriteString(p.Pos.String() + ": " + p.Text)
	if p.Code != "" {
		b.WriteString(" [" + p.Code + "]")
	}
	b.WriteByte('\n')
	line := p.Pos.File.Line(p.Pos.Line)
	if line != "" {
		gutter := fmt.Sprintf("%5d | ", p.Pos.Line)
		b.WriteString(gutter + clip(line) + "\n")
		b.WriteString(strings.Repeat(" ", len(gutter)-2) + "| " + caret(line, p.Pos) + "\n")
	}
	if p.Trail != "" {
		b.WriteString("        by way of " + p.Trail + "\n")
	}
	if p.Hint != "" {
		b.WriteString("        " + p.Hint + "\n")
	}
	return b.String()
}

// maxLine bounds what of a source line is shown: a line may be megabytes long.
const maxLine = 160

func clip(line string) string {
	if utf8.RuneCountInString(line) <= maxLine {
		return line
	}
	return string([]rune(line)[:maxLine]) + " …"
}

// caret builds the line below the source line; tabs are kept so that it lines
// up in any tab width.
func caret(line string, p Pos) string {
	var b strings.Builder
	col := 1
	for _, r := range line {
		if col >= p.Col || col > maxLine {
			break
		}
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
		col++
	}
	b.WriteByte('^')
	room := utf8.RuneCountInString(line) - p.Col
	for i := 1; i < p.Width && i <= room && p.Col+i <= maxLine; i++ {
		b.WriteByte('~')
	}
	return b.String()
}

// Problems collects everything that is wrong, so that all of it is reported
// at once.
type Problems struct {
	list []*Problem
	seen map[string]bool
}

// Add records a problem; the same message at the same place is kept once.
func (ps *Problems) Add(p *Problem) {
	id := p.Error()
	if ps.seen[id] {
		return
	}
	if ps.seen == nil {
		ps.seen = map[string]bool{}
	}
	ps.seen[id] = true
	ps.list = append(ps.list, p)
}

// Len is the number of problems so far.
func (ps *Problems) Len() int { return len(ps.list) }

// Sorted returns the problems by file and position.
func (ps *Problems) Sorted() []*Problem {
	sort.SliceStable(ps.list, func(i, j int) bool {
		a, b := ps.list[i].Pos, ps.list[j].Pos
		if a.File != b.File && a.File != nil && b.File != nil {
			return a.File.Name < b.File.Name
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Col < b.Col
	})
	return ps.list
}

// Err returns nil where nothing is wrong, and else an *Error with all of it.
func (ps *Problems) Err() error {
	if len(ps.list) == 0 {
		return nil
	}
	return &Error{Problems: ps.Sorted()}
}

// Error is a file that is wrong, with every problem found in it.
type Error struct{ Problems []*Problem }

// Error lists the problems, one a line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Render gives all problems with their source lines.
func (e *Error) Render() string {
	var b strings.Builder
	for _, p := range e.Problems {
		b.WriteString(p.Render())
	}
	return b.String()
}
