package artifacts

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// Folder is an artifact of several files, opened for reading. It is an fs.FS
// whose files are verified when they are opened, and may be used by several
// goroutines at once.
type Folder struct {
	store *Store
	ref   Ref
	files folderList
}

// OpenFolder opens an artifact of several files. Its error is that of Open for
// the manifest; files are looked for when they are opened.
func (s *Store) OpenFolder(ref Ref) (*Folder, error) {
	if !ref.IsFolder() {
		return nil, fmt.Errorf("artifact %s is a single file (%s) and no folder", ref.Digest.Short(), ref.Format)
	}
	if err := ref.Validate(); err != nil {
		return nil, err
	}
	if err := s.gcLock.acquire(); err != nil {
		return nil, err
	}
	defer s.gcLock.release()
	s.leases.takeRef(ref)
	files, err := s.manifest(ref)
	if err != nil {
		return nil, err
	}
	return &Folder{store: s, ref: ref, files: files}, nil
}

// manifest returns the files of a folder. It takes no lease: the caller has one,
// or is the collector.
func (s *Store) manifest(ref Ref) (folderList, error) {
	s.mu.Lock()
	files, ok := s.manifests[ref.Digest]
	s.mu.Unlock()
	if ok {
		return files, nil
	}
	b, err := s.readObject(ref)
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(b)
	if err != nil {
		// Its digest is right, so these are the bytes that somebody stored:
		// moving them away would repair nothing.
		return nil, fmt.Errorf("object %s is no folder: %w", ref.Digest, err)
	}
	s.mu.Lock()
	s.manifests[ref.Digest] = m.Files
	s.mu.Unlock()
	return m.Files, nil
}

// Ref returns the reference that the folder was opened with.
func (f *Folder) Ref() Ref { return f.ref }

// List returns the files, sorted by path.
func (f *Folder) List() []FolderFile { return slices.Clone(f.files) }

// Size returns the number of bytes in all files.
func (f *Folder) Size() int64 {
	var n int64
	for _, file := range f.files {
		n += file.Size
	}
	return n
}

// OpenObject opens the file of that name with everything an Object can do.
func (f *Folder) OpenObject(name string) (*Object, error) {
	i, ok := f.files.find(name)
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return f.openFile(f.files[i])
}

func (f *Folder) openFile(file FolderFile) (*Object, error) {
	o, err := f.store.Open(Ref{Type: f.ref.Type, Digest: file.Digest, Size: file.Size})
	if err != nil {
		return nil, fmt.Errorf("file %q of %s %s: %w", file.Path, f.ref.Type, f.ref.Digest.Short(), err)
	}
	return o, nil
}

// ReadFile returns the bytes of the file of that name; see fs.ReadFileFS.
func (f *Folder) ReadFile(name string) ([]byte, error) {
	o, err := f.OpenObject(name)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	b := make([]byte, o.Size())
	if _, err := io.ReadFull(o, b); err != nil {
		return nil, fmt.Errorf("read %q: %w", name, err)
	}
	return b, nil
}

// Open opens a file or a folder of the artifact; see fs.FS.
func (f *Folder) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if i, ok := f.files.find(name); ok {
		o, err := f.openFile(f.files[i])
		if err != nil {
			return nil, err
		}
		return &openedFile{Object: o, info: infoOf(f.files[i])}, nil
	}
	entries := f.entries(name)
	if entries == nil && name != "." {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &openedDir{name: name, entries: entries}, nil
}

// entries lists what is directly in the folder dir: sorted, as the files are,
// save that a/… comes where "a/" sorts and not where "a" does.
func (f *Folder) entries(dir string) []fs.DirEntry {
	prefix := dir + "/"
	if dir == "." {
		prefix = ""
	}
	start, _ := f.files.find(prefix)
	var out []fs.DirEntry
	for _, file := range f.files[start:] {
		rest, ok := strings.CutPrefix(file.Path, prefix)
		if !ok {
			break
		}
		info := infoOf(file)
		if sub, _, nested := strings.Cut(rest, "/"); nested {
			info = fileInfo{name: sub, mode: fs.ModeDir | 0o555}
		}
		if n := len(out); n == 0 || out[n-1].Name() != info.name {
			out = append(out, fs.FileInfoToDirEntry(info))
		}
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out
}

// fileInfo describes a file of an artifact, which has no times and no owner.
type fileInfo struct {
	name string
	size int64
	mode fs.FileMode
}

func infoOf(f FolderFile) fileInfo {
	info := fileInfo{name: path.Base(f.Path), size: f.Size, mode: 0o444}
	if f.Mode == ModeExecutable {
		info.mode = 0o555
	}
	return info
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) Mode() fs.FileMode  { return i.mode }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return i.mode.IsDir() }
func (i fileInfo) Sys() any           { return nil }

type openedFile struct {
	*Object
	info fileInfo
}

func (f *openedFile) Stat() (fs.FileInfo, error) { return f.info, nil }

// openedDir is a folder within a Folder; see fs.ReadDirFile.
type openedDir struct {
	name    string
	entries []fs.DirEntry
	next    int
}

func (d *openedDir) Stat() (fs.FileInfo, error) {
	return fileInfo{name: path.Base(d.name), mode: fs.ModeDir | 0o555}, nil
}

func (d *openedDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errors.New("is a folder")}
}

func (d *openedDir) Close() error { return nil }

func (d *openedDir) ReadDir(n int) ([]fs.DirEntry, error) {
	rest := d.entries[d.next:]
	if n <= 0 {
		d.next = len(d.entries)
		return slices.Clone(rest), nil
	}
	if len(rest) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(rest))
	d.next += n
	return slices.Clone(rest[:n]), nil
}
