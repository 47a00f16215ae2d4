package artifacts

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// syncMode says when the bytes of a written file must be on the disk.
type syncMode int

const (
	// syncNow flushes before the file gets its name.
	syncNow syncMode = iota
	// syncNever leaves it to the kernel: for files whose loss or damage is
	// noticed and costs no more than making them again.
	syncNever
)

// writeFile gives path the content b in one step: readers see the old file or
// the new one.
func (s *Store) writeFile(path string, b []byte, perm fs.FileMode, mode syncMode) error {
	temp := s.session.tempPath()
	err := createSmall(temp, b, perm, mode)
	if err == nil {
		if err = renameInto(temp, path); err != nil {
			os.Remove(temp)
		}
	}
	if err != nil {
		return noSpace(s.dir, path, int64(len(b)), err)
	}
	if mode == syncNow {
		return syncFile(filepath.Dir(path))
	}
	return nil
}

// createSmall makes a new file of b and leaves none where it fails. It does without
// the os.File, of whose system calls every other one asks whether a file can be
// waited for, as a socket can.
func createSmall(path string, b []byte, perm fs.FileMode, mode syncMode) error {
	fd, err := ignoringEINTR(func() (int, error) {
		return syscall.Open(path, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_EXCL|syscall.O_CLOEXEC, uint32(perm))
	})
	if err != nil {
		return &os.PathError{Op: "create", Path: path, Err: err}
	}
	for err == nil && len(b) > 0 {
		var n int
		n, err = ignoringEINTR(func() (int, error) { return syscall.Write(fd, b) })
		b = b[max(n, 0):]
	}
	if err == nil && mode == syncNow {
		_, err = ignoringEINTR(func() (int, error) { return 0, syscall.Fsync(fd) })
	}
	if cerr := syscall.Close(fd); err == nil && cerr != syscall.EINTR {
		err = cerr
	}
	if err != nil {
		os.Remove(path)
		return &os.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}

// renameInto renames and makes the folder of the new name if need be, which is
// at most once for each of the 256 folders of a store. os.Rename would ask for
// the new name first, to say more of a folder in its place; that is a third of
// the time where thousands of files are renamed.
func renameInto(from, to string) error {
	err := rename(from, to)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Mkdir(filepath.Dir(to), 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			return err
		}
	}
	return rename(from, to)
}

func rename(from, to string) error {
	_, err := ignoringEINTR(func() (int, error) { return 0, syscall.Rename(from, to) })
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}
