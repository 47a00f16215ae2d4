package duckdb

import (
	"fmt"
	"math"
	"math/big"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// hugeint is the type that DuckDB gives sums of whole numbers.
const hugeint = 16

// storable gives the type that a column of a result has as a table, or says why
// it has none. A hugeint becomes int64.
func storable(t arrow.DataType, id int) (arrow.DataType, error) {
	if id == hugeint {
		return arrow.PrimitiveTypes.Int64, nil
	}
	switch t.ID() {
	case arrow.BOOL, arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64,
		arrow.FLOAT32, arrow.FLOAT64, arrow.STRING, arrow.BINARY, arrow.DATE32, arrow.TIMESTAMP, arrow.DECIMAL128:
		return t, nil
	case arrow.LIST, arrow.FIXED_SIZE_LIST:
		_, err := storable(t.(arrow.ListLikeType).Elem(), 0)
		return t, err
	case arrow.STRUCT:
		for _, f := range t.(*arrow.StructType).Fields() {
			if _, err := storable(f.Type, 0); err != nil {
				return nil, err
			}
		}
		return t, nil
	}
	return nil, fmt.Errorf("is %s, which a table cannot hold; CAST it, for example to VARCHAR", t)
}

// narrow makes int64 of a hugeint.
func narrow(col arrow.Array, f arrow.Field) (arrow.Array, error) {
	huge, ok := col.(*array.Decimal128)
	if !ok || f.Type.ID() != arrow.INT64 {
		col.Retain()
		return col, nil
	}
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	b.Reserve(huge.Len())
	for i := range huge.Len() {
		if huge.IsNull(i) {
			b.AppendNull()
			continue
		}
		v := huge.Value(i).BigInt()
		if v.Cmp(big.NewInt(math.MaxInt64)) > 0 || v.Cmp(big.NewInt(math.MinInt64)) < 0 {
			return nil, fmt.Errorf("column %q has the value %s, which is beyond int64; CAST it to DOUBLE", f.Name, v)
		}
		b.Append(v.Int64())
	}
	return b.NewArray(), nil
}
