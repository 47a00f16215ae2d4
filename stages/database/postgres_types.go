package database

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// postgresColumn is how a type of PostgreSQL is asked for, read and kept. The
// formats are those of the manual, chapter "Frontend/Backend Protocol", and the
// send functions of the types.
type postgresColumn struct {
	typ    arrow.DataType
	format int16 // 1: binary; 0: text
	read   func([]byte) (any, error)
}

// The types by their object identifiers, which are fixed (pg_type.dat).
const (
	oidBool, oidBytea, oidInt8, oidInt2, oidInt4       = 16, 17, 20, 21, 23
	oidFloat4, oidFloat8, oidNumeric                   = 700, 701, 1700
	oidDate, oidTimestamp, oidTimestamptz              = 1082, 1114, 1184
	oidBoolArray, oidInt2Array, oidInt4Array           = 1000, 1005, 1007
	oidTextArray, oidVarcharArray, oidInt8Array        = 1009, 1015, 1016
	oidFloat4Array, oidFloat8Array                     = 1021, 1022
	microsPerDay                                 int64 = 24 * 60 * 60 * 1_000_000
)

// postgresType finds a type; what is not listed (text, uuid, json, enums, intervals…)
// comes as PostgreSQL spells it.
func postgresType(oid uint32) postgresColumn {
	switch oid {
	case oidBool:
		return postgresColumn{arrow.FixedWidthTypes.Boolean, 1, sized(1, func(b []byte) any { return b[0] != 0 })}
	case oidInt2:
		return postgresColumn{arrow.PrimitiveTypes.Int16, 1, sized(2, func(b []byte) any { return int64(int16(binary.BigEndian.Uint16(b))) })}
	case oidInt4:
		return postgresColumn{arrow.PrimitiveTypes.Int32, 1, sized(4, func(b []byte) any { return int64(int32(binary.BigEndian.Uint32(b))) })}
	case oidInt8:
		return postgresColumn{arrow.PrimitiveTypes.Int64, 1, sized(8, func(b []byte) any { return int64(binary.BigEndian.Uint64(b)) })}
	case oidFloat4:
		return postgresColumn{arrow.PrimitiveTypes.Float32, 1, sized(4, func(b []byte) any { return float64(math.Float32frombits(binary.BigEndian.Uint32(b))) })}
	case oidFloat8:
		return postgresColumn{arrow.PrimitiveTypes.Float64, 1, sized(8, func(b []byte) any { return math.Float64frombits(binary.BigEndian.Uint64(b)) })}
	case oidNumeric: // any number of digits: as text, from which each type reads what it can hold
		return postgresColumn{arrow.PrimitiveTypes.Float64, 0, text}
	case oidBytea:
		return postgresColumn{arrow.BinaryTypes.Binary, 1, func(b []byte) (any, error) { return append([]byte(nil), b...), nil }}
	case oidDate:
		return postgresColumn{arrow.FixedWidthTypes.Date32, 1, func(b []byte) (any, error) {
			if len(b) != 4 {
				return nil, errLength
			}
			d := int32(binary.BigEndian.Uint32(b))
			return since2000(int64(d)*microsPerDay, d == math.MaxInt32 || d == math.MinInt32)
		}}
	case oidTimestamp:
		return postgresColumn{&arrow.TimestampType{Unit: arrow.Microsecond}, 1, timestamp}
	case oidTimestamptz:
		return postgresColumn{&arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, 1, timestamp}
	case oidBoolArray:
		return arrayOf(oidBool)
	case oidInt2Array:
		return arrayOf(oidInt2)
	case oidInt4Array:
		return arrayOf(oidInt4)
	case oidInt8Array:
		return arrayOf(oidInt8)
	case oidFloat4Array:
		return arrayOf(oidFloat4)
	case oidFloat8Array:
		return arrayOf(oidFloat8)
	case oidTextArray, oidVarcharArray:
		return arrayOf(0)
	}
	return postgresColumn{arrow.BinaryTypes.String, 0, text}
}

var errLength = errors.New("the server sent a value of another length than its type has")

func text(b []byte) (any, error) { return string(b), nil }

func sized(n int, read func([]byte) any) func([]byte) (any, error) {
	return func(b []byte) (any, error) {
		if len(b) != n {
			return nil, errLength
		}
		return read(b), nil
	}
}

func timestamp(b []byte) (any, error) {
	if len(b) != 8 {
		return nil, errLength
	}
	us := int64(binary.BigEndian.Uint64(b))
	return since2000(us, us == math.MaxInt64 || us == math.MinInt64)
}

// epoch2000 is where PostgreSQL counts from, in microseconds of Unix.
const epoch2000 = 946_684_800_000_000

func since2000(us int64, endless bool) (any, error) {
	if endless {
		return nil, errors.New("infinity is no time that a table can hold; leave it out in the query, as with NULLIF")
	}
	return time.UnixMicro(us + epoch2000).UTC(), nil
}

// arrayOf reads arrays of one dimension: dimensions, a flag, the type, then for
// each dimension its length and lower bound, then each item with its length.
func arrayOf(oid uint32) postgresColumn {
	item := postgresType(oid)
	return postgresColumn{arrow.ListOf(item.typ), 1, func(b []byte) (any, error) {
		number := func() int32 {
			if len(b) < 4 {
				b = nil
				return -2
			}
			n := int32(binary.BigEndian.Uint32(b))
			b = b[4:]
			return n
		}
		dimensions := number()
		_, _ = number(), number()
		if dimensions == 0 {
			return []any{}, nil
		}
		if dimensions != 1 {
			return nil, fmt.Errorf("an array of %d dimensions is no list; unnest it in the query", dimensions)
		}
		n := number()
		_ = number()
		if n < 0 || int(n) > len(b) {
			return nil, errLength
		}
		items := make([]any, n)
		for i := range items {
			size := number()
			if size == -1 {
				continue // null
			}
			if size < 0 || int(size) > len(b) {
				return nil, errLength
			}
			var err error
			if items[i], err = item.read(b[:size]); err != nil {
				return nil, err
			}
			b = b[size:]
		}
		return items, nil
	}}
}
