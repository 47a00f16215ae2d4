// Package duckdb runs SQL over streams of Arrow record batches in DuckDB, in this
// process. It is a package of its own so that only what runs the kind sql links
// the library; nothing of it runs before the first query.
//
// A query sees the tables that it is given and nothing else: no file, no network,
// no extension. It runs on one thread, so that equal inputs give equal rows in
// one order, whatever the machine.
package duckdb

// What the linker does to the library decides how early every command starts,
// whether it asks anything or not. Its own flags export its 60,000 symbols for
// extensions, of which none is ever loaded; and the shared libstdc++ has thousands
// of addresses looked up. Without both it is three milliseconds.

// #cgo linux LDFLAGS: -Wl,--no-export-dynamic -static-libgcc -L${SRCDIR}/link
// #include <stdlib.h>
// #include "duck.h"
import "C"

import (
	"context"
	"errors"
	"fmt"
	"runtime/cgo"
	"strings"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/cdata"
	_ "github.com/duckdb/duckdb-go-bindings" // links the library

	"pipe/artifacts/table"
)

// Input is a table that a query may read, several times if it likes.
type Input struct {
	Name   string
	Schema *arrow.Schema
	Rows   int64 // -1 where that is not known
	// Open begins to read some of the columns, in the order of the schema. It is
	// not called for a query that is only checked.
	Open func(columns []string) (table.Reader, error)
}

// Settings bound what a query may take.
type Settings struct {
	MemoryLimit string // as DuckDB spells it: "1GiB"; "" for a small one, which is enough to check
	TempDir     string // where it may put what does not fit; "" for nowhere
}

// DB is a database in memory with the views of one query.
type DB struct {
	duck    *C.duck
	handles []cgo.Handle
	found   *arrow.Schema // of the query that was prepared, as DuckDB gives it
	schema  *arrow.Schema // the same as tables have it
}

// Open makes a database that has the inputs as views.
func Open(s Settings, inputs []Input) (*DB, error) {
	if s.MemoryLimit == "" {
		s.MemoryLimit = "256MiB"
	}
	settings := [][2]string{
		{"threads", "1"}, {"preserve_insertion_order", "true"}, {"memory_limit", s.MemoryLimit}, {"temp_directory", s.TempDir},
		{"autoinstall_known_extensions", "false"}, {"autoload_known_extensions", "false"},
	}
	names := make([]*C.char, len(settings))
	values := make([]*C.char, len(settings))
	for i, s := range settings {
		names[i], values[i] = C.CString(s[0]), C.CString(s[1])
		defer C.free(unsafe.Pointer(names[i]))
		defer C.free(unsafe.Pointer(values[i]))
	}
	db := new(DB)
	if err := failure(C.duck_open(C.int(len(settings)), &names[0], &values[0], &db.duck)); err != nil {
		db.Close()
		return nil, fmt.Errorf("open DuckDB: %w", err)
	}
	for _, in := range inputs {
		if err := db.add(in); err != nil {
			db.Close()
			return nil, fmt.Errorf("give %s to DuckDB: %w", in.Name, err)
		}
	}
	if err := db.lock(s.TempDir); err != nil {
		db.Close()
		return nil, fmt.Errorf("lock DuckDB: %w", err)
	}
	return db, nil
}

// lock ends access to files, but for what DuckDB puts into its own folder, and
// keeps statements from changing settings.
func (db *DB) lock(dir string) error {
	sql := "SET TimeZone = 'UTC'; SET enable_external_access = false; SET lock_configuration = true"
	if dir != "" {
		sql = "SET allowed_directories = ['" + strings.ReplaceAll(dir, "'", "''") + "']; " + sql
	}
	return db.run(sql)
}

// add registers a table function for an input and a view over it.
func (db *DB) add(in Input) error {
	i := len(db.handles)
	h := cgo.NewHandle(&in)
	db.handles = append(db.handles, h)
	var schema cdata.CArrowSchema
	cdata.ExportArrowSchema(in.Schema, &schema)
	defer cdata.ReleaseCArrowSchema(&schema)
	function := fmt.Sprintf("pipe_input_%d", i)
	name := C.CString(function)
	defer C.free(unsafe.Pointer(name))
	if err := failure(C.duck_input(db.duck, name, C.uintptr_t(h), (*C.struct_ArrowSchema)(unsafe.Pointer(&schema)), C.int64_t(in.Rows))); err != nil {
		return err
	}
	return db.run(fmt.Sprintf("CREATE VIEW %s AS SELECT * FROM %s()", Quote(in.Name), function))
}

// Quote writes a name for SQL.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func (db *DB) run(sql string) error {
	s := C.CString(sql)
	defer C.free(unsafe.Pointer(s))
	return failure(C.duck_run(db.duck, s))
}

// Bind prepares a query over inputs that are there for it alone, and gives the
// columns of its result. A database is dear to open, so many queries may be bound
// in one.
func (db *DB) Bind(inputs []Input, sql string) (s *arrow.Schema, err error) {
	for _, in := range inputs {
		if err := db.add(in); err != nil {
			return nil, fmt.Errorf("give %s to DuckDB: %w", in.Name, err)
		}
		defer func() { err = errors.Join(err, db.run("DROP VIEW "+Quote(in.Name))) }()
	}
	return db.Prepare(sql)
}

// Close ends the database.
func (db *DB) Close() error {
	C.duck_close(db.duck)
	db.duck = nil
	for _, h := range db.handles {
		h.Delete()
	}
	db.handles = nil
	return nil
}

// maxColumns bounds the columns of a result.
const maxColumns = 10_000

// Prepare binds a query and gives the columns of its result. A query that cannot
// be bound is an Error.
func (db *DB) Prepare(sql string) (*arrow.Schema, error) {
	s := C.CString(sql)
	defer C.free(unsafe.Pointer(s))
	if err := failure(C.duck_prepare(db.duck, s)); err != nil {
		return nil, newError(sql, err.Error())
	}
	var raw cdata.CArrowSchema
	types := make([]C.int, maxColumns)
	if err := failure(C.duck_schema(db.duck, (*C.struct_ArrowSchema)(unsafe.Pointer(&raw)), &types[0], maxColumns)); err != nil {
		return nil, newError(sql, err.Error())
	}
	defer cdata.ReleaseCArrowSchema(&raw)
	var err error
	if db.found, err = cdata.ImportCArrowSchema(&raw); err != nil {
		return nil, newError(sql, err.Error())
	}
	fields := db.found.Fields()
	seen := map[string]bool{}
	for i := range fields {
		if seen[fields[i].Name] {
			return nil, newError(sql, fmt.Sprintf("two columns of the result are named %q; name one with AS", fields[i].Name))
		}
		seen[fields[i].Name] = true
		if fields[i].Type, err = storable(fields[i].Type, int(types[i])); err != nil {
			return nil, newError(sql, fmt.Sprintf("column %q of the result %v", fields[i].Name, err))
		}
		fields[i] = arrow.Field{Name: fields[i].Name, Type: fields[i].Type, Nullable: true}
	}
	db.schema = arrow.NewSchema(fields, nil)
	return db.schema, nil
}

// Query runs what was prepared and hands on batch after batch under the schema
// that Prepare gave. A batch is valid during the call.
func (db *DB) Query(ctx context.Context, f func(arrow.RecordBatch) error) error {
	stop := context.AfterFunc(ctx, func() { C.duck_interrupt(db.duck) })
	defer stop()
	err := failure(C.duck_execute(db.duck))
	for err == nil {
		var raw cdata.CArrowArray
		var done C.int
		if err = failure(C.duck_fetch(db.duck, (*C.struct_ArrowArray)(unsafe.Pointer(&raw)), &done)); err != nil || done != 0 {
			break
		}
		if err = db.hand(&raw, f); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return errors.New(firstLines(err.Error()))
	}
	return nil
}

// hand imports a chunk, narrows what DuckDB made wide, and hands it on.
func (db *DB) hand(raw *cdata.CArrowArray, f func(arrow.RecordBatch) error) error {
	chunk, err := cdata.ImportCRecordBatchWithSchema(raw, db.found)
	if err != nil {
		return fmt.Errorf("read DuckDB's rows: %w", err)
	}
	defer chunk.Release()
	columns := make([]arrow.Array, chunk.NumCols())
	for i := range columns {
		if columns[i], err = narrow(chunk.Column(i), db.schema.Field(i)); err != nil {
			return err
		}
		defer columns[i].Release()
	}
	b := array.NewRecordBatch(db.schema, columns, chunk.NumRows())
	defer b.Release()
	return f(b)
}

// failure makes an error of a message and frees it.
func failure(message *C.char) error {
	if message == nil {
		return nil
	}
	defer C.free(unsafe.Pointer(message))
	return errors.New(C.GoString(message))
}
