package table

import "io"

// cell is where one value stands in the buffer of a text file. Scanners only find
// cells; columns parse them, a column at a time, straight into Arrow memory.
type cell struct {
	off, end uint32
	kind     cellKind
}

type cellKind uint8

const (
	cellNull    cellKind = iota // missing, or spelled as null
	cellBare                    // unquoted text of CSV; a number, true or false of JSON
	cellQuoted                  // between quotation marks, which are left out, and as it stands
	cellEscaped                 // like cellQuoted, but with escapes to resolve
	cellList                    // a JSON array, with its brackets
)

// kinds is a set of cellKind.
type kinds uint8

func (k kinds) has(c cellKind) bool { return k>>c&1 != 0 }

const (
	anyScalar   kinds = 1<<cellBare | 1<<cellQuoted | 1<<cellEscaped
	jsonNumber  kinds = 1 << cellBare
	jsonString  kinds = 1<<cellQuoted | 1<<cellEscaped
	jsonListing kinds = 1 << cellList
)

// block is a run of whole rows of a text file: its bytes and the cells found in them,
// row by row.
type block struct {
	buf   []byte
	cells []cell
	cols  int
	rows  int

	unescape func(dst, src []byte) []byte
	scratch  []byte
}

func (b *block) at(row, col int) cell { return b.cells[row*b.cols+col] }

// text returns the value of a cell with its escapes resolved. It is valid until the
// next call.
func (b *block) text(c cell) []byte {
	raw := b.buf[c.off:c.end]
	if c.kind != cellEscaped {
		return raw
	}
	b.scratch = b.unescape(b.scratch[:0], raw)
	return b.scratch
}

// window is the part of a stream that is in memory: buf[pos:] is not consumed yet.
type window struct {
	src  io.Reader
	buf  []byte
	pos  int
	eof  bool
	base int64 // offset in the stream of buf[0]
}

// unread is what is in memory and not consumed.
func (w *window) unread() []byte { return w.buf[w.pos:] }

// fill makes at least n unread bytes available, fewer only at the end of the stream.
// It moves what is unread to the front, so cells found earlier become invalid.
func (w *window) fill(n int) error {
	if len(w.unread()) >= n || w.eof {
		return nil
	}
	if w.pos > 0 {
		w.base += int64(w.pos)
		w.buf = w.buf[:copy(w.buf, w.buf[w.pos:])]
		w.pos = 0
	}
	if cap(w.buf) < n {
		grown := make([]byte, len(w.buf), n)
		copy(grown, w.buf)
		w.buf = grown
	}
	// Not io.ReadFull: it would take the io.ErrUnexpectedEOF of a truncated compressed
	// file for the end of the data.
	for idle := 0; len(w.buf) < n && !w.eof; {
		m, err := w.src.Read(w.buf[len(w.buf):n])
		w.buf = w.buf[:len(w.buf)+m]
		if idle++; m > 0 {
			idle = 0
		}
		switch {
		case err == io.EOF:
			w.eof = true
		case err != nil:
			return err
		case idle > 100:
			return io.ErrNoProgress
		}
	}
	return nil
}
