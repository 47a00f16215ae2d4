// Package filetree owns reading the files of a folder or of an archive in one
// way: in the order of their paths, within bounds, and never outside of it.
package filetree

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"pipe/artifacts/table"
)

// Options bound what is read.
type Options struct {
	Name     string                 // in messages; "" for the path
	MaxBytes int64                  // of a file, unpacked
	Keep     func(path string) bool // by slash-separated path; nil keeps all
}

// Tree is an open folder or archive. Close it.
type Tree struct {
	path    string
	name    string // in messages
	options Options
	close   func() error
	list    []entry // sorted by path; nil for a tar, which is read in its own order
}

type entry struct {
	path string
	size int64
	open func() (io.ReadCloser, error)
}

// File is a file of a tree. It is to be read before the next one is asked for.
type File struct {
	Path string // slash-separated, below the folder or in the archive
	tree *Tree
	entry
}

// maxFiles is more than any folder of training data has.
const maxFiles = 20_000_000

// Open opens a folder, a zip or a tar, which may be compressed with gzip, zstd,
// bzip2, lz4 or xz; the first bytes tell which. An archive with a path that is
// absolute or leads out of it with ".." is refused whole.
func Open(name string, o Options) (*Tree, error) {
	t := &Tree{path: name, name: cmp.Or(o.Name, name), options: o, close: func() error { return nil }}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return t, t.listFolder()
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	var magic [4]byte
	n, err := io.ReadFull(f, magic[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, f.Close())
	}
	if n == len(magic) && (string(magic[:]) == "PK\x03\x04" || string(magic[:]) == "PK\x05\x06") {
		t.close = f.Close
		if err := t.listZip(f, info.Size()); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return t, nil
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return t, t.listTar()
}

// Close closes the archive.
func (t *Tree) Close() error { return t.close() }

// Files gives the files in the order of their paths.
func (t *Tree) Files() iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		for _, e := range t.list {
			if !yield(File{e.path, t, e}, nil) {
				return
			}
		}
	}
}

// Read returns a file's bytes. One that is larger than the options allow, whatever
// the archive says of its size, is an error.
func (f File) Read() ([]byte, error) {
	r, err := f.open()
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", f.tree.name, f.Path, err)
	}
	defer r.Close()
	limit := f.tree.options.MaxBytes
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", f.tree.name, f.Path, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s: %s is larger than the %d bytes that a file may have", f.tree.name, f.Path, limit)
	}
	return b, nil
}

// add takes a file into the list if it is wanted. Hidden files, and those that
// macOS puts into archives, are not.
func (t *Tree) add(e entry) error {
	for part := range strings.SplitSeq(e.path, "/") {
		if strings.HasPrefix(part, ".") || part == "__MACOSX" {
			return nil
		}
	}
	if t.options.Keep != nil && !t.options.Keep(e.path) {
		return nil
	}
	if len(t.list) == maxFiles {
		return fmt.Errorf("%s has more than %d files", t.name, maxFiles)
	}
	t.list = append(t.list, e)
	return nil
}

// inside refuses a path that leads out of an archive.
func (t *Tree) inside(name string) (string, error) {
	clean := path.Clean(name)
	if !filepath.IsLocal(filepath.FromSlash(name)) || strings.Contains(name, "\\") || clean == "." {
		return "", fmt.Errorf("%s: the archive has a path that leads out of it: %q", t.name, name)
	}
	return clean, nil
}

func (t *Tree) sort() error {
	slices.SortStableFunc(t.list, func(a, b entry) int { return cmp.Compare(a.path, b.path) })
	for i := 1; i < len(t.list); i++ {
		if t.list[i].path == t.list[i-1].path {
			return fmt.Errorf("%s: the archive has two files %q", t.name, t.list[i].path)
		}
	}
	return nil
}

func (t *Tree) listFolder() error {
	root, err := os.OpenRoot(t.path) // a link cannot lead out of it
	if err != nil {
		return err
	}
	t.close = root.Close
	err = fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		return t.add(entry{path: p, open: func() (io.ReadCloser, error) { return root.Open(p) }})
	})
	if err == nil {
		err = t.sort()
	}
	if err != nil {
		return errors.Join(err, root.Close())
	}
	return nil
}

func (t *Tree) listZip(f io.ReaderAt, size int64) error {
	z, err := zip.NewReader(f, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	for _, m := range z.File {
		if m.FileInfo().IsDir() || !m.Mode().IsRegular() {
			continue
		}
		p, err := t.inside(m.Name)
		if err != nil {
			return err
		}
		if err := t.add(entry{path: p, size: int64(m.UncompressedSize64), open: m.Open}); err != nil {
			return err
		}
	}
	return t.sort()
}

// listTar unpacks a tar into memory file by file when it is read. So that files
// come in the order of their paths, a first pass notes where each begins.
func (t *Tree) listTar() error {
	names := 0
	err := t.eachTar(func(h *tar.Header, _ io.Reader) error {
		p, err := t.inside(h.Name)
		if err != nil {
			return err
		}
		names++
		return t.add(entry{path: p, size: h.Size})
	})
	if err != nil {
		return err
	}
	if names == 0 {
		return fmt.Errorf("%s is neither a folder, a zip nor a tar with files", t.name)
	}
	if err := t.sort(); err != nil {
		return err
	}
	return t.unpackTar()
}

// maxUnpacked bounds what a tar may hold in memory: its files come in any order
// and are wanted in that of their paths.
const maxUnpacked = 4 << 30

func (t *Tree) unpackTar() error {
	at := make(map[string]int, len(t.list))
	for i, e := range t.list {
		at[e.path] = i
	}
	var total int64
	return t.eachTar(func(h *tar.Header, r io.Reader) error {
		i, wanted := at[path.Clean(h.Name)]
		if !wanted {
			return nil
		}
		b, err := io.ReadAll(io.LimitReader(r, t.options.MaxBytes+1))
		if err != nil {
			return fmt.Errorf("%s: %s: %w", t.name, h.Name, err)
		}
		if total += int64(len(b)); total > maxUnpacked {
			return fmt.Errorf("%s holds more than %d bytes; unpack it into a folder", t.name, int64(maxUnpacked))
		}
		t.list[i].open = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(b))), nil }
		return nil
	})
}

func (t *Tree) eachTar(f func(*tar.Header, io.Reader) error) error {
	file, err := os.Open(t.path)
	if err != nil {
		return err
	}
	defer file.Close()
	plain, err := table.Uncompress(bufio.NewReaderSize(file, 1<<16))
	if err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	r := tar.NewReader(plain)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return fmt.Errorf("%s is neither a folder, a zip nor a whole tar: %w", t.name, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := f(h, r); err != nil {
			return err
		}
	}
}
