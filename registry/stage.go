package registry

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"pipe/artifacts"
)

// PutStage stores the state of a stage, with its inputs, outputs and the
// points that it logged, in one transaction. A later state of the same stage
// replaces the earlier one; the lineage follows from inputs and outputs.
func (r *Registry) PutStage(ctx context.Context, id string, s Stage, metrics ...Metric) error {
	return r.PutStages(ctx, id, []StageRecord{{s, metrics}})
}

// PutStages stores many stages of one run in one transaction.
func (r *Registry) PutStages(ctx context.Context, id string, list []StageRecord) error {
	for i := range list {
		if err := list[i].Stage.check(); err != nil {
			return err
		}
	}
	return r.update(ctx, func(t *tx) error {
		a, err := activeRun(t, id)
		if err != nil {
			return err
		}
		known := make(map[artifacts.Ref]int64)
		for i := range list {
			if err := putStage(t, a, &list[i].Stage, known); err != nil {
				return fmt.Errorf("stage %q: %w", list[i].Stage.Name, err)
			}
			if err := putMetrics(t, a, list[i].Metrics); err != nil {
				return fmt.Errorf("metrics of stage %q: %w", list[i].Stage.Name, err)
			}
		}
		return nil
	})
}

func (s *Stage) check() error {
	switch s.State {
	case StageRunning, StageDone, StageCached, StageFailed, StageSkipped:
	default:
		return invalid("stage", s.Name, "stage %q has the unknown state %q", s.Name, s.State)
	}
	for _, ports := range []map[string]artifacts.Ref{s.Inputs, s.Outputs} {
		for port, ref := range ports {
			if err := ref.Validate(); err != nil {
				return invalid("stage", s.Name, "stage %q, port %q: %v", s.Name, port, err)
			}
		}
	}
	return nil
}

// putStage upserts a stage. Known remembers the ids of artifacts: the output
// of one stage is the input of others.
func putStage(t *tx, a active, s *Stage, known map[artifacts.Ref]int64) error {
	var id int64
	err := t.row(`INSERT INTO stages (run, name, kind, key, state, started, finished, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (run, name) DO UPDATE SET kind = excluded.kind, key = excluded.key, state = excluded.state,
			started = coalesce(excluded.started, started), finished = excluded.finished, error = excluded.error
		RETURNING id`,
		a.seq, s.Name, s.Kind, string(s.Key), string(s.State), millis(s.Started), millis(s.Finished), s.Error).Scan(&id)
	if err != nil {
		return err
	}
	if err := putPorts(t, id, 0, s.Inputs, known); err != nil {
		return err
	}
	if err := putPorts(t, id, 1, s.Outputs, known); err != nil {
		return err
	}
	for _, x := range s.Externals {
		if err := t.exec("INSERT OR REPLACE INTO externals (stage, path, digest, size) VALUES (?, ?, ?, ?)",
			id, x.Path, string(x.Digest), x.Size); err != nil {
			return err
		}
	}
	return nil
}

func putPorts(t *tx, stage int64, output int, ports map[string]artifacts.Ref, known map[artifacts.Ref]int64) error {
	for _, port := range slices.Sorted(maps.Keys(ports)) {
		ref := ports[port]
		id, ok := known[ref]
		if !ok {
			var err error
			if id, err = keepArtifact(t, ref); err != nil {
				return err
			}
			known[ref] = id
		}
		if err := t.exec("INSERT OR REPLACE INTO ports (stage, output, port, artifact) VALUES (?, ?, ?, ?)", stage, output, port, id); err != nil {
			return err
		}
	}
	return nil
}

// keepArtifact returns the id of an artifact's row.
func keepArtifact(t *tx, ref artifacts.Ref) (id int64, err error) {
	err = t.row("SELECT id FROM artifacts WHERE digest = ? AND type = ? AND format = ?", string(ref.Digest), string(ref.Type), ref.Format).Scan(&id)
	if err == sql.ErrNoRows {
		return t.insert("INSERT INTO artifacts (digest, type, format, size, rows) VALUES (?, ?, ?, ?, ?)",
			string(ref.Digest), string(ref.Type), ref.Format, ref.Size, ref.Rows)
	}
	return id, err
}

// Stages returns the stages of a run in the order in which they were first
// stored.
func (r *Registry) Stages(ctx context.Context, id string) (list []Stage, err error) {
	err = r.view(ctx, func(t *tx) error {
		seq, err := seqOf(t, id)
		if err == nil {
			list, err = stagesOf(t, seq)
		}
		return err
	})
	return list, err
}

func stagesOf(q querier, run int64) ([]Stage, error) {
	at := make(map[int64]int)
	rows, err := q.query("SELECT id, name, kind, key, state, started, finished, error FROM stages WHERE run = ? ORDER BY id", run)
	list, err := collect(rows, err, func(scan scanner) (s Stage, err error) {
		var id int64
		var key, state string
		var started, finished sql.NullInt64
		err = scan(&id, &s.Name, &s.Kind, &key, &state, &started, &finished, &s.Error)
		s.Key, s.State = artifacts.Key(key), StageState(state)
		s.Started, s.Finished = fromMillis(started), fromMillis(finished)
		at[id] = len(at)
		return s, err
	})
	if err != nil {
		return nil, err
	}
	if err := attachPorts(q, run, list, at); err != nil {
		return nil, err
	}
	return list, attachExternals(q, run, list, at)
}

func attachPorts(q querier, run int64, list []Stage, at map[int64]int) error {
	rows, err := q.query(`SELECT p.stage, p.output, p.port, a.digest, a.type, a.format, a.size, a.rows
		FROM stages s JOIN ports p ON p.stage = s.id JOIN artifacts a ON a.id = p.artifact WHERE s.run = ?`, run)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var stage int64
		var output bool
		var port string
		var ref artifacts.Ref
		if err := rows.Scan(&stage, &output, &port, &ref.Digest, &ref.Type, &ref.Format, &ref.Size, &ref.Rows); err != nil {
			return err
		}
		ports := &list[at[stage]].Inputs
		if output {
			ports = &list[at[stage]].Outputs
		}
		if *ports == nil {
			*ports = make(map[string]artifacts.Ref)
		}
		(*ports)[port] = ref
	}
	return rows.Err()
}

func attachExternals(q querier, run int64, list []Stage, at map[int64]int) error {
	rows, err := q.query(`SELECT x.stage, x.path, x.digest, x.size FROM stages s JOIN externals x ON x.stage = s.id
		WHERE s.run = ? ORDER BY x.stage, x.path`, run)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var stage int64
		var x External
		if err := rows.Scan(&stage, &x.Path, &x.Digest, &x.Size); err != nil {
			return err
		}
		s := &list[at[stage]]
		s.Externals = append(s.Externals, x)
	}
	return rows.Err()
}
