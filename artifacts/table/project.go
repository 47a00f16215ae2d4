package table

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// projector is a Reader that can leave columns unread.
type projector interface {
	project(columns []string) (Reader, error)
}

// Project returns r with only the named columns, in that order. A Parquet reader does
// not even read the others. A name that is missing is an error that lists the columns,
// and leaves r as it was. The result owns r: closing it closes r. Call it before the
// first Next.
func Project(r Reader, columns []string) (Reader, error) {
	if p, ok := r.(projector); ok {
		return p.project(columns)
	}
	schema, picked, err := pick(r.Schema(), columns)
	if err != nil {
		return nil, err
	}
	return &projected{Reader: r, schema: schema, picked: picked}, nil
}

// pick finds the columns and makes their schema.
func pick(s *arrow.Schema, columns []string) (*arrow.Schema, []int, error) {
	if err := checkNames(columns); err != nil {
		return nil, nil, fmt.Errorf("a selection of columns %w", err)
	}
	picked := make([]int, len(columns))
	fields := make([]arrow.Field, len(columns))
	for i, name := range columns {
		at := s.FieldIndices(name)
		if len(at) == 0 {
			var have []string
			for _, f := range s.Fields() {
				have = append(have, f.Name)
			}
			return nil, nil, fmt.Errorf("there is no column %q; there are %s", name, strings.Join(have, ", "))
		}
		picked[i] = at[0]
		fields[i] = s.Field(at[0])
	}
	return arrow.NewSchema(fields, nil), picked, nil
}

// projected drops columns that the reader below had to read.
type projected struct {
	Reader
	schema *arrow.Schema
	picked []int
	batch  arrow.RecordBatch
}

func (p *projected) Schema() *arrow.Schema { return p.schema }

func (p *projected) Next() (arrow.RecordBatch, error) {
	p.release()
	b, err := p.Reader.Next()
	if err != nil {
		return nil, err
	}
	columns := make([]arrow.Array, len(p.picked))
	for i, at := range p.picked {
		columns[i] = b.Column(at)
	}
	p.batch = array.NewRecordBatch(p.schema, columns, b.NumRows())
	return p.batch, nil
}

func (p *projected) release() {
	if p.batch != nil {
		p.batch.Release()
		p.batch = nil
	}
}

func (p *projected) Close() error {
	p.release()
	return p.Reader.Close()
}
