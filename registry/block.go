package registry

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

const (
	// blockFrom is how many points of a series in one call make a block of their
	// own; fewer become rows.
	blockFrom = 16
	// gatherFrom is how many rows of a series are gathered into a block.
	gatherFrom = 1024
	// blockMost bounds a block, so that little is read for one of its points.
	blockMost = 4096

	pointSize = 24
)

// compare orders points as histories do: by time, step and value. Equal points
// are one.
func (p point) compare(q point) int {
	if c := cmp.Compare(p.time, q.time); c != 0 {
		return c
	}
	if c := cmp.Compare(p.step, q.step); c != 0 {
		return c
	}
	if c := cmp.Compare(p.value, q.value); c != 0 || p.nan == q.nan {
		return c
	}
	if p.nan {
		return 1
	}
	return -1
}

// ordered sorts points and drops those that are there twice.
func ordered(list []point) []point {
	if !slices.IsSortedFunc(list, point.compare) {
		slices.SortFunc(list, point.compare)
	}
	return slices.CompactFunc(list, func(p, q point) bool { return p.compare(q) == 0 })
}

// block is a row of blocks before it is written.
type block struct {
	first, last int64
	n           int
	data        []byte
}

// newBlock packs ordered points, of which there must be one at least.
func newBlock(list []point) block {
	b := make([]byte, 0, len(list)*pointSize)
	for _, p := range list {
		b = p.pack(b)
	}
	return block{list[0].time, list[len(list)-1].time, len(list), b}
}

func (p point) pack(b []byte) []byte {
	if p.nan {
		p.value = math.NaN()
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(p.time))
	b = binary.LittleEndian.AppendUint64(b, uint64(p.step))
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(p.value))
}

// packed is the data of a block.
type packed []byte

func (d packed) at(i int) point {
	b := d[i*pointSize : (i+1)*pointSize]
	p := point{
		time:  int64(binary.LittleEndian.Uint64(b)),
		step:  int64(binary.LittleEndian.Uint64(b[8:])),
		value: math.Float64frombits(binary.LittleEndian.Uint64(b[16:])),
	}
	if math.IsNaN(p.value) {
		p.value, p.nan = 0, true
	}
	return p
}

// newBlocks cuts ordered points into blocks.
func newBlocks(list []point) (out []block) {
	for part := range slices.Chunk(list, blockMost) {
		out = append(out, newBlock(part))
	}
	return out
}

func addBlocks(t *tx, series int64, list []block) error {
	for _, b := range list {
		if err := t.exec("INSERT INTO blocks (series, first, last, n, data) VALUES (?, ?, ?, ?, ?)", series, b.first, b.last, b.n, b.data); err != nil {
			return err
		}
	}
	return nil
}

// gatherLoose moves the oldest rows of a series into a block, and reports
// whether there may be more of them.
func gatherLoose(t *tx, series int64) (more bool, err error) {
	rows, err := t.query("SELECT step, time, value, nan FROM points WHERE series = ? ORDER BY time, step, value, nan LIMIT ?", series, blockMost)
	list, err := collect(rows, err, scanPoint)
	if err != nil || len(list) == 0 {
		return false, err
	}
	if err := addBlocks(t, series, []block{newBlock(list)}); err != nil {
		return false, err
	}
	last := list[len(list)-1]
	if err := t.exec("DELETE FROM points WHERE series = ? AND (time, step, value, nan) <= (?, ?, ?, ?)", series, last.time, last.step, last.value, last.nan); err != nil {
		return false, err
	}
	return len(list) == blockMost, t.exec("UPDATE series SET loose = 0 WHERE id = ?", series)
}

func scanPoint(scan scanner) (p point, err error) {
	err = scan(&p.step, &p.time, &p.value, &p.nan)
	return p, err
}

// blockData reads a block.
func blockData(q querier, id int64, n int) (packed, error) {
	var d packed
	if err := q.row("SELECT data FROM blocks WHERE id = ?", id).Scan((*[]byte)(&d)); err != nil {
		return nil, err
	}
	if len(d) != n*pointSize {
		return nil, &DamagedError{Err: fmt.Errorf("block %d of points has %d bytes in place of %d", id, len(d), n*pointSize)}
	}
	return d, nil
}
