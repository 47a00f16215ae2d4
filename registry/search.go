package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"pipe/registry/filter"
)

// View says which of the deleted and not deleted a search sees.
type View int

// The views, as in MLflow.
const (
	ActiveOnly View = iota
	DeletedOnly
	All
)

// condition is the view on a column that is 0 or 1.
func (v View) condition(column string) string {
	return column + [...]string{ActiveOnly: " = 0", DeletedOnly: " = 1", All: " IN (0, 1)"}[v]
}

// RunQuery selects runs.
type RunQuery struct {
	// Experiments are the ids to search in; none: all.
	Experiments []int64
	// Filter is MLflow's search grammar (package filter), for instance
	// `metrics.accuracy > 0.9 and params.model = 'lstm'`.
	Filter string
	// OrderBy are keys like "metrics.accuracy DESC"; ties, and a query without
	// any, go by start, newest first, then by id. What lacks the key comes
	// last, NaN before it, whatever the direction.
	OrderBy []string
	View    View
	// Limit is the length of a page; 0: 1,000.
	Limit int
	// PageToken is what the page before returned.
	PageToken string
	// Offset is how many runs to pass over, after those of the token.
	Offset int
}

// defaultLimit is the length of a page that asks for none.
const defaultLimit = 1000

// Runs returns a page of runs and the token of the next one, empty after the
// last. A filter, sort key or token that cannot be read gives ErrInvalid. The
// lists in the runs may be shared with other callers and must not be changed.
func (r *Registry) Runs(ctx context.Context, q RunQuery) (list []Run, next string, err error) {
	p, err := newRunPlan(q)
	if err != nil {
		return nil, "", err
	}
	err = r.view(ctx, func(t *tx) error {
		seqs, err := p.find(t)
		if err != nil {
			return err
		}
		if len(seqs) > p.limit {
			seqs, next = seqs[:p.limit], pageToken(p.offset+p.limit)
		}
		list, err = r.page(t, seqs)
		return err
	})
	return list, next, err
}

// page reads runs in the order given, from the cache where it can.
func (r *Registry) page(q querier, seqs []int64) ([]Run, error) {
	revs, err := revisions(q, seqs)
	if err != nil {
		return nil, err
	}
	runs := r.cache.get(revs)
	var missing []int64
	for _, seq := range seqs {
		if _, ok := runs[seq]; !ok {
			missing = append(missing, seq)
		}
	}
	read, err := runsBySeq(q, missing)
	if err != nil {
		return nil, err
	}
	r.cache.put(read, revs)
	for _, run := range read {
		runs[run.seq] = run
	}
	list := make([]Run, len(seqs))
	for i, seq := range seqs {
		list[i] = runs[seq]
	}
	return list, nil
}

func revisions(q querier, seqs []int64) (map[int64]int64, error) {
	ids, err := json.Marshal(seqs)
	if err != nil || len(seqs) == 0 {
		return nil, err
	}
	rows, err := q.query("SELECT r.seq, r.revision FROM json_each(?) j CROSS JOIN runs r ON r.seq = j.value", string(ids))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	revs := make(map[int64]int64, len(seqs))
	for rows.Next() {
		var seq, revision int64
		if err := rows.Scan(&seq, &revision); err != nil {
			return nil, err
		}
		revs[seq] = revision
	}
	return revs, rows.Err()
}

// runsBySeq reads runs, in any order.
func runsBySeq(q querier, seqs []int64) ([]Run, error) {
	ids, err := json.Marshal(seqs)
	if err != nil || len(seqs) == 0 {
		return nil, err
	}
	rows, err := q.query("SELECT "+runColumns+" FROM json_each(?) j CROSS JOIN runs r ON r.seq = j.value", string(ids))
	list, err := collect(rows, err, scanRun)
	if err != nil {
		return nil, err
	}
	return list, attach(q, list)
}

// pageToken is MLflow's: the base64 of {"offset": n}.
func pageToken(offset int) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"offset": %d}`, offset))
}

func parseToken(token string) (int, error) {
	if token == "" {
		return 0, nil
	}
	var t struct {
		Offset *int `json:"offset"`
	}
	text, err := base64.StdEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	if err != nil || t.Offset == nil || *t.Offset < 0 {
		return 0, invalid("page token", token, "invalid page token %q", token)
	}
	return *t.Offset, nil
}

// parseFilter and parseOrder turn a parser's complaint into ErrInvalid.
func parseFilter(g *filter.Grammar, text string) (filter.Expr, error) {
	x, err := g.Parse(text)
	if err != nil {
		return nil, invalid("filter", text, "%v", err)
	}
	return x, nil
}

func parseOrder(g *filter.Grammar, list []string) ([]filter.Order, error) {
	var keys []filter.Order
	seen := make(map[filter.Field]bool)
	for _, text := range list {
		o, err := g.ParseOrder(text)
		if err != nil {
			return nil, invalid("order", text, "order_by: %v", err)
		}
		if seen[o.Field] {
			return nil, invalid("order", text, "`order_by` contains duplicate fields: %s twice", o.Field)
		}
		seen[o.Field] = true
		keys = append(keys, o)
	}
	return keys, nil
}
