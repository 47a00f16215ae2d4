package artifacts

import (
	"os"
	"path/filepath"
	"sync"
)

// leases tell the collector of another process what this one relies on: a
// result that was looked up, or an object that was committed but is in no
// record yet. They are lines in the session's folder and count for as long as
// the session lives.
//
// The collector holds the gc lock exclusively from reading the leases to the
// last removal. A lease is therefore written, and the thing it protects is
// looked for, within one hold of the shared gc lock.
type leases struct {
	gc   *sharedLock
	mu   sync.Mutex
	file *os.File
	held map[string]bool
	line []byte
}

const leasesFile = "leases"

const (
	leaseKey    = "key"
	leaseObject = "object"
	leaseFolder = "folder"
)

func openLeases(sessionDir string, gc *sharedLock) (*leases, error) {
	path := filepath.Join(sessionDir, leasesFile)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return nil, err
	}
	return &leases{gc: gc, file: f, held: make(map[string]bool)}, nil
}

// take leases what hex names. The caller holds the shared gc lock.
func (l *leases) take(kind, hex string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[hex] {
		return
	}
	l.line = append(l.line[:0], kind...)
	l.line = append(l.line, ' ')
	l.line = append(l.line, hex...)
	l.line = append(l.line, '\n')
	if _, err := l.file.Write(l.line); err != nil {
		// Most likely the disk is full, which is just when somebody calls the
		// collector. It must not take what could not be leased: keep the shared
		// lock until this process ends, so that the collector waits.
		_ = l.gc.acquire()
	}
	l.held[hex] = true
}

func (l *leases) takeRef(ref Ref) {
	if ref.IsFolder() {
		l.take(leaseFolder, string(ref.Digest))
	} else {
		l.take(leaseObject, string(ref.Digest))
	}
}

func (l *leases) close() { l.file.Close() }
