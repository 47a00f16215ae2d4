package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// Bounds of what a Parquet file may claim. Writers stay far below: their pages have a
// megabyte.
const (
	footerLimit = 1 << 30
	pageLimit   = 1 << 30 // bytes after decompression
	valuesLimit = 1 << 26 // of a page
	widthLimit  = 1 << 20 // of a FIXED_LEN_BYTE_ARRAY
)

// checkFooter walks the footer before the library decodes it.
func checkFooter(ra io.ReaderAt, size int64) error {
	const tail = 8
	if size < 4+tail {
		return io.ErrUnexpectedEOF
	}
	var end [tail]byte
	if _, err := ra.ReadAt(end[:], size-tail); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if string(end[4:]) != parquetMagic {
		return fmt.Errorf("it does not end in %s", parquetMagic)
	}
	n := int64(binary.LittleEndian.Uint32(end[:]))
	if n > size-4-tail || n > footerLimit {
		return fmt.Errorf("its footer of %d bytes is longer than the file", n)
	}
	footer := make([]byte, n)
	if _, err := ra.ReadAt(footer, size-tail-n); err != nil {
		return err
	}
	t := &thriftReader{b: footer}
	if !t.structure(0, nil) {
		return errors.New("its footer is no sound Thrift")
	}
	return nil
}

// pageHead is what the checks need of a page header (PageHeader of parquet.thrift).
type pageHead struct {
	kind, raw, packed int64
	values            int64
	defs, reps        int64 // bytes of levels, which are not compressed in version 2
	unpacked          bool  // version 2 says that the page is not compressed
}

func (t *thriftReader) pageHead() (h pageHead, ok bool) {
	number := func(dst *int64) bool {
		v, ok := t.int()
		*dst = v
		return ok
	}
	inner := func(id int64, typ byte) bool {
		switch {
		case id == 1 && typ == 5:
			return number(&h.values)
		case id == 5 && typ == 5:
			return number(&h.defs)
		case id == 6 && typ == 5:
			return number(&h.reps)
		case id == 7:
			h.unpacked = typ == thriftFalse
		}
		return false
	}
	ok = t.structure(0, func(id int64, typ byte) bool {
		switch {
		case id == 1 && typ == 5:
			return number(&h.kind)
		case id == 2 && typ == 5:
			return number(&h.raw)
		case id == 3 && typ == 5:
			return number(&h.packed)
		case (id == 5 || id == 7) && typ == thriftStruct:
			return t.structure(1, func(id int64, typ byte) bool { return id == 1 && inner(id, typ) })
		case id == 8 && typ == thriftStruct:
			return t.structure(1, inner)
		}
		return false
	})
	return h, ok
}

// checkChunk walks the page headers of a column chunk before the library decodes its
// pages.
func checkChunk(ra io.ReaderAt, size int64, m *format.ColumnMetaData) error {
	at := m.DataPageOffset
	if d := m.DictionaryPageOffset; d > 0 {
		at = d
	}
	if at < 4 || m.TotalCompressedSize < 0 || at > size || m.TotalCompressedSize > size-at {
		return fmt.Errorf("its pages are at %d+%d in a file of %d bytes", at, m.TotalCompressedSize, size)
	}
	end := at + m.TotalCompressedSize
	head := make([]byte, 256)
	for at < end {
		h, n, err := readPageHead(ra, at, end, &head)
		if err != nil {
			return err
		}
		at += int64(n)
		switch {
		case h.packed < 0 || h.packed > end-at:
			return fmt.Errorf("a page has %d bytes, %d are left", h.packed, end-at)
		case h.raw < 0 || h.raw > pageLimit:
			return fmt.Errorf("a page claims %d bytes, the limit is %d", h.raw, pageLimit)
		case h.values < 0 || h.values > valuesLimit:
			return fmt.Errorf("a page claims %d values, the limit is %d", h.values, valuesLimit)
		case m.Codec == format.Uncompressed && h.raw > h.packed:
			return fmt.Errorf("a page that is not compressed has %d bytes of %d", h.packed, h.raw)
		case m.Codec == format.Lz4Raw:
			if err := checkLZ4(ra, at, h); err != nil {
				return err
			}
		}
		at += h.packed
	}
	return nil
}

// readPageHead reads the header of the page at a place, which is as long as it is.
func readPageHead(ra io.ReaderAt, at, end int64, buf *[]byte) (pageHead, int, error) {
	for {
		b := (*buf)[:min(int64(len(*buf)), end-at)]
		if _, err := ra.ReadAt(b, at); err != nil && !errors.Is(err, io.EOF) {
			return pageHead{}, 0, err
		}
		t := &thriftReader{b: b}
		if h, ok := t.pageHead(); ok {
			return h, t.at, nil
		}
		if int64(len(b)) == end-at {
			return pageHead{}, 0, errors.New("a page header is no sound Thrift")
		}
		*buf = make([]byte, 4*len(*buf))
	}
}

// checkLZ4 unpacks a page on trial, for the library's decoder takes every mistake for a
// lack of room and doubles its buffer until there is no memory.
func checkLZ4(ra io.ReaderAt, at int64, h pageHead) error {
	levels := h.defs + h.reps
	if h.defs < 0 || h.reps < 0 || levels > h.packed || levels > h.raw {
		return fmt.Errorf("a page of %d bytes has %d bytes of levels", h.packed, levels)
	}
	if h.unpacked {
		return nil
	}
	src, dst := make([]byte, h.packed-levels), make([]byte, h.raw-levels)
	if _, err := ra.ReadAt(src, at+levels); err != nil {
		return err
	}
	_, err := lz4.UncompressBlock(src, dst)
	return err
}
