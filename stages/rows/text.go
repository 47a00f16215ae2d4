package rows

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// MapText changes every text of a column on all cores: f appends what a text
// becomes to dst. Nulls stay. The caller releases the result.
func MapText(col *array.String, f func(dst []byte, text string) []byte) (arrow.Array, error) {
	n := col.Len()
	if n == 0 {
		col.Retain()
		return col, nil
	}
	parts := partsOf(n)
	values := make([][]byte, parts)
	before := col.ValueOffsets()
	offsets := make([]int32, n+1)
	err := parallel(parts, n, func(part, from, to int) error {
		out := make([]byte, 0, before[to]-before[from])
		for i := from; i < to; i++ {
			if col.IsValid(i) {
				out = f(out, col.Value(i))
			}
			if len(out) > math.MaxInt32 {
				return fmt.Errorf("the texts of %d rows become more than 2 GiB", n)
			}
			offsets[i+1] = int32(len(out))
		}
		values[part] = out
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := values[0]
	for part, more := range values[1:] {
		if len(all)+len(more) > math.MaxInt32 {
			return nil, fmt.Errorf("the texts of %d rows become more than 2 GiB", n)
		}
		shift := int32(len(all))
		for i := (part + 1) * n / parts; i < (part+2)*n/parts; i++ {
			offsets[i+1] += shift
		}
		all = append(all, more...)
	}
	var valid *memory.Buffer
	if col.NullN() > 0 {
		bits := make([]byte, bitutil.BytesForBits(int64(n)))
		bitutil.CopyBitmap(col.NullBitmapBytes(), col.Data().Offset(), n, bits, 0)
		valid = memory.NewBufferBytes(bits)
	}
	d := array.NewData(arrow.BinaryTypes.String, n, []*memory.Buffer{valid, memory.NewBufferBytes(arrow.GetBytes(offsets)), memory.NewBufferBytes(all)}, nil, col.NullN(), 0)
	defer d.Release()
	return array.MakeFromData(d), nil
}
