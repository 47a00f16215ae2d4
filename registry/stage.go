package registry

import (
	"context"
	"database/sql"
	"fmt"

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
		for i := range list {
			if err := putStage(t, a, &list[i].Stage); err != nil {
				return fmt.Errorf("stage %q: %w", list[i].Stage.Name, err)
			}
			if err := putMetrics(t, a, groupMetrics(list[i].Metrics)); err != nil {
				return fmt.Errorf("metrics of stage %q: %w", list[i].Stage.Name, err)
			}
		}
		return beat(t, a.seq)
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

// putStage upserts a stage.
func putStage(t *tx, a active, s *Stage) error {
	work, err := keepWork(t, s)
	if err != nil {
		return err
	}
	return t.exec(`INSERT INTO stages (run, name, work, state, started, finished, error) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (run, name) DO UPDATE SET work = excluded.work, state = excluded.state,
			started = coalesce(excluded.started, started), finished = excluded.finished, error = excluded.error`,
		a.seq, s.Name, work, string(s.State), millis(s.Started), millis(s.Finished), s.Error)
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
	of, began, err := stagesRun(q, run)
	if err != nil {
		return nil, err
	}
	at := make(map[int64][]int) // by work: two stages of a run may do the same
	n := 0
	rows, err := q.query(`SELECT s.work, s.name, w.kind, w.key, s.state, s.started, s.finished, s.error
		FROM stages s JOIN works w ON w.id = s.work WHERE s.run = ? ORDER BY s.id`, of)
	list, err := collect(rows, err, func(scan scanner) (s Stage, err error) {
		var work int64
		var started, finished sql.NullInt64
		err = scan(&work, &s.Name, &s.Kind, &s.Key, &s.State, &started, &finished, &s.Error)
		s.Started, s.Finished = fromMillis(started), fromMillis(finished)
		if of != run {
			s.State, s.Started, s.Finished = StageCached, fromMillis(began), fromMillis(began)
		}
		at[work] = append(at[work], n)
		n++
		return s, err
	})
	if err != nil {
		return nil, err
	}
	for work, stages := range at {
		first := &list[stages[0]]
		if err := readWork(q, work, first); err != nil {
			return nil, err
		}
		for _, i := range stages[1:] {
			list[i].Inputs, list[i].Outputs, list[i].Externals = first.Inputs, first.Outputs, first.Externals
		}
	}
	return list, nil
}
