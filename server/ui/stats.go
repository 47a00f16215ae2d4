package ui

import (
	"fmt"
	"math"
	"net/http"
	"path"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts/table"
	"pipe/stages/profile"
)

// statistics remembers the profiles of tables: an artifact never changes, so
// neither does what is said of it.
type statistics struct {
	mu   sync.Mutex
	kept map[string]*profiled
	busy sync.Mutex // one table is read at a time: the runs need the machine, too
}

// profiled is the statistics of the columns of a table.
type profiled struct {
	Rows    int64
	Cut     bool // only the first rows were read
	Columns []statColumn
}

type statColumn struct {
	*profile.Column
	Bars    []bar
	Median  string
	Missing string
}

// bar is one of a histogram, in a box of 100 by 30.
type bar struct {
	X, Y, W, H float64
	Title      string
}

// The bounds of what statistics read: of the first rows of a table, and of as
// many columns as a page shows.
const (
	statRows = 200_000
	statKept = 100
)

func (s *Server) artifactStats(w http.ResponseWriter, r *http.Request) error {
	ref, err := s.artifactRef(r.Context(), r.PathValue("digest"))
	if err != nil {
		return err
	}
	name := r.URL.Query().Get("file")
	key := string(ref.Digest) + "/" + name
	s.stats.mu.Lock()
	kept := s.stats.kept[key]
	s.stats.mu.Unlock()
	if kept == nil {
		var c interface {
			content
			Close() error
		}
		ext := ref.Format
		if ref.IsFolder() {
			f, err := s.w.Store.OpenFolder(ref)
			if err != nil {
				return err
			}
			if c, err = f.OpenObject(name); err != nil {
				return err
			}
			ext = extOf(name)
		} else if c, err = s.w.Store.Open(ref); err != nil {
			return err
		}
		defer c.Close()
		if kindOf(ext) != "table" {
			return &problem{http.StatusBadRequest, "Only tables have statistics."}
		}
		s.stats.busy.Lock()
		kept, err = profileOf(r, path.Base(name), ext, c)
		s.stats.busy.Unlock()
		if err != nil {
			return err
		}
		s.stats.mu.Lock()
		if s.stats.kept == nil || len(s.stats.kept) >= statKept {
			s.stats.kept = map[string]*profiled{}
		}
		s.stats.kept[key] = kept
		s.stats.mu.Unlock()
	}
	if r.Header.Get("X-Part") != "" {
		return s.part(w, r, "stats", "stats", kept)
	}
	s.render(w, r, http.StatusOK, "stats", &frame{Title: "Statistics of " + ref.Digest.Short(), Room: "runs"}, kept)
	return nil
}

// profileOf reads the first rows of a table, twice where histograms need it.
func profileOf(r *http.Request, name, ext string, c content) (*profiled, error) {
	var b *profile.Builder
	out := &profiled{}
	pass := func(do func(arrow.RecordBatch)) error {
		t, err := openTable(name, ext, c)
		if err != nil {
			return err
		}
		defer t.Close()
		if b == nil {
			b = profile.NewBuilder(t.Schema(), 1)
		}
		left := int64(statRows)
		for batch, err := range table.All(t) {
			if err == nil {
				err = r.Context().Err()
			}
			if err != nil {
				return err
			}
			if batch.NumRows() > left {
				part := batch.NewSlice(0, left)
				do(part)
				part.Release()
				out.Cut = true
				return nil
			}
			do(batch)
			if left -= batch.NumRows(); left == 0 {
				out.Cut = true
				return nil
			}
		}
		return nil
	}
	if err := pass(func(batch arrow.RecordBatch) { b.Add(batch) }); err != nil {
		return nil, err
	}
	if b.Again() {
		if err := pass(func(batch arrow.RecordBatch) { b.AddAgain(batch) }); err != nil {
			return nil, err
		}
	}
	p := b.Profile()
	out.Rows = p.Rows
	for _, col := range p.Columns[:min(len(p.Columns), shownColumns)] {
		out.Columns = append(out.Columns, newStat(col, p.Rows))
	}
	return out, nil
}

func newStat(col *profile.Column, rows int64) statColumn {
	s := statColumn{Column: col, Missing: "–"}
	if col.Nulls > 0 && rows > 0 {
		s.Missing = fmt.Sprintf("%s (%.1f %%)", count(col.Nulls), 100*float64(col.Nulls)/float64(rows))
	}
	var counts []int64
	var label func(int) string
	switch {
	case col.Numbers != nil && len(col.Numbers.Histogram.Counts) > 0:
		h := col.Numbers.Histogram
		counts = h.Counts
		label = func(i int) string { return number(h.Edges[i]) + " to " + number(h.Edges[i+1]) }
	case len(col.Top) > 0:
		for _, t := range col.Top {
			counts = append(counts, t.Count)
		}
		label = func(i int) string { return col.Top[i].Value }
	}
	if col.Numbers != nil {
		for _, q := range col.Numbers.Quantiles {
			if math.Abs(q.Share-0.5) < 1e-9 {
				s.Median = number(q.Value)
			}
		}
	}
	var most int64 = 1
	for _, n := range counts {
		most = max(most, n)
	}
	for i, n := range counts {
		width := 100 / float64(len(counts))
		h := 28 * float64(n) / float64(most)
		if n > 0 {
			h = max(h, 1)
		}
		s.Bars = append(s.Bars, bar{float64(i) * width, 30 - h, max(width-0.8, 0.5), h, label(i) + ": " + count(n)})
	}
	return s
}
