package stages

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/stages/rows"
)

// groupSplit sends a row where a hash of its group's value and the seed says.
// It needs no memory and no count, and a group stays where it was when rows are
// added to the table.
type groupSplit struct {
	column string
	below  [partCount]uint64 // hashes up to this go to the part
	seed   uint64
	buf    []byte
}

func newGroupSplit(column string, shares [partCount]float64, seed uint64) *groupSplit {
	s := &groupSplit{column: column, seed: seed}
	sum := 0.0
	last := 0
	for p, share := range shares {
		if share > 0 {
			last = p
		}
		sum += share
		s.below[p] = uint64(math.Min(sum, 1) * (1 << 53))
	}
	for p := last; p < partCount; p++ {
		s.below[p] = 1 << 53
	}
	return s
}

func (s *groupSplit) assign(parts []int, batch arrow.RecordBatch, first int64) ([]int, error) {
	at, err := columnsOf(batch.Schema(), []string{s.column})
	if err != nil {
		return nil, err
	}
	col := batch.Column(at[0])
	for i := range col.Len() {
		if col.IsNull(i) {
			return nil, fmt.Errorf(`row %d, column %q: it is null and so in no group; drop such rows with clean's drop_null`, first+int64(i), s.column)
		}
		parts = append(parts, s.part(col, i))
	}
	return parts, nil
}

func (s *groupSplit) part(col arrow.Array, row int) int {
	s.buf = binary.BigEndian.AppendUint64(append(s.buf[:0], "split by group\x00"...), s.seed)
	s.buf = rows.AppendKey(s.buf, col, row)
	sum := sha256.Sum256(s.buf)
	h := binary.BigEndian.Uint64(sum[:]) >> 11
	for p, below := range s.below {
		if h < below {
			return p
		}
	}
	return testPart
}
