package table

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
)

// ahead reads the next batch while the caller works on the last one. The order of
// batches and errors is that of the reader below, so it changes nothing but the time.
type ahead struct {
	r       Reader
	batches chan readAhead // nil until the goroutine is there
	rows    int64          // of the batches before that
	stop    chan struct{}
	batch   arrow.RecordBatch
	err     error
	closed  bool
}

type readAhead struct {
	batch arrow.RecordBatch
	err   error
}

func newAhead(r Reader) *ahead { return &ahead{r: r, stop: make(chan struct{})} }

func (a *ahead) Schema() *arrow.Schema { return a.r.Schema() }
func (a *ahead) Rows() int64           { return a.r.Rows() }

func (a *ahead) project(columns []string) (Reader, error) {
	p, err := Project(a.r, columns)
	if err != nil {
		return nil, err
	}
	a.r = p
	return a, nil
}

func (a *ahead) Next() (arrow.RecordBatch, error) {
	a.release()
	if a.err != nil {
		return nil, a.err
	}
	var next readAhead
	if a.batches != nil {
		next = <-a.batches
	} else {
		next = a.read()
		a.rows += rowsOf(next.batch)
		// The caller waits for the first batch in any case; and a goroutine costs more
		// than to see that nothing follows the only one, as in most small tables.
		if next.err == nil && a.rows != a.r.Rows() {
			a.batches = make(chan readAhead)
			go a.run()
		}
	}
	a.batch, a.err = next.batch, next.err
	return a.batch, a.err
}

func rowsOf(b arrow.RecordBatch) int64 {
	if b == nil {
		return 0
	}
	return b.NumRows()
}

// run reads until the first error, which may be io.EOF, or until it is stopped.
func (a *ahead) run() {
	defer close(a.batches)
	for {
		next := a.read()
		select {
		case a.batches <- next:
		case <-a.stop:
			if next.batch != nil {
				next.batch.Release()
			}
			return
		}
		if next.err != nil {
			return
		}
	}
}

// read turns a panic, which would end the process here and only the stage in the
// caller's goroutine, into an error.
func (a *ahead) read() (next readAhead) {
	defer func() {
		if p := recover(); p != nil {
			next = readAhead{err: fmt.Errorf("reading a table: %v", p)}
		}
	}()
	b, err := a.r.Next()
	if err != nil {
		return readAhead{err: err}
	}
	b.Retain()
	return readAhead{batch: b}
}

func (a *ahead) release() {
	if a.batch != nil {
		a.batch.Release()
		a.batch = nil
	}
}

func (a *ahead) Close() error {
	a.release()
	if a.closed {
		return nil
	}
	a.closed = true
	close(a.stop)
	if a.batches != nil {
		for next := range a.batches {
			if next.batch != nil {
				next.batch.Release()
			}
		}
	}
	if a.err == nil {
		a.err = errClosed
	}
	return a.r.Close()
}
