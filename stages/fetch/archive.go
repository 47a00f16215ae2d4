package fetch

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Limits keep an archive from filling the disk.
type Limits struct {
	Files int   // how many
	Bytes int64 // how many in all
	// Ratio is how many bytes may come of one, beyond the first Free ones.
	Ratio, Free int64
}

// DefaultLimits are generous to data and refuse bombs.
var DefaultLimits = Limits{Files: 1_000_000, Bytes: 1 << 40, Ratio: 250, Free: 64 << 20}

// Unpack writes the files of an archive (zip, tar, or tar compressed with gzip,
// bzip2, xz or zstd) below a folder. An archive that would write outside it, with
// links, with files that are none, or with more than the limits allow is refused.
// Where member is not "", only that file is written, and its path is the result.
func Unpack(archive, dir, member string, l Limits) (string, error) {
	f, err := os.Open(archive)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	u := &unpacker{root: root, limits: l, most: max(l.Free, info.Size()*l.Ratio), member: path.Clean(member)}
	if member == "" {
		u.member = ""
	}
	if err := u.unpack(f, info.Size()); err != nil && !errors.Is(err, errFound) {
		return "", err
	}
	if u.member != "" && !u.found {
		return "", fmt.Errorf("the archive has no file %q; it has %s", member, strings.Join(u.names, ", "))
	}
	return filepath.Join(dir, filepath.FromSlash(u.member)), nil
}

type unpacker struct {
	root   *os.Root
	limits Limits
	most   int64
	member string

	files int
	bytes int64
	found bool
	names []string // some, for a message
}

// errFound ends the reading of an archive when its member is here.
var errFound = errors.New("found")

func (u *unpacker) unpack(f *os.File, size int64) error {
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("it is no archive: %w", err)
	}
	head = head[:n]
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")) {
		return u.zip(f, size)
	}
	r, err := decompressed(bufio.NewReader(f), head)
	if err != nil {
		return err
	}
	return u.tar(r)
}

// decompressed takes off the compression of a tar, by its first bytes.
func decompressed(r io.Reader, head []byte) (io.Reader, error) {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return gzip.NewReader(r)
	case bytes.HasPrefix(head, []byte("BZh")):
		return bzip2.NewReader(r), nil
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		return xz.NewReader(r)
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		d, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(1<<30), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return r, nil
	}
	return nil, errors.New("it is no archive that can be unpacked: zip, tar, or tar with gzip, bzip2, xz or zstd")
}

func (u *unpacker) zip(f *os.File, size int64) error {
	r, err := zip.NewReader(f, size)
	if err != nil {
		return fmt.Errorf("read the zip: %w", err)
	}
	for _, file := range r.File {
		mode := file.Mode()
		if mode.IsDir() {
			continue
		}
		if err := u.check(file.Name, mode); err != nil {
			return err
		}
		if !u.wanted(file.Name) {
			continue
		}
		src, err := file.Open()
		if err != nil {
			return fmt.Errorf("read %q in the zip: %w", file.Name, err)
		}
		err = u.write(file.Name, src)
		src.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) tar(src io.Reader) error {
	r := tar.NewReader(&counted{r: src, u: u})
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the tar: %w", err)
		}
		switch h.Typeflag {
		case tar.TypeDir, tar.TypeXGlobalHeader:
			continue
		case tar.TypeReg:
		default:
			return fmt.Errorf("%q in the archive is a link or no file; such archives are refused", h.Name)
		}
		if err := u.check(h.Name, h.FileInfo().Mode()); err != nil {
			return err
		}
		if !u.wanted(h.Name) {
			continue
		}
		if err := u.write(h.Name, r); err != nil {
			return err
		}
	}
}

// counted counts what comes of a compressed tar, also of what is skipped.
type counted struct {
	r io.Reader
	u *unpacker
	n int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	if c.n += int64(n); c.n > c.u.most || c.n > c.u.limits.Bytes {
		return n, c.u.bomb()
	}
	return n, err
}

func (u *unpacker) bomb() error {
	return fmt.Errorf("the archive grows to more than %d bytes, %d times its size; it is refused as a bomb", min(u.most, u.limits.Bytes), u.limits.Ratio)
}

// check refuses names that lead out of the folder, and what is no file.
func (u *unpacker) check(name string, mode fs.FileMode) error {
	if u.files++; u.files > u.limits.Files {
		return fmt.Errorf("the archive has more than %d files", u.limits.Files)
	}
	if !mode.IsRegular() {
		return fmt.Errorf("%q in the archive is a link or no file; such archives are refused", name)
	}
	if !filepath.IsLocal(filepath.FromSlash(name)) || strings.Contains(name, "\\") || path.Clean(name) == "." {
		return fmt.Errorf("%q in the archive leads out of its folder; such archives are refused", name)
	}
	if len(u.names) < 10 {
		u.names = append(u.names, name)
	}
	return nil
}

func (u *unpacker) wanted(name string) bool { return u.member == "" || path.Clean(name) == u.member }

// write writes one file. The root keeps it inside whatever the name says.
func (u *unpacker) write(name string, src io.Reader) error {
	name = filepath.FromSlash(path.Clean(name))
	if err := u.root.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return fmt.Errorf("unpack %q: %w", name, err)
	}
	f, err := u.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return fmt.Errorf("unpack %q: %w", name, err)
	}
	left := min(u.most, u.limits.Bytes) - u.bytes
	n, err := io.Copy(f, io.LimitReader(src, left+1))
	u.bytes += n
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("unpack %q: %w", name, err)
	}
	if n > left {
		return u.bomb()
	}
	if u.member != "" {
		u.found = true
		return errFound
	}
	return nil
}
