package table

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// jsonScanner finds the values of JSON Lines: one JSON object (RFC 8259) per line,
// whose values are scalars or lists. Blank lines are skipped. While it samples, a key
// that is new adds a column; afterwards it is an error.
type jsonScanner struct {
	names    []string
	index    map[string]int
	sampling bool
	limit    int // bytes of a line
	row      []cell
	key      []byte
	sample   [][]cell // rows of the sample, whose widths differ until it is complete
}

func (s *jsonScanner) scan(b *block, buf []byte, eof bool, most int) (used int, open openField, fault *scanFault) {
	pos := 0
	for b.rows < most && pos < len(buf) {
		end := bytes.IndexByte(buf[pos:], '\n')
		next := pos + end + 1
		if end < 0 {
			if !eof {
				break
			}
			next = len(buf)
			end = next - pos
		}
		end += pos
		i := skipSpace(buf[:end], pos)
		if i == end {
			pos = next
			continue
		}
		if end-pos > s.limit {
			return pos, open, &scanFault{off: pos, field: -1, msg: fmt.Sprintf("the line is longer than %d bytes, the limit", s.limit)}
		}
		if fault := s.object(buf[:end], i); fault != nil {
			return pos, open, fault
		}
		if s.sampling {
			s.sample = append(s.sample, append([]cell(nil), s.row...))
		} else {
			b.cells = append(b.cells, s.row...)
		}
		b.rows++
		pos = next
	}
	return pos, openField{off: pos, field: -1}, nil
}

// object scans one line into s.row.
func (s *jsonScanner) object(line []byte, i int) *scanFault {
	s.row = s.row[:len(s.names)]
	clear(s.row)
	if line[i] != '{' {
		return s.notObject(line, i)
	}
	i = skipSpace(line, i+1)
	if i < len(line) && line[i] == '}' {
		return s.ending(line, i+1)
	}
	for expect := 0; ; expect++ {
		col, after, fault := s.member(line, i, expect)
		if fault != nil {
			return fault
		}
		expect = col
		i = skipSpace(line, after)
		switch {
		case i < len(line) && line[i] == ',':
			i = skipSpace(line, i+1)
		case i < len(line) && line[i] == '}':
			return s.ending(line, i+1)
		default:
			return &scanFault{off: min(i, len(line)-1), field: -1, name: s.names[col], msg: "the value must be followed by a comma or by }; is " + rest(line, i)}
		}
	}
}

// member scans "key": value into s.row. Most objects repeat the order of keys of the
// one before, so the column at expect is tried first.
func (s *jsonScanner) member(line []byte, i, expect int) (col, next int, fault *scanFault) {
	if i >= len(line) || line[i] != '"' {
		return 0, 0, &scanFault{off: min(i, len(line)-1), field: -1, msg: "a key between quotation marks must stand here; is " + rest(line, i)}
	}
	key, next, msg := jsonText(line, i)
	if msg != "" {
		return 0, 0, &scanFault{off: i, field: -1, msg: msg}
	}
	if col, fault = s.column(line, key, expect); fault != nil {
		return 0, 0, fault
	}
	i = skipSpace(line, next)
	if i >= len(line) || line[i] != ':' {
		return 0, 0, &scanFault{off: min(i, len(line)-1), field: -1, name: s.names[col], msg: "the key must be followed by a colon; is " + rest(line, i)}
	}
	c, next, msg := jsonValue(line, skipSpace(line, i+1))
	if msg != "" {
		return 0, 0, &scanFault{off: i, field: -1, name: s.names[col], msg: msg}
	}
	if s.row[col].end != 0 {
		return 0, 0, &scanFault{off: i, field: -1, name: s.names[col], msg: "the key is there twice"}
	}
	s.row[col] = c
	return col, next, nil
}

// column finds the column of a key, or adds it while sampling.
func (s *jsonScanner) column(line []byte, c cell, expect int) (int, *scanFault) {
	key := line[c.off:c.end]
	if expect < len(s.names) && c.kind == cellQuoted && string(key) == s.names[expect] {
		return expect, nil
	}
	if c.kind == cellEscaped {
		s.key = unescapeJSON(s.key[:0], key)
		key = s.key
	}
	if i, ok := s.index[string(key)]; ok {
		return i, nil
	}
	fault := &scanFault{off: int(c.off), field: -1}
	switch {
	case len(key) == 0:
		fault.msg = "a key is empty; columns need a name"
	case !utf8.Valid(key):
		fault.msg = "a key is not valid UTF-8: " + shorten(key)
	case !s.sampling:
		fault.msg = fmt.Sprintf("the key %s is in none of the first rows; declare it, as in %s", shorten(key), declaration(string(key), "string"))
	default:
		s.index[string(key)] = len(s.names)
		s.names = append(s.names, string(key))
		s.row = append(s.row, cell{})
		return len(s.names) - 1, nil
	}
	return 0, fault
}

// ending checks that nothing follows the object.
func (s *jsonScanner) ending(line []byte, i int) *scanFault {
	if j := skipSpace(line, i); j < len(line) {
		return &scanFault{off: j, field: -1, msg: "the object must end its line; what follows is " + rest(line, j)}
	}
	return nil
}

func (s *jsonScanner) notObject(line []byte, i int) *scanFault {
	msg := "each line must be an object; this one begins with " + rest(line, i)
	if line[i] == '[' {
		msg += "; a JSON array is no JSON Lines: write one object per line"
	}
	return &scanFault{off: i, field: -1, msg: msg}
}

func rest(line []byte, i int) string {
	if i >= len(line) {
		return "the end of the line"
	}
	return shorten(line[i:min(len(line), i+20)])
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// finish gives the rows of the sample their final width.
func (s *jsonScanner) finish(b *block) {
	s.sampling = false
	b.cols = len(s.names)
	b.cells = make([]cell, b.rows*b.cols)
	for i, row := range s.sample {
		copy(b.cells[i*b.cols:], row)
	}
	s.sample = nil
}
