package artifacts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// Placement says how an outside file gets into the store.
type Placement int

const (
	// Copied shares the blocks of the file where the file system can (copy on
	// write), and copies it elsewhere. The file stays the caller's.
	Copied Placement = iota
	// Linked makes a hard link where blocks cannot be shared: no time and no
	// space, but file and object are one from then on, and both read-only. A
	// change to the file would damage the object, which the next Open would
	// notice. On another file system than the store's it copies.
	Linked
	// Moved gives the file itself to the store where it has no other name and is
	// on the store's file system, and copies it elsewhere. The caller knows that
	// nobody writes to it any more, and does not use the path again.
	Moved
)

// errChanging is the reason of an error; the caller names the file.
var errChanging = errors.New("it changed while it was being read; wait until it is complete")

// Import stores an outside file as an artifact of one file. A file whose
// digest is known, because nothing changed since Fingerprint or Import, and
// whose bytes are stored, is not read again.
func (s *Store) Import(path string, t Type, format string, how Placement) (Ref, error) {
	if !t.Valid() {
		return Ref{}, fmt.Errorf("artifact type %q is unknown", t)
	}
	info, err := os.Stat(path)
	if err != nil {
		return Ref{}, fmt.Errorf("import: %w", err)
	}
	if !info.Mode().IsRegular() {
		return Ref{}, fmt.Errorf("import: %s is a %s and no file", path, info.Mode().Type())
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return Ref{}, fmt.Errorf("import: %w", err)
	}
	file := outsideFile{path: abs, id: identify(info)}
	if err := s.importFile(&file, how); err != nil {
		return Ref{}, fmt.Errorf("import %s: %w", path, err)
	}
	return Ref{Type: t, Format: format, Digest: file.digest, Size: file.id.size}, nil
}

// ImportFolder stores the files below an outside folder as an artifact of
// several files, hidden ones included, as far as keep wants them (nil: all).
// Symbolic links are stored as what they lead to.
func (s *Store) ImportFolder(path string, t Type, keep Keep, how Placement) (Ref, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Ref{}, fmt.Errorf("import: %w", err)
	}
	files, links, err := listOutside(abs, keep)
	if err != nil {
		return Ref{}, fmt.Errorf("import: %w", err)
	}
	if links && how == Moved {
		how = Copied // what was moved under one path could not be read under the other
	}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range files {
		g.Go(func() error {
			if err := s.importFile(&files[i], how); err != nil {
				return fmt.Errorf("import %s: %w", files[i].path, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return Ref{}, err
	}
	list := make(folderList, len(files))
	for i, f := range files {
		list[i] = FolderFile{Path: f.rel, Digest: f.digest, Size: f.id.size}
		if f.mode&0o111 != 0 {
			list[i].Mode = ModeExecutable
		}
	}
	return s.commitManifest(t, list)
}

// importFile stores a file and fills in its digest.
func (s *Store) importFile(f *outsideFile, how Placement) error {
	if d, ok := s.stats.get(f.path, f.id); ok && s.Has(Ref{Type: File, Digest: d, Size: f.id.size}) {
		f.digest = d
		return nil
	}
	if how == Moved && s.moveSmall(f) {
		return nil
	}
	src, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer src.Close()
	before, err := src.Stat()
	if err != nil {
		return err
	}
	started := s.now()
	ref, err := s.place(src, before, how)
	if err != nil {
		return err
	}
	after, err := src.Stat()
	if how != Moved {
		after, err = os.Stat(f.path)
	}
	if err != nil {
		return err
	}
	// Not the whole identity: a new hard link changes the ctime.
	if contentIdentity(before) != contentIdentity(after) || ref.Size != after.Size() {
		return errChanging
	}
	f.id, f.digest = identify(after), ref.Digest
	if how != Moved && identify(before) == f.id {
		s.stats.put(f.path, f.id, f.digest, started)
	}
	return nil
}

// moveSmall makes a small file the object itself, with a read and a rename where
// a general file takes three times as many calls of the kernel: they are what
// many small files cost. It is false where the file is anything out of the
// ordinary; nothing but its mode has changed then.
func (s *Store) moveSmall(f *outsideFile) bool {
	if f.id.size >= blockSize {
		return false
	}
	b, err := takeSmall(f.path, f.id)
	if err != nil {
		return false
	}
	ref := Ref{Type: File, Digest: DigestOf(b), Size: f.id.size}
	if _, err := s.adopt(ref, f.path); err != nil {
		return false
	}
	f.digest = ref.Digest
	return true
}

// place makes an object of an open file, in the cheapest way that how allows.
func (s *Store) place(src *os.File, info fs.FileInfo, how Placement) (Ref, error) {
	temp := s.session.tempPath()
	if how == Moved && takeOver(temp, src, info) || s.share(temp, src, info.Size(), how) {
		defer os.Remove(temp) // gone already if it became the object
		return s.adoptShared(temp)
	}
	d := s.newDraft(File, "")
	defer d.Abort()
	d.expect(info.Size())
	if _, err := d.ReadFrom(src); err != nil {
		return Ref{}, err
	}
	return d.Commit()
}

// share makes temp a file with the blocks of src, if that can be had. Sharing
// the blocks of a small file saves less than trying costs.
func (s *Store) share(temp string, src *os.File, size int64, how Placement) bool {
	if size >= blockSize && !s.noReflink.Load() && s.clone(temp, src) {
		return true
	}
	return how == Linked && os.Link(src.Name(), temp) == nil && os.Chmod(temp, 0o444) == nil
}

// takeOver moves src to temp if nobody else has a name for it.
func takeOver(temp string, src *os.File, info fs.FileInfo) bool {
	named, err := os.Lstat(src.Name()) // not what a symbolic link leads to
	if err != nil || !os.SameFile(named, info) {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Nlink == 1 && src.Chmod(0o444) == nil && os.Rename(src.Name(), temp) == nil
}

func (s *Store) clone(temp string, src *os.File) bool {
	dst, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return false
	}
	err = reflink(dst, src)
	dst.Close()
	if err == nil {
		return true
	}
	os.Remove(temp)
	if !errors.Is(err, syscall.EXDEV) {
		s.noReflink.Store(true) // the store's file system cannot
	}
	return false
}

func (s *Store) adoptShared(temp string) (Ref, error) {
	f, err := os.Open(temp)
	if err != nil {
		return Ref{}, err
	}
	defer f.Close()
	ref := Ref{Type: File}
	if ref.Digest, ref.Size, err = hashReader(f); err != nil {
		return Ref{}, err
	}
	if ref.Size >= blockSize { // small ones are flushed together: see Flush
		if err := f.Sync(); err != nil {
			return Ref{}, noSpace(s.dir, temp, ref.Size, err)
		}
	}
	_, err = s.adopt(ref, temp)
	return ref, err
}
