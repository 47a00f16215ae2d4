package registry

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mattn/go-sqlite3"
)

// DamagedError says that SQLite cannot read the file, or a part of it. Every
// method of a Registry may return it, and Open, too: damage shows where it is
// read.
type DamagedError struct {
	Path string // of the registry, as it was given to Open
	Err  error  // what is wrong, mostly SQLite's SQLITE_CORRUPT or SQLITE_NOTADB
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("registry %s is damaged (%v): move it aside, together with its -wal and -shm, and put a backup in its place; "+
		"without a backup `pipe registry rebuild` makes a new one from the journals under %s",
		e.Path, e.Err, filepath.Join(filepath.Dir(e.Path), "runs"))
}

// Unwrap gives what is wrong.
func (e *DamagedError) Unwrap() error { return e.Err }

// leastSize is what the shortest of SQLite's files has, a page of 512 bytes.
const leastSize = 512

// longEnough refuses a file that has bytes, but too few, which SQLite would take
// for an empty one and overwrite.
func longEnough(path string) error {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 || info.Size() >= leastSize {
		return nil // whether it can be opened is SQLite's to say
	}
	return &DamagedError{Path: path, Err: fmt.Errorf("a file of %d bytes is no database", info.Size())}
}

// opening says which registry could not be opened; a DamagedError does so itself.
func opening(path string, err error) error {
	if damaged := (*DamagedError)(nil); errors.As(err, &damaged) {
		return err
	}
	return fmt.Errorf("registry %s: %w", path, err)
}

// damageDriver is SQLite's driver for one file, whose errors tell damage. They
// are turned here, below database/sql, because each of the many statements above
// may be the one that meets it.
type damageDriver struct {
	sqlite3.SQLiteDriver
	path string // in errors
	dsn  string
}

func (d *damageDriver) explain(err error) error {
	// No errors.As: the driver does not wrap, and this is asked for every row.
	if e, ok := err.(sqlite3.Error); ok && (e.Code == sqlite3.ErrCorrupt || e.Code == sqlite3.ErrNotADB) {
		return &DamagedError{Path: d.path, Err: err}
	}
	return err
}

// Connect and Driver implement driver.Connector.
func (d *damageDriver) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := d.Open(d.dsn)
	// SQLite waits for no other process where one of two that make the same file
	// changes its journal to WAL.
	for begun := time.Now(); isBusy(err) && time.Since(begun) < busyTimeout && ctx.Err() == nil; {
		time.Sleep(5 * time.Millisecond)
		c, err = d.Open(d.dsn)
	}
	if err != nil {
		return nil, d.explain(err)
	}
	return &damageConn{c.(*sqlite3.SQLiteConn), d}, nil
}

func isBusy(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && e.Code == sqlite3.ErrBusy
}

func (d *damageDriver) Driver() driver.Driver { return &d.SQLiteDriver }

type damageConn struct {
	*sqlite3.SQLiteConn
	driver *damageDriver
}

func (c *damageConn) PrepareContext(ctx context.Context, q string) (driver.Stmt, error) {
	s, err := c.SQLiteConn.PrepareContext(ctx, q)
	if err != nil {
		return nil, c.driver.explain(err)
	}
	return &damageStmt{s.(*sqlite3.SQLiteStmt), c.driver}, nil
}

func (c *damageConn) ExecContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Result, error) {
	res, err := c.SQLiteConn.ExecContext(ctx, q, args)
	return res, c.driver.explain(err)
}

func (c *damageConn) QueryContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.SQLiteConn.QueryContext(ctx, q, args)
	return c.driver.rows(rows, err)
}

type damageStmt struct {
	*sqlite3.SQLiteStmt
	driver *damageDriver
}

func (s *damageStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	res, err := s.SQLiteStmt.ExecContext(ctx, args)
	return res, s.driver.explain(err)
}

func (s *damageStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := s.SQLiteStmt.QueryContext(ctx, args)
	return s.driver.rows(rows, err)
}

type damageRows struct {
	*sqlite3.SQLiteRows
	driver *damageDriver
}

func (d *damageDriver) rows(rows driver.Rows, err error) (driver.Rows, error) {
	if err != nil {
		return nil, d.explain(err)
	}
	return &damageRows{rows.(*sqlite3.SQLiteRows), d}, nil
}

func (r *damageRows) Next(dest []driver.Value) error {
	return r.driver.explain(r.SQLiteRows.Next(dest))
}
func (r *damageRows) Close() error { return r.driver.explain(r.SQLiteRows.Close()) }
