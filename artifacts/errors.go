package artifacts

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// ErrDamaged says that a folder's format cannot be told, so that it is not
// opened as a store.
var ErrDamaged = errors.New("the store is damaged")

// CorruptError says that stored bytes are not those that were stored. The
// object has been moved to Quarantined and counts as missing from then on, so
// that the next run makes it again.
type CorruptError struct {
	Digest      Digest // the object that was asked for
	Reason      string // what is wrong with it
	Quarantined string // where its file is now; empty if it could not be moved
}

func (e *CorruptError) Error() string {
	msg := fmt.Sprintf("object %s is damaged: %s", e.Digest, e.Reason)
	if e.Quarantined != "" {
		msg += "; it was moved to " + e.Quarantined + " and the next run makes it again"
	}
	return msg
}

// MissingError says that the store has no object with a digest. It matches
// fs.ErrNotExist.
type MissingError struct {
	Digest Digest
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("object %s is not in the store; run the stage that makes it again, or pull it", e.Digest)
}

// Is makes errors.Is(err, fs.ErrNotExist) true.
func (e *MissingError) Is(target error) bool { return target == fs.ErrNotExist }

// NoSpaceError says that the disk that holds the store is full. Nothing
// half-written is visible in the store, and the same call can be repeated once
// there is space. It matches syscall.ENOSPC, or EDQUOT where a quota is used up.
type NoSpaceError struct {
	Store   string // the store's folder
	Path    string // the file that was being written
	Written int64  // the bytes of it that were to be written so far: at least this much is needed
	Free    int64  // the bytes that are free; -1 if that is unknown
	Err     error
}

func (e *NoSpaceError) Error() string {
	msg := fmt.Sprintf("no space left on the disk of the store %s: writing %s needs at least %s", e.Store, e.Path, byteCount(e.Written))
	if e.Free >= 0 {
		msg += fmt.Sprintf(" and %s are free", byteCount(e.Free))
	}
	return msg + "; free some, for example with `pipe gc`, and run again"
}

func (e *NoSpaceError) Unwrap() error { return e.Err }

// noSpace turns the error of a write into a NoSpaceError if that is what it is.
func noSpace(store, path string, written int64, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &NoSpaceError{Store: store, Path: path, Written: written, Free: freeSpace(store), Err: err}
	}
	return err
}

// byteCount writes a size with the binary units of IEC 80000-13.
func byteCount(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/1024, 0
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	return fmt.Sprintf("%.1f %ciB", f, units[i])
}
