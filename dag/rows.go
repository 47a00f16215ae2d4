package dag

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"pipe/dag/text"
)

// tableForm is the spelling {table: FILE} of foreach.
type tableForm struct {
	Table string `yaml:"table" doc:"a small table whose rows are the items: CSV or TSV with a header, or JSON Lines; beside the file that names it" required:"true"`
}

// tableRows reads the table of a foreach into a list of maps.
func (l *loader) tableRows(n *text.Node, dir string) *text.Node {
	var form tableForm
	before := l.problems.Len()
	l.decoder().Known(n, &form, "foreach")
	if l.problems.Len() > before {
		return nil
	}
	at := n.Get("table")
	f, err := l.readFile(filepath.Join(dir, form.Table))
	if err != nil {
		l.errorf(at, "missing-file", "foreach: %v", err)
		return nil
	}
	var rows *text.Node
	switch ext := strings.ToLower(filepath.Ext(form.Table)); ext {
	case ".csv":
		rows, err = csvRows(f, at, ',')
	case ".tsv":
		rows, err = csvRows(f, at, '\t')
	case ".jsonl":
		rows = l.jsonRows(f, at)
	default:
		err = fmt.Errorf("%q is no small table: a name ends with .csv, .tsv or .jsonl", form.Table)
	}
	if err != nil {
		l.errorf(at, "value", "foreach: %v", err)
		return nil
	}
	return rows
}

// csvRows reads a table with a header; values that look like numbers or
// booleans are such, as in YAML.
func csvRows(f *text.File, at *text.Node, comma rune) (*text.Node, error) {
	r := csv.NewReader(bytes.NewReader(f.Data))
	r.Comma = comma
	header, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: the table has no header: %w", f.Name, err)
	}
	out := &text.Node{Kind: text.Sequence, Pos: at.Pos}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		line, _ := r.FieldPos(0)
		row := &text.Node{Kind: text.Mapping, Pos: text.Pos{File: f, Line: line, Col: 1, Width: 1}}
		for i, v := range record {
			_, col := r.FieldPos(i)
			pos := text.Pos{File: f, Line: line, Col: col, Width: max(len(v), 1)}
			row.Keys = append(row.Keys, &text.Node{Pos: pos, Raw: header[i], Value: header[i]})
			row.Items = append(row.Items, text.Word(v, pos))
		}
		out.Items = append(out.Items, row)
	}
}

// jsonRows reads an object a line; JSON is YAML.
func (l *loader) jsonRows(f *text.File, at *text.Node) *text.Node {
	out := &text.Node{Kind: text.Sequence, Pos: at.Pos}
	for i, line := range strings.Split(string(f.Data), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		n := text.Parse(&text.File{Name: f.Name, Data: []byte(line)}, &l.problems)
		if n == nil {
			return nil
		}
		shift(n, f, i)
		out.Items = append(out.Items, n)
	}
	return out
}

// shift moves what was read from one line of a file to its place there.
func shift(n *text.Node, f *text.File, lines int) {
	n.Pos.File, n.Pos.Line = f, n.Pos.Line+lines
	for _, k := range n.Keys {
		shift(k, f, lines)
	}
	for _, it := range n.Items {
		shift(it, f, lines)
	}
}
