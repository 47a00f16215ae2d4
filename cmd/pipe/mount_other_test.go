//go:build unix && !linux

package main

import "testing"

func mountTmpfs(t *testing.T, dir, options string) {
	t.Helper()
	t.Skip("skipped: this test mounts a tmpfs, which is Linux's")
}
