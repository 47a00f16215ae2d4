package profile

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/zeebo/xxh3"

	"pipe/stages/rows"
)

// distinct counts different values: exactly while they are few, and by
// HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007) with 64-bit hashes when
// they are many.
type distinct struct {
	counts    map[xxh3.Uint128]*valueCount // nil when there are too many
	registers []uint8
	key       []byte
}

type valueCount struct {
	shown string
	n     int64
}

const (
	maxCounted = 50_000
	precision  = 14
)

func newDistinct() distinct {
	return distinct{counts: map[xxh3.Uint128]*valueCount{}, registers: make([]uint8, 1<<precision)}
}

func (d *distinct) add(col arrow.Array, i int) {
	d.key = rows.AppendKey(d.key[:0], col, i)
	h := xxh3.Hash128(d.key)
	register := h.Hi >> (64 - precision)
	rank := uint8(bits.LeadingZeros64(h.Hi<<precision|1<<(precision-1)) + 1)
	d.registers[register] = max(d.registers[register], rank)
	if cap(d.key) > 1<<20 {
		d.key = nil
	}
	if d.counts == nil {
		return
	}
	c, ok := d.counts[h]
	if !ok {
		if len(d.counts) == maxCounted {
			d.counts = nil
			return
		}
		c = &valueCount{shown: show(rows.Value(col, i))}
		d.counts[h] = c
	}
	c.n++
}

// show writes a value for people, cut after 60 characters.
func show(v any) string {
	s, ok := v.(string)
	switch x := v.(type) {
	case time.Time:
		s = x.UTC().Format(time.RFC3339Nano)
	case []byte:
		s = fmt.Sprintf("%x", x)
	default:
		if !ok {
			s = fmt.Sprint(v)
		}
	}
	n := 0
	for at := range s {
		if n == 60 {
			return s[:at] + "…"
		}
		n++
	}
	return s
}

func (d *distinct) count() (n int64, exact bool) {
	if d.counts != nil {
		return int64(len(d.counts)), true
	}
	sum := 0.0
	for _, r := range d.registers {
		sum += math.Ldexp(1, -int(r))
	}
	m := float64(len(d.registers))
	alpha := 0.7213 / (1 + 1.079/m)
	return int64(math.Round(alpha * m * m / sum)), false
}

// top lists the most frequent values, and nothing where no value comes twice.
func (d *distinct) top(n int) []Count {
	var out []Count
	for _, c := range d.counts {
		out = append(out, Count{c.shown, c.n})
	}
	slices.SortFunc(out, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	if len(out) == 0 || out[0].Count == 1 {
		return nil
	}
	return out[:min(n, len(out))]
}
