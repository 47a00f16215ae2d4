package table

import (
	"bufio"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// compression is a codec around a whole file.
type compression struct {
	name  string
	exts  []string
	magic string
	open  func(io.Reader) (io.ReadCloser, error)
	write func(io.Writer) (io.WriteCloser, error) // nil where this package only reads
}

// compressions are told apart by the first bytes of a file; the extension only strips
// the name on the way to the format. The magic of bzip2 goes on to the first block,
// since its first three bytes are letters that a text may begin with.
var compressions = []compression{
	{"gzip", []string{".gz", ".gzip"}, "\x1f\x8b\x08", func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) },
		func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }},
	{"zstd", []string{".zst", ".zstd"}, "\x28\xb5\x2f\xfd", openZstd,
		func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1)) }},
	{"bzip2", []string{".bz2"}, "BZh?\x31\x41\x59\x26\x53\x59", func(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(bzip2.NewReader(r)), nil }, nil},
	{"lz4", []string{".lz4"}, "\x04\x22\x4d\x18", func(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(lz4.NewReader(r)), nil }, nil},
	{"xz", []string{".xz"}, "\xfd7zXZ\x00", openXZ, nil},
}

func openZstd(r io.Reader) (io.ReadCloser, error) {
	// One goroutine decodes: the blocks of a frame depend on each other anyway. The
	// window is bounded so that a hostile frame cannot ask for gigabytes.
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(256<<20))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

func openXZ(r io.Reader) (io.ReadCloser, error) {
	d, err := xz.NewReader(r)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(d), nil
}

func (c *compression) matches(head []byte) bool {
	if len(head) < len(c.magic) {
		return false
	}
	for i := range len(c.magic) {
		if c.magic[i] != '?' && c.magic[i] != head[i] {
			return false
		}
	}
	return true
}

// decompressed reads the content of a compressed file; its errors name the codec.
type decompressed struct {
	c *compression
	r io.ReadCloser
}

func (d *decompressed) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("the %s data is damaged or cut short: %w", d.c.name, err)
	}
	return n, err
}

func (d *decompressed) Close() error { return d.r.Close() }

func compressionOf(head []byte) *compression {
	for i := range compressions {
		if compressions[i].matches(head) {
			return &compressions[i]
		}
	}
	return nil
}

func stripCompression(name string) (string, *compression) {
	ext := strings.ToLower(filepath.Ext(name))
	for i := range compressions {
		for _, e := range compressions[i].exts {
			if e == ext {
				return name[:len(name)-len(ext)], &compressions[i]
			}
		}
	}
	return name, nil
}

func compressionExtensions() []string {
	var all []string
	for _, c := range compressions {
		all = append(all, c.exts[0])
	}
	return all
}

// Uncompress gives what is inside a stream that one of the known codecs wrote,
// and any other stream as it is; the first bytes tell which.
func Uncompress(r *bufio.Reader) (io.ReadCloser, error) {
	const longestMagic = 10
	head, err := r.Peek(longestMagic)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	c := compressionOf(head)
	if c == nil {
		return io.NopCloser(r), nil
	}
	content, err := c.open(r)
	if err != nil {
		return nil, fmt.Errorf("the %s data is damaged or cut short: %w", c.name, err)
	}
	return &decompressed{c: c, r: content}, nil
}
