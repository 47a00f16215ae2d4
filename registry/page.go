package registry

import (
	"encoding/json"
)

// attach reads the parameters, tags and latest metrics of a page of runs: one
// query for each kind, whatever the number of runs.
func attach(q querier, list []Run) error {
	if len(list) == 0 {
		return nil
	}
	at := make(map[int64]*Run, len(list))
	seqs := make([]int64, len(list))
	for i := range list {
		seqs[i] = list[i].seq
		at[seqs[i]] = &list[i]
	}
	ids, err := json.Marshal(seqs)
	if err != nil {
		return err
	}
	for _, table := range []struct {
		query string
		list  func(*Run) *[]Pair
	}{
		{"SELECT run, key, value FROM params WHERE run IN (SELECT value FROM json_each(?)) ORDER BY run, key", func(r *Run) *[]Pair { return &r.Params }},
		{"SELECT run, key, value FROM tags WHERE run IN (SELECT value FROM json_each(?)) ORDER BY run, key", func(r *Run) *[]Pair { return &r.Tags }},
	} {
		if err := attachPairs(q, table.query, string(ids), at, table.list); err != nil {
			return err
		}
	}
	if err := attachMetrics(q, string(ids), at); err != nil {
		return err
	}
	if err := attachInputs(q, string(ids), at); err != nil {
		return err
	}
	return attachModels(q, string(ids), at)
}

func attachPairs(q querier, query, ids string, at map[int64]*Run, list func(*Run) *[]Pair) error {
	rows, err := q.query(query, ids)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var run int64
		var p Pair
		if err := rows.Scan(&run, &p.Key, &p.Value); err != nil {
			return err
		}
		l := list(at[run])
		*l = append(*l, p)
	}
	return rows.Err()
}

func attachMetrics(q querier, ids string, at map[int64]*Run) error {
	rows, err := q.query(`SELECT run, key, step, time, value, nan FROM series
		WHERE run IN (SELECT value FROM json_each(?)) ORDER BY run, key`, ids)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var run int64
		var key string
		var p point
		if err := rows.Scan(&run, &key, &p.step, &p.time, &p.value, &p.nan); err != nil {
			return err
		}
		r := at[run]
		r.Metrics = append(r.Metrics, p.metric(key))
	}
	return rows.Err()
}
