// Package database owns queries to databases: SQLite files and PostgreSQL
// servers, read as a table of Arrow record batches. Nothing is ever changed
// there: files are opened for reading, sessions are read-only. It knows nothing
// of stages.
package database

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts/table"
)

// column is a column of a result. A database that does not know its type before
// the rows leaves it nil: then it follows the first rows.
type column struct {
	name string
	typ  arrow.DataType
}

// cursor is a query that is being answered. A value is nil, bool, int64,
// float64, string, []byte, time.Time (in UTC) or a list of those.
type cursor interface {
	columns() []column
	next(row []any) error // io.EOF after the last row
	Close() error
}

// Source is a database that a query is asked of.
type Source interface {
	open(ctx context.Context, query string) (cursor, error)
}

// Answer is the result of a query, as a table.
type Answer struct {
	schema  *arrow.Schema
	cursor  cursor
	waiting [][]any // rows that were read to learn the types
	appends []func(any) error
	builder *array.RecordBuilder
	batch   arrow.RecordBatch
	rows    int64
	ended   error
}

var _ table.Reader = (*Answer)(nil)

// sniffed is how many rows tell the type of a column that has none.
const sniffed = 1000

// Query asks for rows. Types are those of the database, but for the columns that
// types names; each value must fit, and none is cut.
func Query(ctx context.Context, s Source, query string, types map[string]arrow.DataType) (*Answer, error) {
	if err := single(query); err != nil {
		return nil, err
	}
	c, err := s.open(ctx, query)
	if err != nil {
		return nil, err
	}
	a := &Answer{cursor: c}
	if err := a.begin(types); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return a, nil
}

func (a *Answer) begin(types map[string]arrow.DataType) error {
	columns := a.cursor.columns()
	if len(columns) == 0 {
		return errors.New("it is no query: it gives no columns")
	}
	seen, unknown := map[string]bool{}, false
	for i, c := range columns {
		if c.name == "" || seen[c.name] {
			return fmt.Errorf("column %d of the result is named %q, as another one or not at all; give it a name with AS", i+1, c.name)
		}
		seen[c.name] = true
		if t := types[c.name]; t != nil {
			columns[i].typ = t
		}
		unknown = unknown || columns[i].typ == nil
	}
	for name := range types {
		if !seen[name] {
			return fmt.Errorf("the schema names a column %q, and the result has none", name)
		}
	}
	for unknown && len(a.waiting) < sniffed {
		row := make([]any, len(columns))
		if err := a.cursor.next(row); errors.Is(err, io.EOF) {
			a.ended = io.EOF
			break
		} else if err != nil {
			return err
		}
		a.waiting = append(a.waiting, row)
	}
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		if c.typ == nil {
			c.typ = infer(a.waiting, i)
		}
		fields[i] = arrow.Field{Name: c.name, Type: c.typ, Nullable: true}
	}
	a.schema = arrow.NewSchema(fields, nil)
	a.builder = array.NewRecordBuilder(memory.DefaultAllocator, a.schema)
	for i, f := range fields {
		put, err := appender(a.builder.Field(i), f.Type)
		if err != nil {
			return fmt.Errorf("column %q: %w", f.Name, err)
		}
		a.appends = append(a.appends, put)
	}
	return nil
}

// Schema implements table.Reader.
func (a *Answer) Schema() *arrow.Schema { return a.schema }

// Rows implements table.Reader.
func (a *Answer) Rows() int64 { return -1 }

// batchRows and batchBytes bound a batch, so that memory is bounded however long
// the answer is.
const (
	batchRows  = 16 << 10
	batchBytes = 8 << 20
)

// Next implements table.Reader.
func (a *Answer) Next() (arrow.RecordBatch, error) {
	if a.batch != nil {
		a.batch.Release()
		a.batch = nil
	}
	row, held := make([]any, len(a.appends)), 0
	for n := 0; n < batchRows && held < batchBytes; n++ {
		if err := a.read(row); errors.Is(err, io.EOF) {
			if n == 0 {
				return nil, io.EOF
			}
			break
		} else if err != nil {
			return nil, err
		}
		a.rows++
		for i, v := range row {
			if err := a.appends[i](v); err != nil {
				a.ended = fmt.Errorf("row %d, column %q: %w", a.rows, a.schema.Field(i).Name, err)
				return nil, a.ended
			}
			held += size(v)
		}
	}
	a.batch = a.builder.NewRecordBatch()
	return a.batch, nil
}

// read gives the next row: first those that were read to learn the types.
func (a *Answer) read(row []any) error {
	if len(a.waiting) > 0 {
		copy(row, a.waiting[0])
		a.waiting = a.waiting[1:]
		return nil
	}
	if a.ended == nil {
		a.ended = a.cursor.next(row)
	}
	return a.ended
}

func size(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case []byte:
		return len(v)
	case []any:
		return 8 * len(v)
	}
	return 8
}

// Close ends the query.
func (a *Answer) Close() error {
	if a.batch != nil {
		a.batch.Release()
		a.batch = nil
	}
	if a.builder != nil {
		a.builder.Release()
		a.builder = nil
	}
	return a.cursor.Close()
}

// Value asks for one value, as the text by which two of them are told apart.
func Value(ctx context.Context, s Source, query string) (string, error) {
	if err := single(query); err != nil {
		return "", err
	}
	c, err := s.open(ctx, query)
	if err != nil {
		return "", err
	}
	row := make([]any, len(c.columns()))
	err = c.next(row)
	if err == nil {
		if more := c.next(make([]any, len(row))); more == nil {
			err = errors.New("it gives more than one row")
		} else if !errors.Is(more, io.EOF) {
			err = more
		}
	} else if errors.Is(err, io.EOF) {
		err, row = nil, nil // no row is a value, too
	}
	return fmt.Sprintf("%v", row), errors.Join(err, c.Close())
}

// silent are the parts of a query that are no code.
var silent = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?s)'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\$\$.*?\$\$`)
})

// single refuses several queries in one: all but one of them would be passed over.
func single(query string) error {
	code := strings.TrimRight(silent().ReplaceAllString(query, " "), "; \t\r\n")
	if strings.Contains(code, ";") {
		return errors.New("there is more than one query; write one")
	}
	return nil
}
