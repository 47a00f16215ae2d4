package table

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// bytesSink holds utf8 or binary.
type bytesSink struct {
	typ   arrow.DataType
	fixed bool // FIXED_LEN_BYTE_ARRAY in the file
	none  bool // a column of type null, in which a value is a mistake
	ends  []int32
	data  []byte
}

var errBatchTooLarge = fmt.Errorf("the texts of one batch exceed 2 GiB; read with fewer rows in a batch")

func (s *bytesSink) append(v encoding.Values, from, to int) error {
	switch {
	case s.none:
		return fmt.Errorf("a column without values has one")
	case s.fixed:
		data, size := v.FixedLenByteArray()
		if len(s.data)+(to-from)*size > maxStrings {
			return errBatchTooLarge
		}
		s.data = append(s.data, data[from*size:to*size]...)
		for range to - from {
			s.ends = append(s.ends, s.end()+int32(size))
		}
		return nil
	}
	data, offsets := v.ByteArray()
	first, last := offsets[from], offsets[to]
	if len(s.data)+int(last-first) > maxStrings {
		return errBatchTooLarge
	}
	shift := int32(len(s.data)) - int32(first)
	s.data = append(s.data, data[first:last]...)
	before := first
	for _, o := range offsets[from+1 : to+1] {
		if o < before || o > last {
			return fmt.Errorf("the lengths of a page's values are wrong")
		}
		before = o
		s.ends = append(s.ends, int32(o)+shift)
	}
	return nil
}

func (s *bytesSink) end() int32 {
	if len(s.ends) == 0 {
		return 0
	}
	return s.ends[len(s.ends)-1]
}

func (s *bytesSink) lookup(d parquet.Dictionary, indexes []int32) error {
	v := d.Page().Data()
	if s.none || s.fixed {
		for _, x := range indexes {
			if err := s.append(v, int(x), int(x)+1); err != nil {
				return err
			}
		}
		return nil
	}
	data, offsets := v.ByteArray()
	for _, x := range indexes {
		s.data = append(s.data, data[offsets[x]:offsets[x+1]]...)
		if len(s.data) > maxStrings {
			return errBatchTooLarge
		}
		s.ends = append(s.ends, int32(len(s.data)))
	}
	return nil
}

func (s *bytesSink) size() int64 { return int64(len(s.data)) + 4*int64(len(s.ends)) }
func (s *bytesSink) reset()      { s.ends, s.data = nil, nil }

func (s *bytesSink) spread(n int, valid func(int) bool) (arrow.ArrayData, error) {
	offsets := make([]int32, n+1)
	var bits validity
	if valid == nil {
		if len(s.ends) != n {
			return nil, fmt.Errorf("there are %d values where %d are expected", len(s.ends), n)
		}
		copy(offsets[1:], s.ends)
	} else {
		at := 0
		for i := range n {
			offsets[i+1] = offsets[i]
			if !valid(i) {
				bits.null(i)
				continue
			}
			offsets[i+1] = s.ends[at]
			at++
		}
	}
	bitmap, nulls := bits.buffer(n)
	buffers := []*memory.Buffer{bitmap, memory.NewBufferBytes(bytesOf(offsets)), memory.NewBufferBytes(s.data)}
	return array.NewData(s.typ, n, buffers, nil, nulls, 0), nil
}
