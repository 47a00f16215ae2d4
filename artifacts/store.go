// Package artifacts owns what stages produce: the digests that name it, the
// content-addressed store under .pipe/ that keeps it, the records that say
// which key produced which outputs, and the fingerprints of the files outside
// the store that stages read.
//
// A store is a folder:
//
//	format            "pipe-store 1": the version of everything below
//	objects/ab/cdef…  immutable bytes; the path is their SHA-256
//	keys/ab/cdef…     what the stage with that key produced (see Record)
//	stat              digests of outside files, by path and stat
//	records           what was last looked up, by key and stat
//	memos/            what callers can make anew (see Store.KeepMemo)
//	quarantine/       objects that were found damaged, kept for a look
//	locks/            locked files: sessions, gc, gc-turn, stat, records, keys
//	tmp/<session>/    a live process's unfinished files and leases
//
// Three rules keep it whole. An object is written to tmp/, hashed on the way
// and then renamed to its name, so that a name never stands for half of the
// bytes. A key's record is written after the objects
// that it names. And any doubt is a miss: a record or an object that is torn,
// damaged or absent is treated as if it had never been there, and the stage
// runs again.
package artifacts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Store is an open object store. It may be used by any number of goroutines,
// and its folder by any number of processes, at the same time.
type Store struct {
	dir     string
	now     func() time.Time
	session *session
	leases  *leases
	gcLock  *gcLock

	keyLocks keyLocks

	mu        sync.Mutex
	verified  map[Digest]identity   // objects whose bytes this process has hashed
	unflushed map[Digest]bool       // objects whose bytes or names may not be on the disk yet
	manifests map[Digest]folderList // parsed manifests: immutable, and asked for at each look-up
	sightings map[Key]sighting      // of the records that this process looked up or wrote

	temp      tempDirs
	stats     statCache
	records   recordCache
	noReflink atomic.Bool // a clone failed, and so would the next
}

const (
	objectsDir    = "objects"
	keysDir       = "keys"
	quarantineDir = "quarantine"
	locksDir      = "locks"
	tmpDir        = "tmp"
)

// Open opens the store in dir and creates it where there is none. What killed
// processes left in tmp/ is removed. The error says what to do when dir is no
// folder, cannot be written, or holds a store that a newer pipe wrote.
//
// Close the store to save the fingerprints of outside files. What was used or
// committed through it is kept from being collected until then, so a process
// that lives long opens the store once for each run.
func Open(dir string) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", dir, err)
	}
	if err := prepareDir(abs); err != nil {
		return nil, err
	}
	s := &Store{
		dir:       abs,
		now:       time.Now,
		verified:  make(map[Digest]identity),
		unflushed: make(map[Digest]bool),
		manifests: make(map[Digest]folderList),
		sightings: make(map[Key]sighting),
	}
	s.stats.path, s.records.path = filepath.Join(abs, "stat"), filepath.Join(abs, "records")
	if err := s.start(); err != nil {
		return nil, explainDir(abs, err)
	}
	return s, nil
}

// start takes a session and, in a new store, writes the format: last, because
// a folder with a format is a store.
func (s *Store) start() (err error) {
	if s.session, err = openSession(s.dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.session.close()
		}
	}()
	if err := s.writeFormat(); err != nil {
		return err
	}
	s.leases = newLeases(s.session.dir)
	if s.gcLock, err = openGCLock(s.dir); err != nil {
		return err
	}
	s.gcLock.beforeUnlock = s.leases.write
	return nil
}

// prepareDir checks what is at dir before anything is written there.
func prepareDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, syscall.ENOTDIR), err == nil && !info.IsDir():
		return fmt.Errorf("store %s: this is not a folder; move it away or choose another store", dir)
	case err != nil:
		return explainDir(dir, err)
	}
	if err := checkFormat(dir); err != nil {
		return err
	}
	for i, sub := range []string{"", objectsDir, keysDir, locksDir, tmpDir} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o777); err != nil {
			return explainDir(dir, err)
		}
		if i == 0 {
			spread(dir) // before the folders in it
		}
	}
	spread(filepath.Join(dir, tmpDir)) // each session's files, which stay where they were made
	return nil
}

// explainDir says in a person's words why the store's folder cannot be used.
func explainDir(dir string, err error) error {
	switch {
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("store %s: the file system is mounted read-only and the store must be writable: %w", dir, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("store %s: no permission to write there; make it writable for this user or choose another store: %w", dir, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return noSpace(dir, dir, 0, err)
	}
	return fmt.Errorf("store %s: %w", dir, err)
}

// Dir returns the absolute path of the store's folder.
func (s *Store) Dir() string { return s.dir }

// Close flushes what was committed to the disk, saves the fingerprints of
// outside files and gives up the session, so
// that this process no longer keeps objects from being collected. Drafts that
// are still open can no longer be committed.
func (s *Store) Close() error {
	err := s.Flush()
	for _, save := range []func() error{s.saveStats, s.saveRecords} {
		if serr := save(); err == nil {
			err = serr
		}
	}
	s.gcLock.close()
	s.keyLocks.close()
	s.leases.close()
	if serr := s.session.close(); err == nil {
		err = serr
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", s.dir, err)
	}
	return nil
}

func (s *Store) objectPath(d Digest) string {
	return s.dir + "/" + objectsDir + "/" + string(d[:2]) + "/" + string(d[2:])
}

func (s *Store) keyPath(k Key) string {
	return s.dir + "/" + keysDir + "/" + string(k[:2]) + "/" + string(k[2:])
}
