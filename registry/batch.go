package registry

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

const (
	// batchesOfRun is how many batches a run may have before they are divided
	// into blocks. Every reader of one of its series looks into all of them.
	batchesOfRun = 64

	batchPointSize = 8 + pointSize
)

// addBatch writes what a call logged of series with few points each: one row,
// where a row for each point would change a page of the file for each series.
func addBatch(t *tx, run int64, all []*series) error {
	byID := slices.SortedFunc(slices.Values(all), func(s, o *series) int { return cmp.Compare(s.id, o.id) })
	var b []byte
	for _, s := range byID {
		for _, p := range s.rows {
			b = p.pack(binary.LittleEndian.AppendUint64(b, uint64(s.id)))
		}
	}
	if err := t.exec("INSERT INTO batches (run, data) VALUES (?, ?)", run, b); err != nil {
		return err
	}
	var n int
	if err := t.row("SELECT count(*) FROM batches WHERE run = ?", run).Scan(&n); err != nil || n < batchesOfRun {
		return err
	}
	return divide(t, run)
}

// batch is the data of a row of batches.
type batch []byte

func (b batch) len() int           { return len(b) / batchPointSize }
func (b batch) series(i int) int64 { return int64(binary.LittleEndian.Uint64(b[i*batchPointSize:])) }
func (b batch) at(i int) point     { return packed(b[i*batchPointSize+8 : (i+1)*batchPointSize]).at(0) }

// of returns the points of a series.
func (b batch) of(series int64) (list []point) {
	low, high := 0, b.len()
	for low < high {
		if mid := (low + high) / 2; b.series(mid) < series {
			low = mid + 1
		} else {
			high = mid
		}
	}
	for ; low < b.len() && b.series(low) == series; low++ {
		list = append(list, b.at(low))
	}
	return list
}

func scanBatch(scan scanner) (b batch, err error) {
	if err = scan((*[]byte)(&b)); err == nil && len(b)%batchPointSize != 0 {
		err = &DamagedError{Err: fmt.Errorf("a batch of points has %d bytes, which is no multiple of %d", len(b), batchPointSize)}
	}
	return b, err
}

// divide makes blocks of a run's batches, one for each series.
func divide(t *tx, run int64) error {
	rows, err := t.query("SELECT data FROM batches WHERE run = ? ORDER BY id", run)
	list, err := collect(rows, err, scanBatch)
	if err != nil {
		return err
	}
	all := make(map[int64][]point)
	var order []int64
	for _, b := range list {
		for i := range b.len() {
			id := b.series(i)
			if all[id] == nil {
				order = append(order, id)
			}
			all[id] = append(all[id], b.at(i))
		}
	}
	slices.Sort(order)
	for _, id := range order {
		if err := addBlocks(t, id, newBlocks(ordered(all[id]))); err != nil {
			return err
		}
	}
	return t.exec("DELETE FROM batches WHERE run = ?", run)
}

// inBatches returns the points of a series that are in batches still, in order.
func inBatches(t *tx, series int64) (list []point, err error) {
	rows, err := t.query("SELECT b.data FROM series s JOIN batches b ON b.run = s.run WHERE s.id = ?", series)
	some, err := collect(rows, err, scanBatch)
	for _, b := range some {
		list = append(list, b.of(series)...)
	}
	return ordered(list), err
}
