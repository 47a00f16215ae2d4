package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// arrowFile reads the batches that the footer of an Arrow file lists. What stands
// between them need not be a stream: polars leaves the prefixes out.
type arrowFile struct {
	ra      io.ReaderAt
	file    *ipc.FileReader
	batches []fileBlock
	next    int
	last    arrow.RecordBatch
}

// fileBlock is where a message is in the file: struct Block of File.fbs.
type fileBlock struct{ offset, meta, body int64 }

const blockSize = 24

// newArrowFile verifies the footer and the dictionaries before the library reads them.
func newArrowFile(ra io.ReaderAt, size int64) (*arrowFile, error) {
	footer, end, err := readFooter(ra, size)
	if err != nil {
		return nil, err
	}
	f := &flatBuffer{b: footer}
	root, err := f.root(&fbFooter)
	if err != nil {
		return nil, err
	}
	for _, b := range f.blocks(root, 2) {
		if err := b.check(ra, end); err != nil {
			return nil, fmt.Errorf("a dictionary: %w", err)
		}
	}
	batches := f.blocks(root, 3)
	for _, b := range batches {
		if err := b.within(end); err != nil {
			return nil, err
		}
	}
	file, err := ipc.NewFileReader(io.NewSectionReader(ra, 0, size), ipc.WithBodySizeLimit(0), ipc.WithMetadataSizeLimit(0))
	if err != nil {
		return nil, err
	}
	return &arrowFile{ra: ra, file: file, batches: batches}, nil
}

// readFooter returns the footer and where it begins.
func readFooter(ra io.ReaderAt, size int64) ([]byte, int64, error) {
	tail := make([]byte, 4+len(arrowMagic))
	at := size - int64(len(tail))
	if at < int64(len(arrowMagic)) {
		return nil, 0, io.ErrUnexpectedEOF
	}
	if _, err := ra.ReadAt(tail, at); err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	if string(tail[4:]) != arrowMagic {
		return nil, 0, fmt.Errorf("it does not end in %s", arrowMagic)
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	if n > at-int64(len(arrowMagic)) {
		return nil, 0, fmt.Errorf("its footer of %d bytes is longer than the file", n)
	}
	footer := make([]byte, n)
	_, err := ra.ReadAt(footer, at-n)
	return footer, at - n, err
}

func (f *flatBuffer) blocks(footer, i int) []fileBlock {
	at, n := f.vector(footer, i)
	blocks := make([]fileBlock, n)
	for j := range blocks {
		b := at + blockSize*j
		blocks[j] = fileBlock{offset: f.int64At(b), meta: int64(int32(binary.LittleEndian.Uint32(f.b[b+8:]))), body: f.int64At(b + 16)}
	}
	return blocks
}

func (b fileBlock) within(end int64) error {
	if b.offset < 0 || b.meta < 8 || b.body < 0 || b.offset > end || b.meta > end-b.offset || b.body > end-b.offset-b.meta {
		return fmt.Errorf("a message is at %d+%d+%d in %d bytes", b.offset, b.meta, b.body, end)
	}
	return nil
}

// check verifies the message of a block.
func (b fileBlock) check(ra io.ReaderAt, end int64) error {
	if err := b.within(end); err != nil {
		return err
	}
	meta := make([]byte, b.meta)
	if _, err := ra.ReadAt(meta, b.offset); err != nil {
		return err
	}
	prefix := 4
	if binary.LittleEndian.Uint32(meta) == continuation {
		prefix = 8
	}
	f := &flatBuffer{b: meta[prefix:]}
	root, err := f.root(&fbMessage)
	if err != nil {
		return err
	}
	return checkMessage(f, root, io.NewSectionReader(ra, b.offset+b.meta, b.body), b.body)
}

// Read returns the next batch, which is valid until the next call.
func (f *arrowFile) Read() (arrow.RecordBatch, error) {
	f.drop()
	if f.next == len(f.batches) {
		return nil, io.EOF
	}
	b := f.batches[f.next]
	if err := b.check(f.ra, b.offset+b.meta+b.body); err != nil {
		return nil, err
	}
	var err error
	f.last, err = f.file.RecordBatchAt(f.next)
	f.next++
	return f.last, err
}

func (f *arrowFile) drop() {
	if f.last != nil {
		f.last.Release()
		f.last = nil
	}
}

// Release frees the last batch.
func (f *arrowFile) Release() { f.drop() }
