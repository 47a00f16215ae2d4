package registry

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Schedule is when a pipeline runs by itself. What Spec says is not the
// registry's business.
type Schedule struct {
	ID       int64     `json:"id"`
	Name     string    `json:"name"`
	Pipeline string    `json:"pipeline"`
	File     string    `json:"file"`
	Folder   string    `json:"folder,omitempty"`
	Spec     string    `json:"spec"`
	Created  time.Time `json:"created"`
	Updated  time.Time `json:"updated"`
	Paused   bool      `json:"paused"`
	Reason   string    `json:"reason,omitempty"`
	Cursor   time.Time `json:"cursor"` // every fire time up to here has been seen to
	Memory   string    `json:"memory,omitempty"`
	Problem  string    `json:"problem,omitempty"`
	Failing  bool      `json:"failing,omitempty"`
}

const scheduleColumns = "id, name, pipeline, file, folder, spec, created, updated, paused, reason, cursor, memory, problem, failing"

func scanSchedule(scan scanner) (s Schedule, err error) {
	var created, updated, cursor int64
	err = scan(&s.ID, &s.Name, &s.Pipeline, &s.File, &s.Folder, &s.Spec, &created, &updated, &s.Paused, &s.Reason, &cursor, &s.Memory, &s.Problem, &s.Failing)
	s.Created, s.Updated, s.Cursor = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC(), time.UnixMilli(cursor).UTC()
	return s, err
}

// PutSchedules adds schedules or changes what they say; whether one is paused,
// its cursor and its memory stay as they are. The first fire time of a new one,
// or of one that was removed, comes after its Cursor. With a file given, the
// schedules of that file that are not among them are removed.
func (r *Registry) PutSchedules(ctx context.Context, file string, list []Schedule) error {
	return r.changeSchedules(ctx, func(t *tx) error {
		now := t.now.UnixMilli()
		keep := map[string]bool{}
		for _, s := range list {
			keep[s.Name] = true
			if err := t.exec(`INSERT INTO schedules (name, pipeline, file, folder, spec, created, updated, cursor) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)
				ON CONFLICT (name) DO UPDATE SET pipeline = ?2, file = ?3, folder = ?4, spec = ?5, updated = ?6, problem = '',
					cursor = CASE WHEN removed THEN ?7 ELSE cursor END, memory = CASE WHEN removed THEN '' ELSE memory END, paused = CASE WHEN removed THEN 0 ELSE paused END, removed = 0`,
				s.Name, s.Pipeline, s.File, s.Folder, s.Spec, now, s.Cursor.UnixMilli()); err != nil {
				return err
			}
		}
		if file == "" {
			return nil
		}
		rows, err := t.query("SELECT name FROM schedules WHERE file = ? AND NOT removed", file)
		names, err := collect(rows, err, func(scan scanner) (n string, err error) { return n, scan(&n) })
		if err != nil {
			return err
		}
		for _, n := range names {
			if !keep[n] {
				if err := removeSchedule(t, n); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// changeSchedules is update for what a leader in another process must see.
func (r *Registry) changeSchedules(ctx context.Context, do func(*tx) error) error {
	return r.update(ctx, func(t *tx) error {
		if err := do(t); err != nil {
			return err
		}
		return t.exec("UPDATE schedule_changes SET n = n + 1")
	})
}

// ScheduleChanges grows with every change of schedules and fires by others than
// the leader.
func (r *Registry) ScheduleChanges(ctx context.Context) (n int64, err error) {
	err = r.view(ctx, func(t *tx) error { return t.row("SELECT n FROM schedule_changes").Scan(&n) })
	return n, err
}

// RemoveSchedule ends a schedule: what waits is cancelled, what runs is told to
// stop, its history stays.
func (r *Registry) RemoveSchedule(ctx context.Context, name string, why Audit) error {
	return r.changeSchedules(ctx, func(t *tx) error {
		s, err := schedule(t, name)
		if err != nil {
			return err
		}
		if err := removeSchedule(t, name); err != nil {
			return err
		}
		return audit(t, why, "schedule.remove", "schedule "+name, s.File, "")
	})
}

func removeSchedule(t *tx, name string) error {
	if err := t.exec("UPDATE schedules SET removed = 1, updated = ? WHERE name = ?", t.now.UnixMilli(), name); err != nil {
		return err
	}
	return t.exec(`UPDATE fires SET state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END, cancel = 1, ended = CASE state WHEN 'queued' THEN ?1 ELSE ended END
		WHERE schedule = (SELECT id FROM schedules WHERE name = ?2) AND state IN ('queued', 'running')`, t.now.UnixMilli(), name)
}

// PauseSchedule stops new runs of a schedule, or lets them go on.
func (r *Registry) PauseSchedule(ctx context.Context, name string, paused bool, why Audit) error {
	return r.changeSchedules(ctx, func(t *tx) error {
		s, err := schedule(t, name)
		if err != nil || s.Paused == paused {
			return err
		}
		if err := t.exec("UPDATE schedules SET paused = ?, reason = ?, updated = ? WHERE id = ?", paused, why.Why, t.now.UnixMilli(), s.ID); err != nil {
			return err
		}
		action := "schedule.resume"
		if paused {
			action = "schedule.pause"
		}
		return audit(t, why, action, "schedule "+name, "", "")
	})
}

// SetScheduleProblem keeps what is wrong with the file of schedules; "" that
// nothing is.
func (r *Registry) SetScheduleProblem(ctx context.Context, file, problem string) error {
	return r.update(ctx, func(t *tx) error {
		return t.exec("UPDATE schedules SET problem = ?1 WHERE file = ?2 AND problem <> ?1", problem, file)
	})
}

// Schedules returns the schedules by name.
func (r *Registry) Schedules(ctx context.Context) (list []Schedule, err error) {
	err = r.view(ctx, func(t *tx) error {
		rows, err := t.query("SELECT " + scheduleColumns + " FROM schedules WHERE NOT removed ORDER BY name")
		list, err = collect(rows, err, scanSchedule)
		return err
	})
	return list, err
}

// Schedule returns a schedule by its name.
func (r *Registry) Schedule(ctx context.Context, name string) (s Schedule, err error) {
	err = r.view(ctx, func(t *tx) error {
		s, err = schedule(t, name)
		return err
	})
	return s, err
}

func schedule(q querier, name string) (Schedule, error) {
	s, err := scanSchedule(q.row("SELECT "+scheduleColumns+" FROM schedules WHERE name = ? AND NOT removed", name).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return s, notFound("schedule", name)
	}
	return s, err
}
