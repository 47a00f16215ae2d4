package artifacts

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Object is an object opened for reading. Its bytes have been hashed by this
// process and are those that its digest names; of OpenAhead, that is so once
// Checked says it. ReadAt may be called by several goroutines at once; Read and
// Seek belong to one.
type Object struct {
	*io.SectionReader // Read, ReadAt, Seek, Size

	ref     Ref
	file    *os.File
	verdict func() error // waits for a check that goes on; nil when it is done

	mapOnce sync.Once
	mapped  []byte
	mapErr  error
}

// Open opens an artifact's object after checking its bytes against the digest.
// That is done once per object and process, so only the first Open reads it
// all. The error is a *MissingError or a *CorruptError where the store cannot
// give the bytes. For a folder, Open gives the manifest; see OpenFolder.
func (s *Store) Open(ref Ref) (*Object, error) {
	o, err := s.open(ref)
	if err != nil {
		return nil, err
	}
	if err := s.check(o.file, ref.Digest, ref.Size); err != nil {
		o.file.Close()
		return nil, err
	}
	return o, nil
}

// OpenAhead is Open for a reader that can take its work back: the bytes of a
// large object are checked while they are being read. Whoever uses them must
// ask Checked before anything made of them is kept.
func (s *Store) OpenAhead(ref Ref) (*Object, error) {
	if ref.Size <= blockSize {
		return s.Open(ref)
	}
	o, err := s.open(ref)
	if err != nil {
		return nil, err
	}
	verdict := make(chan error, 1)
	go func() { verdict <- s.check(o.file, ref.Digest, ref.Size) }()
	o.verdict = sync.OnceValue(func() error { return <-verdict })
	return o, nil
}

// Checked waits until the bytes have been checked; its errors are Open's.
func (o *Object) Checked() error {
	if o.verdict == nil {
		return nil
	}
	return o.verdict()
}

func (s *Store) open(ref Ref) (*Object, error) {
	if err := ref.Validate(); err != nil {
		return nil, err
	}
	if err := s.gcLock.acquire(); err != nil {
		return nil, err
	}
	s.leases.takeRef(ref)
	f, err := s.openFile(ref.Digest)
	s.gcLock.release()
	if err != nil {
		return nil, err
	}
	return &Object{SectionReader: io.NewSectionReader(f, 0, ref.Size), ref: ref, file: f}, nil
}

func (s *Store) openFile(d Digest) (*os.File, error) {
	f, err := os.OpenFile(s.objectPath(d), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, &MissingError{Digest: d}
	case errors.Is(err, syscall.ELOOP):
		// Objects are files that this package made. A link in their place was
		// put there by somebody else and may lead anywhere.
		return nil, s.quarantine(d, nil, "a symbolic link is in its place")
	}
	return nil, fmt.Errorf("open object: %w", err)
}

// check hashes the file of an object unless this process has done so since the
// file last changed.
func (s *Store) check(f *os.File, d Digest, size int64) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open object: %w", err)
	}
	if !info.Mode().IsRegular() {
		return s.quarantine(d, info, fmt.Sprintf("a %s is in its place", info.Mode().Type()))
	}
	if info.Size() != size {
		return s.quarantine(d, info, fmt.Sprintf("it has %d bytes and should have %d", info.Size(), size))
	}
	if s.isVerified(d, info) {
		return nil
	}
	got, _, err := hashReader(io.NewSectionReader(f, 0, size))
	if errors.Is(err, syscall.EIO) {
		return s.quarantine(d, info, "the disk cannot read it: "+err.Error())
	}
	if err != nil {
		return fmt.Errorf("verify object %s: %w", d, err)
	}
	if got != d {
		return s.quarantine(d, info, "its bytes have the digest "+string(got))
	}
	s.setVerified(d, info)
	return nil
}

// contentIdentity leaves the ctime out: a hard link to an object changes it,
// and says nothing about the bytes.
func contentIdentity(info fs.FileInfo) identity {
	id := identify(info)
	id.ctime = 0
	return id
}

func (s *Store) isVerified(d Digest, info fs.FileInfo) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.verified[d]
	return ok && id == contentIdentity(info)
}

func (s *Store) setVerified(d Digest, info fs.FileInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verified[d] = contentIdentity(info)
}

// quarantine moves a damaged object out of the way and returns the error to
// report. The file stays for whoever wants to know what happened to it. When
// info is given, a file that has since been replaced by a good one stays.
func (s *Store) quarantine(d Digest, info fs.FileInfo, reason string) *CorruptError {
	s.mu.Lock()
	delete(s.verified, d)
	delete(s.manifests, d)
	s.mu.Unlock()

	e := &CorruptError{Digest: d, Reason: reason}
	path := s.objectPath(d)
	if now, err := os.Lstat(path); err != nil || info != nil && !os.SameFile(now, info) {
		return e
	}
	to := filepath.Join(s.dir, quarantineDir, string(d))
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return e
	}
	// An older damaged file of the same name tells nothing that this one does
	// not, and is replaced; unless it is a folder, which cannot be.
	_ = os.RemoveAll(to)
	if err := os.Rename(path, to); err == nil {
		e.Quarantined = to
	}
	return e
}

// Has reports whether the store has the artifact, going by file names and
// sizes alone: for a folder, its manifest and all of its files.
func (s *Store) Has(ref Ref) bool {
	if ref.Validate() != nil || s.gcLock.acquire() != nil {
		return false
	}
	defer s.gcLock.release()
	s.leases.takeRef(ref)
	return s.present(ref, nil)
}

// present is Has without a lease. With newer, objects that have changed since a
// record was written are hashed.
func (s *Store) present(ref Ref, newer *sounding) bool {
	if !s.hasSound(ref.Digest, ref.Size, newer) {
		return false
	}
	if !ref.IsFolder() {
		return true
	}
	files, err := s.manifest(ref)
	if err != nil {
		return false
	}
	for _, f := range files {
		if !s.hasSound(f.Digest, f.Size, newer) {
			return false
		}
	}
	return true
}

func (s *Store) hasObject(d Digest, size int64) bool { return s.hasSound(d, size, nil) }

func (s *Store) hasSound(d Digest, size int64, newer *sounding) bool {
	var st syscall.Stat_t
	if err := lstat(s.objectPath(d), &st); err != nil {
		return false
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFREG || st.Size != size {
		return false
	}
	if newer == nil || !modTime(&st).After(newer.since) {
		return true
	}
	newer.any = true
	f, err := s.openFile(d)
	if err != nil {
		return false
	}
	defer f.Close()
	return s.check(f, d, size) == nil
}

// lstat is syscall.Lstat without os.FileInfo's allocations: a run that has
// nothing to do consists of little else.
func lstat(path string, st *syscall.Stat_t) error {
	for {
		if err := syscall.Lstat(path, st); err != syscall.EINTR {
			return err
		}
	}
}

// Ref returns the reference that the object was opened with.
func (o *Object) Ref() Ref { return o.ref }

// Map returns the object's bytes as read-only memory that the kernel reads on
// demand. They are valid until Close; writing to them is a fault.
func (o *Object) Map() ([]byte, error) {
	o.mapOnce.Do(func() {
		if o.ref.Size == 0 {
			return
		}
		o.mapped, o.mapErr = syscall.Mmap(int(o.file.Fd()), 0, int(o.ref.Size), syscall.PROT_READ, syscall.MAP_SHARED)
		if o.mapErr != nil {
			o.mapErr = fmt.Errorf("map object %s: %w", o.ref.Digest, o.mapErr)
		}
	})
	return o.mapped, o.mapErr
}

// Close gives the file and the mapped memory back. Of OpenAhead it waits for the
// check, and its error is that of the check if there is one.
func (o *Object) Close() error {
	err := o.Checked()
	if o.mapped != nil {
		err = errors.Join(err, syscall.Munmap(o.mapped))
		o.mapped = nil
	}
	if cerr := o.file.Close(); err == nil {
		err = cerr
	}
	return err
}

// ReadAll returns the bytes of an artifact of one file, checked against its
// digest. It is for small ones: metrics, descriptions, manifests.
func (s *Store) ReadAll(ref Ref) ([]byte, error) {
	o, err := s.Open(ref)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	return readFull(o, ref)
}

// readObject is ReadAll without a lease, for callers that have one.
func (s *Store) readObject(ref Ref) ([]byte, error) {
	f, err := s.openFile(ref.Digest)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := s.check(f, ref.Digest, ref.Size); err != nil {
		return nil, err
	}
	return readFull(f, ref)
}

func readFull(r io.Reader, ref Ref) ([]byte, error) {
	b := make([]byte, ref.Size)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("read object %s: %w", ref.Digest, err)
	}
	return b, nil
}
