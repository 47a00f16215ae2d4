package rows

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/zeebo/xxh3"
)

// Set remembers rows by a hash of 128 bits (XXH3): some 40 bytes a row, whatever
// is in it. That two different rows out of a billion have one hash has a
// probability of about 10^-21, unless somebody makes them so.
type Set struct {
	seen map[xxh3.Uint128]struct{}
	key  []byte
}

// NewSet returns an empty set.
func NewSet() *Set { return &Set{seen: map[xxh3.Uint128]struct{}{}} }

// Distinct keeps those of the rows of a batch that differ in some of the columns
// from all rows that the set has met, in place, and remembers them.
func (s *Set) Distinct(batch arrow.RecordBatch, cols, rows []int) []int {
	kept := rows[:0]
	for _, i := range rows {
		s.key = s.key[:0]
		for _, c := range cols {
			s.key = AppendKey(s.key, batch.Column(c), i)
		}
		h := xxh3.Hash128(s.key)
		if _, found := s.seen[h]; !found {
			s.seen[h] = struct{}{}
			kept = append(kept, i)
		}
	}
	if cap(s.key) > 1<<20 {
		s.key = nil // one gigantic value must not stay in memory
	}
	return kept
}

// Len is the number of different rows.
func (s *Set) Len() int { return len(s.seen) }
