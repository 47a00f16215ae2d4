package table

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// rowScanner finds the cells of whole rows; there is one for CSV and one for JSON
// Lines. See csvScanner.scan for what it returns.
type rowScanner interface {
	scan(b *block, buf []byte, eof bool, most int) (used int, open openField, fault *scanFault)
}

// openField is where a field begins that the bytes at hand do not finish.
type openField struct{ off, field int }

// blockBytes is the read granularity. The bytes and the cells of a block stay in the
// second-level cache between being scanned and being parsed.
const blockBytes = 128 << 10

// textReader reads CSV and JSON Lines: blocks of cells in, record batches out.
type textReader struct {
	name    string
	o       Options
	closer  io.Closer
	w       window
	scanner rowScanner
	names   []string
	columns []column
	schema  *arrow.Schema

	b     block
	next  int   // row of b that is not in a batch yet
	row   int64 // rows before b
	line  int64 // line number of the first byte of b
	err   error
	batch arrow.RecordBatch
}

func (r *textReader) Schema() *arrow.Schema { return r.schema }
func (r *textReader) Rows() int64           { return -1 }

func (r *textReader) Close() error {
	r.release()
	if r.err == nil {
		r.err = errClosed
	}
	if r.closer == nil {
		return nil
	}
	c := r.closer
	r.closer = nil
	return c.Close()
}

func (r *textReader) release() {
	if r.batch != nil {
		r.batch.Release()
		r.batch = nil
	}
}

// Next parses blocks until the batch is full in rows or bytes.
func (r *textReader) Next() (arrow.RecordBatch, error) {
	r.release()
	if r.err != nil {
		return nil, r.err
	}
	rows, size := 0, int64(0)
	for rows < r.o.BatchRows && size < r.o.BatchBytes {
		if r.next == r.b.rows {
			if err := r.readBlock(blockBytes, blockBytes/2); err != nil {
				r.err = err
				return nil, err
			}
			if r.b.rows == 0 {
				break
			}
		}
		n := min(r.b.rows-r.next, r.o.BatchRows-rows)
		if err := r.parse(r.next, r.next+n); err != nil {
			r.err = err
			return nil, err
		}
		r.next += n
		rows += n
		size = r.size()
	}
	if rows == 0 {
		r.err = io.EOF
		return nil, io.EOF
	}
	r.batch = r.finish(int64(rows))
	return r.batch, nil
}

func (r *textReader) parse(from, to int) error {
	for i, c := range r.columns {
		if bad, msg := c.append(&r.b, i, from, to); msg != "" {
			return r.errorAt(bad, i, int(r.b.at(bad, i).off), msg)
		}
	}
	return nil
}

func (r *textReader) size() (n int64) {
	for _, c := range r.columns {
		n += c.size()
	}
	return n
}

func (r *textReader) finish(rows int64) arrow.RecordBatch {
	columns := make([]arrow.Array, len(r.columns))
	for i, c := range r.columns {
		data := c.finish()
		columns[i] = array.MakeFromData(data)
		data.Release()
	}
	b := array.NewRecordBatch(r.schema, columns, rows)
	for _, c := range columns {
		c.Release()
	}
	return b
}

// readBlock replaces the block by the next rows: at most rows, and not many more than
// size bytes, yet at least one row unless the file has ended.
func (r *textReader) readBlock(size, rows int) error {
	r.row += int64(r.b.rows)
	r.line += int64(bytes.Count(r.b.buf, newline))
	r.b.buf, r.b.cells, r.b.rows, r.next = nil, r.b.cells[:0], 0, 0
	for want := size; ; want *= 2 {
		if err := r.w.fill(want); err != nil {
			return fmt.Errorf("%s: cannot be read after %d bytes: %w", r.name, r.w.base+int64(len(r.w.buf)), err)
		}
		buf := r.w.unread()
		eof := r.w.eof && len(buf) <= want
		buf = buf[:min(len(buf), want)]
		used, open, fault := r.scanner.scan(&r.b, buf, eof, rows)
		r.b.buf = buf[:used]
		if fault != nil {
			r.b.buf = buf
			err := r.errorAt(r.b.rows, fault.field, fault.off, fault.msg)
			if fault.name != "" {
				err.Column = fault.name
			}
			return err
		}
		if r.b.rows > 0 || eof {
			r.w.pos += used
			return r.checkText()
		}
		if len(buf)-open.off > int(r.o.FieldBytes)+size {
			r.b.buf = buf
			return r.errorAt(0, open.field, open.off, tooLong(int(r.o.FieldBytes)))
		}
		if want > maxWindow/2 {
			r.b.buf = buf
			return r.errorAt(0, -1, 0, fmt.Sprintf("the row is longer than %d bytes", maxWindow))
		}
	}
}

// maxWindow keeps offsets of cells within 32 bits.
const maxWindow = 1 << 31

var newline = []byte{'\n'}

// checkText refuses bytes that are no text. The block is checked as a whole, which is
// fast, and taken apart only to say where. The sample of JSON Lines, which has no
// columns yet, is checked when it has.
func (r *textReader) checkText() error {
	if r.b.cols == 0 || utf8.Valid(r.b.buf) && bytes.IndexByte(r.b.buf, 0) < 0 {
		return nil
	}
	for row := range r.b.rows {
		for col := range r.b.cols {
			c := r.b.at(row, col)
			v := r.b.buf[c.off:c.end]
			if i := bytes.IndexByte(v, 0); i >= 0 {
				return r.errorAt(row, col, int(c.off)+i, fmt.Sprintf("has a NUL byte at byte %d of the file; text has none, so the file may be damaged or UTF-16", r.offset(int(c.off)+i)))
			}
			if i := invalidUTF8(v); i >= 0 {
				return r.errorAt(row, col, int(c.off)+i, fmt.Sprintf("%s is not valid UTF-8: byte 0x%02x at byte %d of the file; convert the file to UTF-8",
					shorten(v), v[i], r.offset(int(c.off)+i)))
			}
		}
	}
	// Outside all cells: between the tokens of a JSON line.
	i := max(bytes.IndexByte(r.b.buf, 0), invalidUTF8(r.b.buf))
	return r.errorAt(-1, -1, i, fmt.Sprintf("byte 0x%02x at byte %d of the file is no text", r.b.buf[i], r.offset(i)))
}

// offset is that of a byte of the block in the file.
func (r *textReader) offset(i int) int64 { return r.w.base + int64(r.w.pos-len(r.b.buf)+i) }

func invalidUTF8(v []byte) int {
	for i := 0; i < len(v); {
		c, n := utf8.DecodeRune(v[i:])
		if c == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

func (r *textReader) lineAt(off int) int64 {
	return r.line + int64(bytes.Count(r.b.buf[:off], newline))
}

// errorAt places a mistake: row of the block and column, or -1 where there is none,
// and the offset in the block.
func (r *textReader) errorAt(row, col, off int, msg string) *Error {
	e := &Error{File: r.name, Line: r.lineAt(off), Msg: msg}
	if row >= 0 {
		e.Row = r.row + int64(row) + 1
	}
	if col >= 0 && col < len(r.names) {
		e.Column = r.names[col]
	}
	return e
}
