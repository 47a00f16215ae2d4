package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/mattn/go-sqlite3"
)

// SQLite is a database in a file.
type SQLite struct{ Path string }

// Beside lists the files beside a database that belong to it: its write-ahead log
// and the journal of a change that is under way, where they hold something.
func (s SQLite) Beside() []string {
	var files []string
	for _, suffix := range []string{"-wal", "-journal"} {
		if info, err := os.Stat(s.Path + suffix); err == nil && info.Size() > 0 {
			files = append(files, s.Path+suffix)
		}
	}
	return files
}

// open implements Source.
func (s SQLite) open(ctx context.Context, query string) (cursor, error) {
	path, err := filepath.Abs(s.Path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	settings := "?mode=ro&_query_only=1"
	if len(s.Beside()) == 0 {
		settings += "&immutable=1" // nobody writes: no lock and no file is left beside it
	}
	conn, err := (&sqlite3.SQLiteDriver{}).Open("file:" + (&url.URL{Path: path}).EscapedPath() + settings)
	if err != nil {
		return nil, s.failed(err)
	}
	c := conn.(*sqlite3.SQLiteConn)
	c.SetLimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0) // this file and no other
	stmt, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, errors.Join(s.failed(err), c.Close())
	}
	if !stmt.(*sqlite3.SQLiteStmt).Readonly() {
		return nil, errors.Join(errors.New("it is no query: it would change the database"), stmt.Close(), c.Close())
	}
	if n := stmt.NumInput(); n != 0 {
		return nil, errors.Join(fmt.Errorf("the query has %d places for values (? or :name); write the values into it, as ${params.NAME}", n), stmt.Close(), c.Close())
	}
	rows, err := stmt.(*sqlite3.SQLiteStmt).QueryContext(ctx, nil)
	if err != nil {
		return nil, errors.Join(s.failed(err), stmt.Close(), c.Close())
	}
	return &sqliteCursor{of: s, conn: c, stmt: stmt, rows: rows.(*sqlite3.SQLiteRows), values: make([]driver.Value, len(rows.Columns()))}, nil
}

// failed says which database an error is about.
func (s SQLite) failed(err error) error {
	return fmt.Errorf("%s: %w", filepath.Base(s.Path), err)
}

type sqliteCursor struct {
	of     SQLite
	conn   *sqlite3.SQLiteConn
	stmt   driver.Stmt
	rows   *sqlite3.SQLiteRows
	values []driver.Value
}

func (c *sqliteCursor) columns() []column {
	declared := c.rows.DeclTypes()
	var out []column
	for i, name := range c.rows.Columns() {
		out = append(out, column{name: name, typ: declaredType(declared[i])})
	}
	return out
}

// declaredType reads the type with which a table was created, by the rules of
// affinity (sqlite.org/datatype3.html, 3.1). An expression has none, and numbers
// of NUMERIC may be whole or not: those follow the rows.
func declaredType(decl string) arrow.DataType {
	decl = strings.ToUpper(decl)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(decl, w) {
				return true
			}
		}
		return false
	}
	switch {
	case decl == "DATE":
		return arrow.FixedWidthTypes.Date32
	case decl == "TIMESTAMP" || decl == "DATETIME":
		return &arrow.TimestampType{Unit: arrow.Microsecond}
	case decl == "BOOLEAN" || decl == "BOOL":
		return arrow.FixedWidthTypes.Boolean
	case has("INT"):
		return arrow.PrimitiveTypes.Int64
	case has("CHAR", "CLOB", "TEXT"):
		return arrow.BinaryTypes.String
	case has("BLOB"):
		return arrow.BinaryTypes.Binary
	case has("REAL", "FLOA", "DOUB"):
		return arrow.PrimitiveTypes.Float64
	}
	return nil
}

func (c *sqliteCursor) next(row []any) error {
	err := c.rows.Next(c.values)
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	if err != nil {
		return c.of.failed(err)
	}
	for i, v := range c.values {
		if t, ok := v.(time.Time); ok && t.IsZero() { // the driver says so of a text that is none
			return fmt.Errorf("%s: column %q holds a text that is no time; take it with CAST(… AS TEXT)", filepath.Base(c.of.Path), c.rows.Columns()[i])
		}
		row[i] = v
	}
	return nil
}

func (c *sqliteCursor) Close() error {
	return errors.Join(c.rows.Close(), c.stmt.Close(), c.conn.Close())
}
