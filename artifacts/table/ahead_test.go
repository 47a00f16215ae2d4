package table

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// counted is a reader of so many batches of a row each, which says that it has
// so many rows and breaks where it is told.
type counted struct {
	batch   arrow.RecordBatch
	left    int
	rows    int64
	panicAt int // of what is left; 0 for never
	closed  bool
}

func newCounted(batches int, rows int64) *counted {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.Append(1)
	column := b.NewArray()
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	return &counted{batch: array.NewRecordBatch(schema, []arrow.Array{column}, 1), left: batches, rows: rows}
}

func (c *counted) Schema() *arrow.Schema { return c.batch.Schema() }
func (c *counted) Rows() int64           { return c.rows }
func (c *counted) Close() error          { c.closed = true; return nil }
func (c *counted) Next() (arrow.RecordBatch, error) {
	if c.left == 0 {
		return nil, io.EOF
	}
	if c.left == c.panicAt {
		panic("broken")
	}
	c.left--
	return c.batch, nil
}

// TestAheadStartsNothingForOneBatch holds a small table to its reader's own
// goroutine, and a larger one, or one of unknown length, to reading ahead; all
// give the same.
func TestAheadStartsNothingForOneBatch(t *testing.T) {
	for _, test := range []struct {
		batches int
		rows    int64
		starts  bool
	}{{0, 0, false}, {1, 1, false}, {2, 2, true}, {5, 5, true}, {1, -1, true}, {2, 1, true}, {1, 9, true}} {
		a := newAhead(newCounted(test.batches, test.rows))
		got, err := 0, error(nil)
		for ; ; got++ {
			if _, err = a.Next(); err != nil {
				break
			}
		}
		if got != test.batches || !errors.Is(err, io.EOF) {
			t.Errorf("%+v: %d batches, then %v", test, got, err)
		}
		if started := a.batches != nil; started != test.starts {
			t.Errorf("%+v: a goroutine was started: %v", test, started)
		}
		if err := a.Close(); err != nil || !a.r.(*counted).closed {
			t.Errorf("%+v: close: %v", test, err)
		}
	}
}

// TestAheadCatchesPanics of the first batch, which the caller reads, as well as of
// later ones.
func TestAheadCatchesPanics(t *testing.T) {
	for _, at := range []int{3, 2, 1} {
		c := newCounted(3, 3)
		c.panicAt = at
		a, err := newAhead(c), error(nil)
		for err == nil {
			_, err = a.Next()
		}
		if !strings.Contains(err.Error(), "broken") {
			t.Errorf("panic with %d left: %v", at, err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}
