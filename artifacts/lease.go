package artifacts

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// leases tell the collector of another process what this one relies on: a
// result that was looked up, or an object that was committed but is in no
// record yet. They are lines in the session's folder and count for as long as
// the session lives.
//
// A lease is taken, and the thing it protects is looked for, within one hold
// of the shared gcLock, which writes the leases before it lets the collector in.
type leases struct {
	mu      sync.Mutex
	path    string
	file    *os.File // nil until there is something to write, which in a short run never is
	held    map[string]bool
	pending []byte
}

const leasesFile = "leases"

const (
	leaseKey    = "key"
	leaseObject = "object"
	leaseFolder = "folder"
)

func newLeases(sessionDir string) *leases {
	return &leases{path: filepath.Join(sessionDir, leasesFile), held: make(map[string]bool)}
}

// take leases what hex names. The caller holds the shared gcLock.
func (l *leases) take(kind, hex string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(kind, hex)
}

// takeKeys is take for the keys of records.
func (l *leases) takeKeys(records []Seen) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range records {
		l.add(leaseKey, string(records[i].Key))
	}
}

func (l *leases) add(kind, hex string) {
	if l.held[hex] {
		return
	}
	l.held[hex] = true
	l.pending = append(l.pending, kind...)
	l.pending = append(l.pending, ' ')
	l.pending = append(l.pending, hex...)
	l.pending = append(l.pending, '\n')
}

func (l *leases) takeRef(ref Ref) {
	if ref.IsFolder() {
		l.take(leaseFolder, string(ref.Digest))
	} else {
		l.take(leaseObject, string(ref.Digest))
	}
}

// write makes the leases taken so far visible. When it cannot, most likely
// because the disk is full, which is just when somebody calls the collector,
// the caller must keep the collector out instead.
func (l *leases) write() (failed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pending) == 0 {
		return false
	}
	if l.file == nil {
		f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
		if err != nil {
			return true
		}
		l.file = f
	}
	n, err := l.file.Write(l.pending)
	l.pending = append(l.pending[:0], l.pending[n:]...)
	return err != nil
}

func (l *leases) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		l.file.Close()
	}
}

// readLeases returns what the live processes, this one included, rely on. The
// caller holds the gc lock exclusively.
func (s *Store) readLeases() (Roots, error) {
	var roots Roots
	sessions, err := os.ReadDir(filepath.Join(s.dir, tmpDir))
	if err != nil {
		return roots, err
	}
	for _, e := range sessions {
		dir := filepath.Join(s.dir, tmpDir, e.Name())
		if !sessionAlive(dir) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, leasesFile))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has just begun, or just ended
		}
		if err != nil {
			return roots, err
		}
		for line := range strings.Lines(string(b)) {
			kind, hex, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			switch kind {
			case leaseKey:
				roots.Keys = append(roots.Keys, Key(hex))
			case leaseObject:
				roots.Refs = append(roots.Refs, Ref{Digest: Digest(hex)})
			case leaseFolder:
				roots.Refs = append(roots.Refs, Ref{Digest: Digest(hex), Format: FolderFormat})
			}
		}
	}
	return roots, nil
}
