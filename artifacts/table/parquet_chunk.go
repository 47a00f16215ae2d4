package table

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// chunkReader reads the entries of one column chunk: their levels, and the values of
// those that have one.
type chunkReader struct {
	leaf  *fileLeaf
	name  string
	pages parquet.Pages
	total int64 // entries that the chunk has by the footer
	out   sink

	page     parquet.Page
	def, rep []byte // of the page's entries; empty where the level is always 0
	entries  int
	at       int // entry
	value    int // value of the page
	data     encoding.Values
	dict     parquet.Dictionary

	defs, reps []byte // of the entries read for the batch
	count      int

	seen    int64 // entries of all pages so far
	skipped error // of a page that was taken for empty
}

func (c *chunkReader) reset() {
	c.defs, c.reps, c.count = c.defs[:0], c.reps[:0], 0
	c.out.reset()
}

// read takes the entries of the next rows.
func (c *chunkReader) read(rows int) error {
	for rows > 0 || c.leaf.maxRep > 0 {
		if c.at == c.entries {
			err := c.nextPage()
			if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				if rows > 0 {
					return fmt.Errorf("%d rows are missing", rows)
				}
				return nil
			}
			if err != nil {
				return err
			}
			continue
		}
		to := min(c.entries, c.at+rows)
		if c.leaf.maxRep > 0 {
			if to, rows = c.rowsEnd(rows); to == c.at {
				return nil
			}
		} else {
			rows -= to - c.at
		}
		if err := c.take(to); err != nil {
			return err
		}
	}
	return nil
}

// rowsEnd finds the entry at which the row after the given number of rows begins, or
// the end of the page. A row begins with repetition level 0 and may go on in the next
// page.
func (c *chunkReader) rowsEnd(rows int) (end, left int) {
	for i := c.at; i < c.entries; i++ {
		if c.rep[i] == 0 {
			if rows == 0 {
				return i, 0
			}
			rows--
		}
	}
	return c.entries, rows
}

// take copies the entries up to one, and their values.
func (c *chunkReader) take(to int) error {
	values := to - c.at
	if c.leaf.maxDef > 0 {
		def := c.def[c.at:to]
		c.defs = append(c.defs, def...)
		values = 0
		for _, d := range def {
			if d > c.leaf.maxDef {
				return fmt.Errorf("a definition level is %d, the highest is %d", d, c.leaf.maxDef)
			}
			if d == c.leaf.maxDef {
				values++
			}
		}
	}
	if c.leaf.maxRep > 0 {
		for _, r := range c.rep[c.at:to] {
			if r > c.leaf.maxRep {
				return fmt.Errorf("a repetition level is %d, the highest is %d", r, c.leaf.maxRep)
			}
		}
		c.reps = append(c.reps, c.rep[c.at:to]...)
	}
	c.count += to - c.at
	c.at = to
	if values == 0 {
		return nil
	}
	from := c.value
	c.value += values
	if c.dict != nil {
		indexes := c.data.Int32()
		if c.value > len(indexes) {
			return fmt.Errorf("a page has %d values and needs more", len(indexes))
		}
		return c.out.lookup(c.dict, indexes[from:c.value])
	}
	return c.out.append(c.data, from, c.value)
}

func (c *chunkReader) nextPage() error {
	if c.page != nil {
		parquet.Release(c.page)
		c.page = nil
	}
	p, err := c.readPage()
	for tries := 0; c.leaf.maxRep > 0 && tries < 1000 && errors.Is(err, errPagePanic); tries++ {
		// The library panics on a page without entries, which pyarrow writes in version 2.
		// It has consumed the page by then. Whether the page was empty shows at the end.
		c.skipped = err
		p, err = c.readPage()
	}
	if err == io.EOF && c.skipped != nil && c.seen != c.total {
		return c.skipped
	}
	if err != nil {
		return err
	}
	c.page, c.data, c.dict = p, p.Data(), p.Dictionary()
	c.def, c.rep = p.DefinitionLevels(), p.RepetitionLevels()
	c.entries, c.at, c.value = int(p.NumValues()), 0, 0
	c.seen += int64(c.entries)
	if c.leaf.maxDef > 0 && len(c.def) != c.entries || c.leaf.maxRep > 0 && len(c.rep) != c.entries {
		return fmt.Errorf("a page of %d values has %d definition and %d repetition levels", c.entries, len(c.def), len(c.rep))
	}
	return nil
}

var errPagePanic = errors.New("a page cannot be decoded")

func (c *chunkReader) readPage() (p parquet.Page, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			p, err = nil, fmt.Errorf("%w: %v", errPagePanic, cause)
		}
	}()
	return c.pages.ReadPage()
}
