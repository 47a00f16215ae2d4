// Package postgrestest starts a PostgreSQL server of its own for a test.
package postgrestest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Password opens the server, for the user pipe of the database shop.
const Password = "s3cret-of-the-shop"

// Server starts an empty server that lasts as long as the test, runs setup in its
// database shop, and gives the folder of its socket, which is its host. The test
// is skipped where PostgreSQL is not installed.
func Server(t *testing.T, setup string) (host string) {
	t.Helper()
	bin := programs(t)
	dir, err := os.MkdirTemp("", "pipe-pg") // short: a socket's name has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	as := &syscall.SysProcAttr{}
	if os.Getuid() == 0 { // PostgreSQL refuses to run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Skip("skipped: there is no user postgres, and PostgreSQL does not run as root")
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	run := func(program string, in string, args ...string) {
		t.Helper()
		cmd := exec.Command(filepath.Join(bin, program), args...)
		cmd.Dir, cmd.SysProcAttr, cmd.Stdin = dir, as, strings.NewReader(in)
		cmd.Env = append(os.Environ(), "PGPASSWORD="+Password, "TZ=UTC")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", program, err, out)
		}
	}
	word := filepath.Join(dir, "password")
	if err := os.WriteFile(word, []byte(Password), 0o644); err != nil {
		t.Fatal(err)
	}
	run("initdb", "", "-D", data, "-U", "pipe", "-A", "scram-sha-256", "--pwfile", word, "-E", "UTF8", "--locale=C", "--no-sync")
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "timezone=Europe/Berlin")
	var said bytes.Buffer
	server.Dir, server.SysProcAttr, server.Stdout, server.Stderr = dir, as, &said, &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGQUIT) // at once
		_ = server.Wait()
	})
	ready := func() bool {
		return exec.Command(filepath.Join(bin, "pg_isready"), "-q", "-h", dir).Run() == nil
	}
	for tries := 0; !ready(); tries++ {
		if tries > 600 {
			t.Fatalf("PostgreSQL does not start:\n%s", said.String())
		}
		time.Sleep(50 * time.Millisecond)
	}
	run("psql", "CREATE DATABASE shop", "-q", "-v", "ON_ERROR_STOP=1", "-h", dir, "-U", "pipe", "-d", "postgres")
	run("psql", setup, "-q", "-v", "ON_ERROR_STOP=1", "-h", dir, "-U", "pipe", "-d", "shop")
	return dir
}

// Change runs statements in the database shop of a server.
func Change(t *testing.T, host, statements string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(programs(t), "psql"), "-q", "-v", "ON_ERROR_STOP=1", "-h", host, "-U", "pipe", "-d", "shop")
	cmd.Stdin, cmd.Env = strings.NewReader(statements), append(os.Environ(), "PGPASSWORD="+Password)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
}

// programs finds the folder with PostgreSQL's programs: that of the newest
// version where Debian has put them, or where the shell finds them.
func programs(t *testing.T) string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) > 0 {
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int {
			return version(a) - version(b)
		}))
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	t.Skip("skipped: PostgreSQL is not installed (initdb)")
	return ""
}

func version(initdb string) (n int) {
	_, _ = fmt.Sscanf(filepath.Base(filepath.Dir(filepath.Dir(initdb))), "%d", &n)
	return n
}
