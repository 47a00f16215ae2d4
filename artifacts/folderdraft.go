package artifacts

import (
	"errors"
	"fmt"
	"io"
	"path"
	"sync"
)

// FolderDraft is an artifact of several files that is being written. Its files
// may be written by several goroutines at once.
type FolderDraft struct {
	store *Store
	typ   Type

	mu    sync.Mutex
	names map[string]bool
	open  map[string]*Draft
	files folderList
	err   error // sticky: a file that could not be written spoils the folder
	done  bool
}

// CreateFolder begins an artifact of several files. Each file becomes an
// object of its own, so that files which two folders share are stored once.
// Call Commit or Abort; Abort after Commit does nothing, so it can be deferred.
func (s *Store) CreateFolder(t Type) (*FolderDraft, error) {
	if !t.Valid() {
		return nil, fmt.Errorf("artifact type %q is unknown", t)
	}
	return &FolderDraft{store: s, typ: t, names: make(map[string]bool), open: make(map[string]*Draft)}, nil
}

// Create begins the file of that name, which is slash-separated and relative
// to the folder. Its Close ends the file; Commit refuses a folder with a file
// that is still open.
func (f *FolderDraft) Create(name string) (io.WriteCloser, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.claim(name); err != nil {
		return nil, err
	}
	d := f.store.newDraft(f.typ, "")
	f.open[name] = d
	return &folderFile{folder: f, name: name, draft: d}, nil
}

// Add puts an artifact that is already stored into the folder: a file under
// that name, or all files of another folder under that name.
func (f *FolderDraft) Add(name string, ref Ref) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	if !f.store.Has(ref) {
		return &MissingError{Digest: ref.Digest}
	}
	files := folderList{{Digest: ref.Digest, Size: ref.Size}}
	if ref.IsFolder() {
		sub, err := f.store.OpenFolder(ref)
		if err != nil {
			return err
		}
		files = sub.files
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, file := range files {
		file.Path = path.Join(name, file.Path)
		if err := checkName(name); err != nil {
			return err
		}
		if err := f.claim(file.Path); err != nil {
			return err
		}
		f.files = append(f.files, file)
	}
	return nil
}

// claim checks a name and takes it.
func (f *FolderDraft) claim(name string) error {
	if f.done {
		return errDraftDone
	}
	if err := checkName(name); err != nil {
		return err
	}
	if f.names[name] {
		return fmt.Errorf("file name %q: the folder has a file of that name", name)
	}
	f.names[name] = true
	return nil
}

// Commit writes the manifest and returns the artifact. After an error nothing
// but unreferenced files is left, which the collector removes.
func (f *FolderDraft) Commit() (Ref, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done {
		return Ref{}, errDraftDone
	}
	defer f.end()
	if f.err != nil {
		return Ref{}, f.err
	}
	if len(f.open) > 0 {
		return Ref{}, fmt.Errorf("commit of a folder: %d of its files are still open", len(f.open))
	}
	return f.store.commitManifest(f.typ, f.files)
}

func (s *Store) commitManifest(t Type, files folderList) (Ref, error) {
	b, err := encodeManifest(t, files)
	if err != nil {
		return Ref{}, err
	}
	d := s.newDraft(t, FolderFormat)
	d.buf = b
	ref, err := d.Commit()
	if err == nil {
		s.mu.Lock()
		s.manifests[ref.Digest] = files // sorted by encodeManifest
		s.mu.Unlock()
	}
	return ref, err
}

// Abort forgets the folder and ends the files that are still open.
func (f *FolderDraft) Abort() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.done {
		f.end()
	}
}

func (f *FolderDraft) end() {
	f.done = true
	for _, d := range f.open {
		d.Abort()
	}
}

// folderFile is one file of a FolderDraft.
type folderFile struct {
	folder *FolderDraft
	name   string
	draft  *Draft
	closed bool
}

func (w *folderFile) Write(p []byte) (int, error) { return w.draft.Write(p) }

func (w *folderFile) ReadFrom(r io.Reader) (int64, error) { return w.draft.ReadFrom(r) }

// Close commits the file's object.
func (w *folderFile) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	ref, err := w.draft.Commit()

	f := w.folder
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, w.name)
	if err != nil {
		err = fmt.Errorf("file %q: %w", w.name, err)
		f.err = errors.Join(f.err, err)
		return err
	}
	f.files = append(f.files, FolderFile{Path: w.name, Digest: ref.Digest, Size: ref.Size})
	return nil
}
