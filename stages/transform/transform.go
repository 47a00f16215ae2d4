// Package transform owns fitted transforms: what turns the raw columns of a
// table, or one row of a request, into the numbers that a network reads. A
// transform is fitted once, on training rows, and then travels inside the model,
// so that what is served is exactly what was evaluated.
package transform

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/dag"
)

// Transform is a fitted transform. It does not change and may be used by
// several goroutines at once.
type Transform interface {
	// Signature says which columns are read and what comes out for one row:
	// Shape has no unknown dimension, and Tokens is how many different ids there
	// may be (they are 0 to Tokens-1, and 0 is padding), 0 where floats come out.
	Signature() dag.Signature

	// Apply appends the rows of a batch to dst. The batch may have more columns
	// than the transform reads, in any order. first is the number that the
	// batch's first row has in its table, from 1; messages count with it. After
	// an error dst holds the rows before the bad one.
	Apply(dst *Input, batch arrow.RecordBatch, first int64) error

	// ApplyRow appends one row given by column name, as a request brings it. The
	// row counts as number 1 in messages.
	ApplyRow(dst *Input, row map[string]any) error

	// save writes every file of the transform but transform.json, and gives the
	// configuration that goes there.
	save(w Files) (config any, err error)
}

// Input is what transforms give for a run of rows: row-major, Rows times the
// product of the signature's Shape. One of IDs and Values is used, as the
// signature's Tokens tells. The zero Input is empty and ready.
type Input struct {
	Rows   int
	IDs    []int32
	Values []float32
}

// Reset empties the input and keeps its memory.
func (in *Input) Reset() { in.Rows, in.IDs, in.Values = 0, in.IDs[:0], in.Values[:0] }

// RowError is a value that a transform cannot take.
type RowError struct {
	Row    int64 // of the table, from 1; 0 where there is none
	Column string
	Msg    string
}

// Error reads: row 17, column "text": what is wrong. Without a row it reads: text: what is wrong.
func (e *RowError) Error() string {
	if e.Row == 0 {
		return e.Column + ": " + e.Msg
	}
	return fmt.Sprintf("row %d, column %q: %s", e.Row, e.Column, e.Msg)
}
