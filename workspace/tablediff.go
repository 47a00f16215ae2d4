package workspace

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/registry"
)

// TableChange is a table that two runs gave with different content.
type TableChange struct {
	Table   string   `json:"table"` // stage.port
	Rows    [2]int64 `json:"rows"`
	Schema  []Change `json:"schema,omitempty"`  // columns that came, went or have another type
	Columns []string `json:"columns,omitempty"` // columns that are in both and have other values
	// Added and Removed count rows, whatever their order; -1 where the columns
	// differ, so that rows cannot be compared.
	Added   int64  `json:"added"`
	Removed int64  `json:"removed"`
	Missing string `json:"missing,omitempty"` // why the contents were not compared
}

func (w *Workspace) tableChanges(ctx context.Context, a, b []registry.Stage) ([]TableChange, error) {
	before := byName(a)
	var out []TableChange
	for _, s := range b {
		for _, port := range slices.Sorted(maps.Keys(s.Outputs)) {
			ra, rb := before[s.Name].Outputs[port], s.Outputs[port]
			if ra.Type != artifacts.Table || rb.Type != artifacts.Table || ra.Digest == rb.Digest {
				continue
			}
			c := TableChange{Table: s.Name + "." + port, Rows: [2]int64{ra.Rows, rb.Rows}, Added: -1, Removed: -1}
			if !w.Store.Has(ra) || !w.Store.Has(rb) {
				c.Missing = "one of the two is no longer in the store"
			} else if err := w.compareTables(ctx, ra, rb, &c); err != nil {
				return nil, fmt.Errorf("compare %s: %w", c.Table, err)
			}
			out = append(out, c)
		}
	}
	return out, nil
}

func (w *Workspace) compareTables(ctx context.Context, a, b artifacts.Ref, c *TableChange) error {
	seed := maphash.MakeSeed()
	sa, err := w.summarise(ctx, a, seed)
	if err != nil {
		return err
	}
	sb, err := w.summarise(ctx, b, seed)
	if err != nil {
		return err
	}
	c.Schema = changes(sa.types, sb.types)
	for _, name := range sb.order {
		if sa.types[name] == sb.types[name] && sa.columns[name] != sb.columns[name] {
			c.Columns = append(c.Columns, name)
		}
	}
	if len(c.Schema) > 0 {
		return nil
	}
	c.Added, c.Removed = 0, 0
	for h, n := range sb.rows {
		c.Added += max(0, n-sa.rows[h])
	}
	for h, n := range sa.rows {
		c.Removed += max(0, n-sb.rows[h])
	}
	return nil
}

// summary tells tables apart in 16 bytes a distinct row.
type summary struct {
	types   map[string]string
	order   []string
	columns map[string]uint64 // a hash of the values in order
	rows    map[uint64]int64  // how often each row is there
}

func (w *Workspace) summarise(ctx context.Context, ref artifacts.Ref, seed maphash.Seed) (*summary, error) {
	r, err := dag.OpenTable(w.Store, ref, ref.Digest.Short())
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s := &summary{types: map[string]string{}, columns: map[string]uint64{}, rows: map[uint64]int64{}}
	for _, f := range r.Schema().Fields() {
		s.types[f.Name] = table.TypeName(f.Type)
		s.order = append(s.order, f.Name)
	}
	for batch, err := range table.All(r) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		s.add(batch, seed)
	}
	return s, nil
}

func (s *summary) add(batch arrow.RecordBatch, seed maphash.Seed) {
	rows := make([]maphash.Hash, batch.NumRows())
	for i := range rows {
		rows[i].SetSeed(seed)
	}
	for c, column := range batch.Columns() {
		var h maphash.Hash
		h.SetSeed(seed)
		maphash.WriteComparable(&h, s.columns[s.order[c]])
		for i := range rows {
			null, v := column.IsNull(i), column.ValueStr(i)
			for _, to := range []*maphash.Hash{&h, &rows[i]} {
				maphash.WriteComparable(to, null)
				maphash.WriteComparable(to, len(v))
				to.WriteString(v)
			}
		}
		s.columns[s.order[c]] = h.Sum64()
	}
	for i := range rows {
		s.rows[rows[i].Sum64()]++
	}
}
