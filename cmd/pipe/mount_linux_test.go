package main

import (
	"syscall"
	"testing"
)

// mountTmpfs mounts a small file system, if this process may.
func mountTmpfs(t *testing.T, dir, options string) {
	t.Helper()
	var flags uintptr
	if options == "ro" {
		flags, options = syscall.MS_RDONLY, ""
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
		t.Skip("skipped: a file system cannot be mounted here: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}
