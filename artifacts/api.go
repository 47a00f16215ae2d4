// Package artifacts owns what stages produce: digests, the content-addressed
// object store under .pipe/, the records that say which key produced which
// outputs, and the fingerprints of files outside the store.
package artifacts

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"time"
)

var errPending = errors.New("artifacts: the store is being filled in")

type Store struct{}

func Open(dir string) (*Store, error) { return nil, errPending }

func (s *Store) Create(t Type, format string) (*Draft, error)          { return nil, errPending }
func (s *Store) CreateFolder(t Type) (*FolderDraft, error)             { return nil, errPending }
func (s *Store) Open(ref Ref) (*Object, error)                         { return nil, errPending }
func (s *Store) OpenFolder(ref Ref) (*Folder, error)                   { return nil, errPending }
func (s *Store) Has(ref Ref) bool                                      { return false }
func (s *Store) ReadAll(ref Ref) ([]byte, error)                       { return nil, errPending }
func (s *Store) PutBytes(t Type, format string, b []byte) (Ref, error) { return Ref{}, errPending }
func (s *Store) Lookup(k Key) (*Record, bool)                          { return nil, false }
func (s *Store) Record(k Key, r *Record) error                         { return errPending }
func (s *Store) LockKey(ctx context.Context, k Key) (unlock func(), err error) {
	return nil, errPending
}
func (s *Store) Fingerprint(path string) (Fingerprint, error) { return Fingerprint{}, errPending }
func (s *Store) Unchanged(fp Fingerprint) error               { return errPending }
func (s *Store) Close() error                                 { return nil }

// Draft is an artifact that is being written; io.Writer.
type Draft struct{}

func (d *Draft) Write(p []byte) (int, error) { return 0, errPending }
func (d *Draft) SetRows(n int64)             {}
func (d *Draft) Commit() (Ref, error)        { return Ref{}, errPending }
func (d *Draft) Abort()                      {}

// FolderDraft is an artifact of several files that is being written.
type FolderDraft struct{}

func (f *FolderDraft) Create(name string) (io.WriteCloser, error) { return nil, errPending }
func (f *FolderDraft) Add(name string, ref Ref) error             { return errPending }
func (f *FolderDraft) Commit() (Ref, error)                       { return Ref{}, errPending }
func (f *FolderDraft) Abort()                                     {}

// Object is a verified object opened for reading.
type Object struct{}

func (o *Object) Read(p []byte) (int, error)                   { return 0, errPending }
func (o *Object) ReadAt(p []byte, off int64) (int, error)      { return 0, errPending }
func (o *Object) Seek(offset int64, whence int) (int64, error) { return 0, errPending }
func (o *Object) Size() int64                                  { return 0 }
func (o *Object) Ref() Ref                                     { return Ref{} }
func (o *Object) Map() ([]byte, error)                         { return nil, errPending } // read-only mmap, valid until Close
func (o *Object) Close() error                                 { return nil }

// Folder is an opened artifact of several files; an fs.FS of verified files.
type Folder struct{}

type FolderFile struct {
	Path   string `json:"path"`
	Digest Digest `json:"digest"`
	Size   int64  `json:"size"`
	Mode   string `json:"mode,omitempty"` // "0755" for an executable
}

func (f *Folder) List() []FolderFile                      { return nil }
func (f *Folder) Open(name string) (fs.File, error)       { return nil, errPending } // fs.FS
func (f *Folder) OpenObject(name string) (*Object, error) { return nil, errPending }
func (f *Folder) Extract(dir string) error                { return errPending }

// Key is the hash of a complete description of a stage's work.
type Key Digest

type Record struct {
	Version     int             `json:"version"`
	Key         Key             `json:"key"`
	Kind        string          `json:"kind"`
	Outputs     map[string]Ref  `json:"outputs"`
	Metrics     json.RawMessage `json:"metrics,omitempty"`
	Log         *Ref            `json:"log,omitempty"`
	Started     time.Time       `json:"started"`
	Finished    time.Time       `json:"finished"`
	Description json.RawMessage `json:"description,omitempty"` // what the key hashed
}

type Fingerprint struct {
	Path   string `json:"path"`
	Digest Digest `json:"digest"`
	Size   int64  `json:"size"`
	Files  int    `json:"files"`
}

type CorruptError struct {
	Digest Digest
	Path   string
	Reason string
}

func (e *CorruptError) Error() string { return e.Reason }
