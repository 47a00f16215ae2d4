package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
)

// OpenFile opens the table at path. For text formats it reads the header and the
// sample from which types are inferred, so Schema is final when it returns.
func OpenFile(path string, o Options) (Reader, error) {
	// Before it is opened: that of a named pipe waits for a writer.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: is no regular file; a table is read from a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := openFile(f, path, o)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &ownedReader{Reader: r, owned: f}, nil
}

func openFile(f *os.File, path string, o Options) (Reader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return NewReader(f, info.Size(), path, o)
}

// ownedReader closes what was opened for a reader.
type ownedReader struct {
	Reader
	owned io.Closer
}

func (r *ownedReader) Close() error { return errors.Join(r.Reader.Close(), r.owned.Close()) }

func (r *ownedReader) project(columns []string) (Reader, error) {
	p, err := Project(r.Reader, columns)
	if err != nil {
		return nil, err
	}
	return &ownedReader{Reader: p, owned: r.owned}, nil
}

// NewReader reads the table in the first size bytes of f. The name stands for the
// file in errors and, where o.Format is empty and the first bytes do not tell, gives
// the format. f stays the caller's.
func NewReader(f io.ReaderAt, size int64, name string, o Options) (Reader, error) {
	r, err := newReader(f, size, name, o)
	if err != nil {
		return nil, err
	}
	return newAhead(r), nil
}

func newReader(f io.ReaderAt, size int64, name string, o Options) (Reader, error) {
	head, err := peek(f, size)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read: %w", name, err)
	}
	if c := compressionOf(head); c != nil {
		return openCompressed(c, io.NewSectionReader(f, 0, size), name, o)
	}
	if o.Format, err = formatFor(head, name, o.Format); err != nil {
		return nil, err
	}
	switch o.Format {
	case Parquet, Arrow:
		return openBinary(f, size, name, o)
	}
	return openText(io.NewSectionReader(f, 0, size), name, o)
}

func peek(f io.ReaderAt, size int64) ([]byte, error) {
	head := make([]byte, min(size, 16))
	n, err := f.ReadAt(head, 0)
	if errors.Is(err, io.EOF) && n == len(head) {
		err = nil
	}
	return head[:n], err
}

// formatFor settles the format by the first bytes, the options and the name.
func formatFor(head []byte, name string, asked Format) (Format, error) {
	var seen Format
	switch s := string(head); {
	case len(s) >= 4 && s[:4] == parquetMagic:
		seen = Parquet
	case len(s) >= 6 && s[:6] == arrowMagic:
		seen = Arrow
	}
	switch {
	case seen != "" && asked != "" && seen != asked:
		return "", fmt.Errorf("%s: is to be read as %s and begins like %s", name, asked, seen)
	case seen != "":
		return seen, nil
	case asked == "":
		return FormatOf(name)
	}
	return asked, nil
}

func openBinary(f io.ReaderAt, size int64, name string, o Options) (r Reader, err error) {
	if o.Format == Parquet {
		r, err = openParquet(f, size, name, o)
	} else {
		var a *arrowReader
		if a, err = openArrow(f, size, name); err == nil {
			a.most = int64(o.withDefaults().BatchRows)
			r = a
		}
	}
	if err != nil {
		return nil, err
	}
	if err := checkDeclared(name, o.Schema, r.Schema()); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func openText(src io.Reader, name string, o Options) (*textReader, error) {
	o = o.withDefaults()
	switch o.Format {
	case CSV, TSV:
		return openCSV(src, name, o)
	case JSONL:
		return openJSONL(src, name, o)
	}
	return nil, fmt.Errorf("%s: %q is no table format (known: %s %s %s %s %s)", name, o.Format, CSV, TSV, JSONL, Parquet, Arrow)
}

// openCompressed reads text as a stream. Parquet and Arrow need to be read at any
// offset, so they are unpacked into a temporary file that has no name any more.
func openCompressed(c *compression, src io.Reader, name string, o Options) (Reader, error) {
	content, err := c.open(src)
	if err != nil {
		return nil, fmt.Errorf("%s: the %s data is damaged or cut short: %w", name, c.name, err)
	}
	stream := &decompressed{c: c, r: content}
	r, err := openStream(stream, name, o)
	if err != nil {
		return nil, errors.Join(err, stream.Close())
	}
	return r, nil
}

func openStream(stream *decompressed, name string, o Options) (Reader, error) {
	head := make([]byte, 16)
	n, err := io.ReadFull(stream, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if o.Format, err = formatFor(head[:n], name, o.Format); err != nil {
		return nil, err
	}
	all := io.MultiReader(bytes.NewReader(head[:n]), stream)
	if o.Format != Parquet && o.Format != Arrow {
		r, err := openText(all, name, o)
		if err != nil {
			return nil, err
		}
		r.closer = stream
		return r, nil
	}
	f, size, err := spool(all)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be unpacked: %w", name, err)
	}
	r, err := openBinary(f, size, name, o)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &ownedReader{Reader: r, owned: f}, stream.Close()
}

// spool copies a stream into a temporary file without a name.
func spool(src io.Reader) (*os.File, int64, error) {
	f, err := os.CreateTemp("", "table-")
	if err != nil {
		return nil, 0, err
	}
	size, err := io.Copy(f, src)
	if err := errors.Join(err, os.Remove(f.Name())); err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, size, nil
}

// Sniff returns what OpenFile's Schema would be, and reads no more than the header
// and the sample.
func Sniff(path string, o Options) (*arrow.Schema, error) {
	r, err := OpenFile(path, o)
	if err != nil {
		return nil, err
	}
	return r.Schema(), r.Close()
}
