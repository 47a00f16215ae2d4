package artifacts

import (
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// identity tells one state of one file from any other, as well as a stat can.
type identity struct {
	dev, ino uint64
	size     int64
	mtime    int64 // nanoseconds since 1970
	ctime    int64 // as mtime; no program can set it back
}

func identify(info fs.FileInfo) identity {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{size: info.Size(), mtime: info.ModTime().UnixNano(), ctime: info.ModTime().UnixNano()}
	}
	return identifyStat(st)
}

func identifyStat(st *syscall.Stat_t) identity {
	return identity{
		dev: uint64(st.Dev), ino: st.Ino, size: st.Size,
		mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(),
	}
}

// reflink makes dst share the blocks of src, copy on write (ioctl FICLONE:
// btrfs, XFS, bcachefs). It fails where the file system cannot.
func reflink(dst, src *os.File) error {
	return unix.IoctlFileClone(int(dst.Fd()), int(src.Fd()))
}

// syncAll flushes everything that was written to the file system of dir: one
// wait for thousands of small files instead of one for each.
func syncAll(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return &os.PathError{Op: "syncfs", Path: dir, Err: err}
	}
	return nil
}

// startWriteback asks the kernel to begin writing what is in the page cache,
// so that the flush at the end finds little left to do. It is a hint.
func startWriteback(f *os.File, offset, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, n, unix.SYNC_FILE_RANGE_WRITE)
}

// freeSpace returns the bytes that an ordinary user can still write to the
// file system of path, or -1.
func freeSpace(path string) int64 {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return -1
	}
	return int64(st.Bavail) * st.Bsize
}

// modTime returns the modification time in a stat.
func modTime(st *syscall.Stat_t) time.Time { return time.Unix(st.Mtim.Unix()) }

// spread asks the file system to make each new folder in dir as far from the
// others as if it were the first of a tree of its own (chattr +T: the ext
// family; others decline). ext4 looks for a free inode from the start of the group of blocks that
// a folder is in, past all that were removed there in the last minutes, so where a build or another
// store was removed nearby, a new file can take ten times as long as elsewhere.
// It is a hint.
func spread(dir string) {
	fd, err := ignoringEINTR(func() (int, error) {
		return syscall.Open(dir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	})
	if err != nil {
		return
	}
	defer syscall.Close(fd)
	flags, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	if err == nil && flags&topDir == 0 {
		_ = unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, int(flags|topDir))
	}
}

// topDir is FS_TOPDIR_FL of linux/fs.h.
const topDir = 0x00020000
