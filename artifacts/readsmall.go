package artifacts

import (
	"io"
	"os"
	"syscall"
)

// readSmall returns the content of a regular file of a few kilobytes, and what
// stat says of it. It does what os.ReadFile does without the os.File, whose
// set-up is half of the time when a thousand records are looked up.
func readSmall(path string) (b []byte, st syscall.Stat_t, err error) {
	fd, st, err := openSmall(path)
	if err != nil {
		return nil, st, err
	}
	defer syscall.Close(fd)
	b, err = readFd(fd, path, st.Size)
	return b, st, err
}

// takeSmall makes a small file read-only and returns its content. It is an
// error when the file is not the one that was listed as id, has another name as
// well, or changes while it is read.
func takeSmall(path string, id identity) ([]byte, error) {
	fd, st, err := openSmall(path)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	if st.Nlink != 1 || identifyStat(&st) != id {
		return nil, errChanging
	}
	if err := syscall.Fchmod(fd, 0o444); err != nil {
		return nil, &os.PathError{Op: "chmod", Path: path, Err: err}
	}
	b, err := readFd(fd, path, st.Size)
	if err != nil {
		return nil, err
	}
	if err := syscall.Fstat(fd, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	now := identifyStat(&st)
	if now.ctime = id.ctime; now != id { // the new mode has changed the ctime
		return nil, errChanging
	}
	return b, nil
}

// openSmall opens a regular file that is no symbolic link.
func openSmall(path string) (fd int, st syscall.Stat_t, err error) {
	fd, err = ignoringEINTR(func() (int, error) {
		return syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	})
	if err != nil {
		return -1, st, &os.PathError{Op: "open", Path: path, Err: err}
	}
	err = syscall.Fstat(fd, &st)
	if err != nil {
		err = &os.PathError{Op: "stat", Path: path, Err: err}
	} else if st.Mode&syscall.S_IFMT != syscall.S_IFREG {
		err = &os.PathError{Op: "read", Path: path, Err: syscall.EINVAL}
	}
	if err != nil {
		syscall.Close(fd)
	}
	return fd, st, err
}

// readFd reads size bytes; fewer are an error.
func readFd(fd int, path string, size int64) ([]byte, error) {
	b := make([]byte, size)
	for have := 0; have < len(b); {
		n, err := ignoringEINTR(func() (int, error) { return syscall.Read(fd, b[have:]) })
		if err == nil && n == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		}
		have += n
	}
	return b, nil
}

func ignoringEINTR(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != syscall.EINTR {
			return n, err
		}
	}
}
