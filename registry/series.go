package registry

import (
	"cmp"
	"container/heap"
	"database/sql"
	"errors"
	"math"
	"slices"
)

// part is a part of a series whose points are in order: a block, what is in
// batches, or the rows of points.
type part struct {
	first, last int64  // times
	n           int    // 0: unknown
	id          int64  // of the block; 0: none
	data        packed // what is in batches
}

// sources are the parts of a series by their first point.
func sources(t *tx, series int64) ([]part, error) {
	// Each end is one look into the index; min and max in one query would read it all.
	rows, err := t.query(`SELECT first, last, n, id FROM blocks WHERE series = ?1 UNION ALL
		SELECT * FROM (SELECT (SELECT min(time) FROM points WHERE series = ?1) AS first, (SELECT max(time) FROM points WHERE series = ?1), 0, 0) WHERE first IS NOT NULL
		ORDER BY 1, 2, 4`, series)
	parts, err := collect(rows, err, func(scan scanner) (s part, err error) {
		err = scan(&s.first, &s.last, &s.n, &s.id)
		return s, err
	})
	if err != nil {
		return nil, err
	}
	list, err := inBatches(t, series)
	if len(list) > 0 {
		b := newBlock(list)
		parts = append(parts, part{first: b.first, last: b.last, n: b.n, data: b.data})
		slices.SortStableFunc(parts, func(p, q part) int { return cmp.Compare(p.first, q.first) })
	}
	return parts, err
}

// cursor is a place in a source.
type cursor struct {
	at   point
	data packed    // the rest of a block
	rows *sql.Rows // or that of the rows
}

func (t *tx) cursor(series int64, s part) (*cursor, error) {
	c := new(cursor)
	var err error
	switch {
	case s.data != nil:
		c.data = s.data
	case s.id != 0:
		c.data, err = blockData(t, s.id, s.n)
	default:
		c.rows, err = t.query("SELECT step, time, value, nan FROM points WHERE series = ? ORDER BY time, step, value, nan", series)
	}
	return c, err
}

// next moves to the next point, and reports false at the end.
func (c *cursor) next() (ok bool, err error) {
	if c.rows == nil {
		if len(c.data) == 0 {
			return false, nil
		}
		c.at, c.data = c.data.at(0), c.data[pointSize:]
		return true, nil
	}
	if !c.rows.Next() {
		return false, errors.Join(c.rows.Err(), c.close())
	}
	c.at, err = scanPoint(c.rows.Scan)
	return true, err
}

func (c *cursor) close() error {
	if c.rows == nil {
		return nil
	}
	return c.rows.Close()
}

// cursors is a heap by the next point.
type cursors []*cursor

func (c cursors) Len() int           { return len(c) }
func (c cursors) Less(i, j int) bool { return c[i].at.compare(c[j].at) < 0 }
func (c cursors) Swap(i, j int)      { c[i], c[j] = c[j], c[i] }
func (c *cursors) Push(x any)        { *c = append(*c, x.(*cursor)) }
func (c *cursors) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}

// eachOf calls do for the points of a series, by time, step and value, without
// the first skip of them, until it returns false. Of the parts, only those are
// held that overlap in time, and those that are skipped whole are not read.
func eachOf(t *tx, series int64, skip int, do func(point) (bool, error)) error {
	parts, err := sources(t, series)
	if err != nil {
		return err
	}
	var open cursors
	defer func() {
		for _, c := range open {
			_ = c.close() // it was only read
		}
	}()
	var before point // the last point that was passed
	passed, end := false, int64(math.MinInt64)
	for len(parts) > 0 || len(open) > 0 {
		if len(open) == 0 && parts[0].alone(end, parts[1:]) && parts[0].n > 0 && parts[0].n <= skip {
			skip -= parts[0].n
			end, passed, parts = parts[0].last, false, parts[1:]
			continue
		}
		for len(parts) > 0 && (len(open) == 0 || parts[0].first <= open[0].at.time) {
			c, err := t.cursor(series, parts[0])
			if err != nil {
				return err
			}
			end, parts = max(end, parts[0].last), parts[1:]
			if ok, err := c.next(); err != nil {
				return errors.Join(err, c.close())
			} else if ok {
				heap.Push(&open, c)
			}
		}
		if len(open) == 0 {
			continue
		}
		c := open[0]
		p := c.at
		if ok, err := c.next(); err != nil {
			return err
		} else if ok {
			heap.Fix(&open, 0)
		} else {
			heap.Pop(&open)
		}
		if passed && p.compare(before) == 0 {
			continue
		}
		before, passed = p, true
		if skip > 0 {
			skip--
			continue
		}
		if more, err := do(p); err != nil || !more {
			return err
		}
	}
	return nil
}

// alone reports whether a part begins after end and ends before what follows.
func (s part) alone(end int64, following []part) bool {
	return s.first > end && (len(following) == 0 || s.last < following[0].first)
}

// seriesOf finds a series, 0 for a metric that the run does not have.
func seriesOf(q querier, run, key string) (id int64, err error) {
	seq, err := seqOf(q, run)
	if err != nil {
		return 0, err
	}
	err = q.row("SELECT id FROM series WHERE run = ? AND key = ?", seq, key).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, err
}
