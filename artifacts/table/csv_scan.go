package table

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// csvScanner finds the fields of CSV (RFC 4180) and TSV. Beyond the RFC it takes a
// quotation mark inside an unquoted field as a character, since that is what files
// hold, and skips blank lines, except in a table of one column, where a blank line is
// a row with an empty field.
type csvScanner struct {
	delimiter byte
	quoting   bool
	nulls     map[string]bool // spellings of null beside the empty field
	longest   int             // of the nulls
	limit     int             // bytes of a field
	expects   string          // "the header has 4"
	fault     scanFault       // of the last row, if it was bad
}

// scanState is how the scan of a row ended.
type scanState uint8

const (
	rowDone scanState = iota
	rowOpen           // the bytes ended inside the row; more are needed
	rowBad
)

// scanFault is a mistake in the row that was being scanned.
type scanFault struct {
	off   int // where, in the bytes scanned
	field int // of the row, from 0, or -1
	name  string
	msg   string
}

// row scans one row that begins at pos and appends its cells. With rowOpen, next is
// where the unfinished field begins; with rowBad, s.fault says what is wrong.
func (s *csvScanner) row(buf []byte, pos int, eof bool, cells []cell) (out []cell, next int, state scanState) {
	first := len(cells)
	for {
		if s.quoting && pos < len(buf) && buf[pos] == '"' {
			c, end, state, msg := quotedField(buf, pos, eof)
			if state != rowDone {
				s.fault = scanFault{off: pos, field: len(cells) - first, msg: msg}
				return cells, pos, state
			}
			cells = append(cells, c)
			switch {
			case end == len(buf):
				return cells, end, rowDone
			case buf[end] == s.delimiter:
				pos = end + 1
				continue
			case buf[end] == '\n':
				return cells, end + 1, rowDone
			case buf[end] == '\r' && end+1 < len(buf) && buf[end+1] == '\n':
				return cells, end + 2, rowDone
			case buf[end] == '\r' && end+1 == len(buf):
				if !eof {
					return cells, pos, rowOpen
				}
				return cells, end + 1, rowDone
			}
			s.fault = scanFault{off: pos, field: len(cells) - 1 - first, msg: fmt.Sprintf(
				"broken quoting: %s follows the closing quotation mark of a field; write a quotation mark inside a quoted field twice, or set quote: none",
				shorten(buf[end:s.fieldEnd(buf[:min(end+20, len(buf))], end)]))}
			return cells, pos, rowBad
		}
		end := s.fieldEnd(buf, pos)
		if end == len(buf) && !eof {
			return cells, pos, rowOpen
		}
		last := end == len(buf) || buf[end] == '\n'
		stop := end
		if last && stop > pos && buf[stop-1] == '\r' {
			stop--
		}
		c := cell{off: uint32(pos), end: uint32(stop), kind: cellBare}
		if stop == pos || stop-pos <= s.longest && s.nulls[string(buf[pos:stop])] {
			c.kind = cellNull
		}
		cells = append(cells, c)
		if last {
			return cells, min(end+1, len(buf)), rowDone
		}
		pos = end + 1
	}
}

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// fieldEnd finds the next delimiter or line feed, or the end of buf. It looks at eight
// bytes at once: fields are too short for the set-up of a vector search. The lowest
// byte that the test for zero bytes marks is always a true one.
func (s *csvScanner) fieldEnd(buf []byte, i int) int {
	delimiters := uint64(s.delimiter) * lowBits
	for ; i+8 <= len(buf); i += 8 {
		w := binary.LittleEndian.Uint64(buf[i:])
		d := w ^ delimiters
		n := w ^ ('\n' * lowBits)
		if m := ((d-lowBits)&^d | (n-lowBits)&^n) & highBits; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for ; i < len(buf); i++ {
		if buf[i] == s.delimiter || buf[i] == '\n' {
			return i
		}
	}
	return i
}

// quotedField scans a field that begins with a quotation mark at pos; end is behind
// its closing one.
func quotedField(buf []byte, pos int, eof bool) (c cell, end int, state scanState, msg string) {
	kind := cellQuoted
	for i := pos + 1; ; i += 2 {
		j := bytes.IndexByte(buf[i:], '"')
		if j < 0 {
			if eof {
				return c, 0, rowBad, "broken quoting: the quotation mark that opens this field is never closed; close it, or set quote: none"
			}
			return c, 0, rowOpen, ""
		}
		i += j
		if i+1 < len(buf) && buf[i+1] == '"' {
			kind = cellEscaped
			continue
		}
		if i+1 == len(buf) && !eof {
			return c, 0, rowOpen, ""
		}
		return cell{off: uint32(pos + 1), end: uint32(i), kind: kind}, i + 1, rowDone, ""
	}
}

// blank tells how many bytes of an empty line are at pos, or 0.
func blank(buf []byte, pos int) int {
	switch {
	case buf[pos] == '\n':
		return 1
	case buf[pos] == '\r' && pos+1 < len(buf) && buf[pos+1] == '\n':
		return 2
	}
	return 0
}

// scan finds whole rows from the start of buf until b has most rows. It returns how
// many bytes they take, how far the unfinished field that follows begins, and which
// field of its row that is.
func (s *csvScanner) scan(b *block, buf []byte, eof bool, most int) (used int, open openField, fault *scanFault) {
	pos := 0
	for b.rows < most && pos < len(buf) {
		if b.cols > 1 {
			if n := blank(buf, pos); n > 0 {
				pos += n
				continue
			}
		}
		first := len(b.cells)
		cells, next, state := s.row(buf, pos, eof, b.cells)
		switch state {
		case rowOpen:
			open = openField{off: next, field: len(cells) - first}
			b.cells = cells[:first]
			return pos, open, nil
		case rowBad:
			return pos, open, &s.fault
		}
		if n := len(cells) - first; n != b.cols {
			return pos, open, &scanFault{off: pos, field: -1, msg: s.ragged(buf, cells[first:])}
		}
		for i, c := range cells[first:] {
			if int(c.end-c.off) > s.limit {
				return pos, open, &scanFault{off: int(c.off), field: i, msg: tooLong(s.limit)}
			}
		}
		b.cells = cells
		b.rows++
		pos = next
	}
	return pos, openField{off: pos}, nil
}

// ragged says how a row's field count is wrong, and what may be behind it.
func (s *csvScanner) ragged(buf []byte, row []cell) string {
	msg := fmt.Sprintf("has %s, %s", plural(len(row), "field"), s.expects)
	for _, c := range row {
		switch v := buf[c.off:c.end]; {
		case c.kind != cellBare || bytes.IndexByte(v, '"') < 0:
		case !s.quoting:
			return msg + "; it holds a quotation mark, so if the file quotes its fields set quote: double"
		default:
			return msg + "; it holds a quotation mark inside an unquoted field, which quotes nothing"
		}
	}
	return msg + "; quote fields that contain the delimiter " + fmt.Sprintf("%q", s.delimiter)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func tooLong(limit int) string {
	return fmt.Sprintf("the value is longer than %d bytes, the limit of a field; where a quotation mark opens it, the closing one may be missing", limit)
}

// unescapeCSV resolves doubled quotation marks.
func unescapeCSV(dst, src []byte) []byte {
	for {
		i := bytes.IndexByte(src, '"')
		if i < 0 {
			return append(dst, src...)
		}
		dst = append(dst, src[:i+1]...)
		src = src[i+2:]
	}
}
