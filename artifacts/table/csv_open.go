package table

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
)

var byteOrderMark = []byte("\xef\xbb\xbf")

// openCSV reads the header and the sample of a CSV or TSV stream.
func openCSV(src io.Reader, name string, o Options) (*textReader, error) {
	s, err := newCSVScanner(o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	r := &textReader{name: name, o: o, w: window{src: src}, scanner: s, line: 1}
	r.b.unescape = unescapeCSV
	if err := r.skipMark(); err != nil {
		return nil, err
	}
	if err := r.readHeader(s); err != nil {
		return nil, err
	}
	r.b.cols = len(r.names)
	if err := r.readBlock(int(o.SampleBytes), o.SampleRows); err != nil {
		return nil, err
	}
	declared, err := declaredTypes(name, o.Schema, r.names)
	if err != nil {
		return nil, err
	}
	return r, r.setColumns(declared, false, func(col int) (arrow.DataType, bool, error) { return inferCSV(&r.b, col), false, nil })
}

func newCSVScanner(o Options) (*csvScanner, error) {
	s := &csvScanner{delimiter: ',', quoting: o.Quote == QuoteDouble, limit: int(o.FieldBytes)}
	switch {
	case o.Delimiter != 0 && (o.Delimiter >= utf8.RuneSelf || strings.ContainsRune("\r\n\"\x00", o.Delimiter)):
		return nil, fmt.Errorf("the delimiter must be one ASCII character and neither line end nor quotation mark, is %q", o.Delimiter)
	case o.Delimiter != 0:
		s.delimiter = byte(o.Delimiter)
	case o.Format == TSV:
		s.delimiter = '\t'
	}
	switch o.Quote {
	case "":
		s.quoting = o.Format != TSV
	case QuoteDouble, QuoteNone:
	default:
		return nil, fmt.Errorf("quote must be %s or %s, is %q", QuoteDouble, QuoteNone, o.Quote)
	}
	s.nulls = make(map[string]bool, len(o.Nulls))
	for _, n := range o.Nulls {
		s.nulls[n] = true
		s.longest = max(s.longest, len(n))
	}
	return s, nil
}

// skipMark skips the byte order mark of UTF-8 and refuses those of UTF-16.
func (r *textReader) skipMark() error {
	if err := r.w.fill(blockBytes); err != nil {
		return fmt.Errorf("%s: cannot be read: %w", r.name, err)
	}
	start := r.w.unread()
	switch {
	case bytes.HasPrefix(start, byteOrderMark):
		r.w.pos += len(byteOrderMark)
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return &Error{File: r.name, Line: 1, Msg: "is UTF-16; convert it to UTF-8"}
	}
	return nil
}

// readHeader takes the names from the first row, or its width where it is data.
func (r *textReader) readHeader(s *csvScanner) error {
	row, next, err := r.firstRow(s)
	if err != nil {
		return err
	}
	switch {
	case r.o.header() && r.o.Columns != nil:
		return fmt.Errorf("%s: columns are given and so is a header; say header: false where the first row is data", r.name)
	case r.o.header():
		s.expects = fmt.Sprintf("the header has %d", len(row))
		return r.takeHeader(row, next)
	case r.o.Columns != nil:
		s.expects = fmt.Sprintf("%d are named", len(r.o.Columns))
		r.names = r.o.Columns
	case len(row) == 0:
		return &Error{File: r.name, Msg: "is empty, and no column names are given"}
	default:
		s.expects = fmt.Sprintf("the first row has %d", len(row))
		r.names = columnNames(len(row))
	}
	if err := checkNames(r.names); err != nil {
		return fmt.Errorf("%s: the given columns are wrong: %w", r.name, err)
	}
	return nil
}

// firstRow scans the first row that is not blank and does not consume it.
func (r *textReader) firstRow(s *csvScanner) (row []cell, next int, err error) {
	for want := blockBytes; ; want *= 2 {
		if err := r.w.fill(want); err != nil {
			return nil, 0, fmt.Errorf("%s: cannot be read: %w", r.name, err)
		}
		buf := r.w.unread()
		skip := 0
		for skip < len(buf) && blank(buf, skip) > 0 {
			skip += blank(buf, skip)
		}
		if skip == len(buf) && r.w.eof {
			return nil, 0, nil
		}
		row, next, state := s.row(buf, skip, r.w.eof, nil)
		switch {
		case state == rowDone:
			return row, next, nil
		case state == rowBad:
			return nil, 0, &Error{File: r.name, Line: r.line + int64(bytes.Count(buf[:s.fault.off], newline)), Msg: "the first row: " + s.fault.msg}
		case want > int(r.o.FieldBytes):
			return nil, 0, &Error{File: r.name, Line: r.line, Msg: "the first row: " + tooLong(int(r.o.FieldBytes))}
		}
	}
}

func (r *textReader) takeHeader(row []cell, next int) error {
	buf := r.w.unread()
	if len(row) == 0 {
		return &Error{File: r.name, Msg: "is empty: it has no header row"}
	}
	b := block{buf: buf, cells: row, unescape: unescapeCSV}
	for i, c := range row {
		name := b.text(c)
		if bad := max(invalidUTF8(name), bytes.IndexByte(name, 0)); bad >= 0 {
			return &Error{File: r.name, Line: r.line, Msg: fmt.Sprintf("name %d of the header is no UTF-8 text: byte 0x%02x in %s", i+1, name[bad], shorten(name))}
		}
		if bytes.IndexByte(name, '\r') >= 0 {
			return &Error{File: r.name, Line: r.line, Msg: "the header has a carriage return; end lines in LF or CR LF"}
		}
		r.names = append(r.names, string(name))
	}
	if err := checkNames(r.names); err != nil {
		return &Error{File: r.name, Line: r.line, Msg: fmt.Sprintf("the header is wrong: %v; rename the columns, or say header: false", err)}
	}
	r.line += int64(bytes.Count(buf[:next], newline))
	r.w.pos += next
	return nil
}
