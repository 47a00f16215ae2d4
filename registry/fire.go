package registry

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// FireState is how far a fire has come.
type FireState string

// The life of a fire: queued, running, then one of the others. One that fails
// and is to be tried again is queued once more.
const (
	FireQueued    FireState = "queued"
	FireRunning   FireState = "running"
	FireDone      FireState = "done"
	FireFailed    FireState = "failed"
	FireCancelled FireState = "cancelled"
	FireSkipped   FireState = "skipped"
)

// Fire is a fire time that has come, and the run that it gives.
type Fire struct {
	ID       int64             `json:"id"`
	Schedule string            `json:"schedule"`
	At       time.Time         `json:"at"` // the logical time
	Token    string            `json:"token,omitempty"`
	Cause    string            `json:"cause"` // time, catchup, trigger, manual, webhook, backfill
	Why      string            `json:"why,omitempty"`
	Due      time.Time         `json:"due"` // At and the jitter
	Start    time.Time         `json:"interval_start"`
	End      time.Time         `json:"interval_end"`
	Params   map[string]string `json:"params,omitempty"`
	Priority int               `json:"priority,omitempty"`
	State    FireState         `json:"state"`
	Attempt  int               `json:"attempt"` // the number of the last one; 0 before the first
	After    time.Time         `json:"not_before,omitzero"`
	Run      string            `json:"run,omitempty"` // of the last attempt
	Started  time.Time         `json:"started,omitzero"`
	Ended    time.Time         `json:"ended,omitzero"`
	Late     bool              `json:"late,omitempty"`
	Cancel   bool              `json:"cancel,omitempty"`
	Error    string            `json:"error,omitempty"`
}

const fireColumns = `f.id, s.name, f.at, f.token, f.cause, f.why, f.due, f.begins, f.ends, f.params, f.priority, f.state, f.attempt, f.not_before, f.run, f.started, f.ended, f.late, f.cancel, f.error
	FROM fires f JOIN schedules s ON s.id = f.schedule`

func scanFire(scan scanner) (f Fire, err error) {
	var at, due, begins, ends, after int64
	var started, ended sql.NullInt64
	var params string
	if err = scan(&f.ID, &f.Schedule, &at, &f.Token, &f.Cause, &f.Why, &due, &begins, &ends, &params, &f.Priority, &f.State, &f.Attempt, &after, &f.Run, &started, &ended, &f.Late, &f.Cancel, &f.Error); err != nil {
		return f, err
	}
	f.At, f.Due, f.Start, f.End = time.UnixMilli(at).UTC(), time.UnixMilli(due).UTC(), time.UnixMilli(begins).UTC(), time.UnixMilli(ends).UTC()
	f.Started, f.Ended = fromMillis(started), fromMillis(ended)
	if after > 0 {
		f.After = time.UnixMilli(after).UTC()
	}
	if params != "" {
		err = json.Unmarshal([]byte(params), &f.Params)
	}
	return f, err
}

// FireBatch is what a step of the leader brings for one schedule: fires, and how
// far it has come. Memory nil leaves that as it is.
type FireBatch struct {
	Schedule string
	Cursor   time.Time // the zero time leaves it
	Memory   *string
	Fires    []Fire
}

// AddFires writes down what has come, all or nothing. A fire that is there
// already, by schedule, time and token, is left as it is: that it is added
// twice does not make two of it. It returns those that are new.
func (r *Registry) AddFires(ctx context.Context, l Lease, batches []FireBatch) (added []Fire, err error) {
	err = r.update(ctx, func(t *tx) error {
		added = nil
		if err := fence(t, l); err != nil {
			return err
		}
		for _, b := range batches {
			s, err := schedule(t, b.Schedule)
			if errors.Is(err, ErrNotFound) {
				continue // it was removed meanwhile
			}
			if err != nil {
				return err
			}
			for _, f := range b.Fires {
				isNew, err := addFire(t, s, &f)
				if err != nil {
					return err
				}
				if isNew {
					added = append(added, f)
				}
			}
			if b.Cursor.After(s.Cursor) {
				if err := t.exec("UPDATE schedules SET cursor = ? WHERE id = ?", b.Cursor.UnixMilli(), s.ID); err != nil {
					return err
				}
			}
			if b.Memory != nil {
				if err := t.exec("UPDATE schedules SET memory = ? WHERE id = ?", *b.Memory, s.ID); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return added, err
}

// Enqueue adds fires by hand, outside the leader.
func (r *Registry) Enqueue(ctx context.Context, name string, fires []Fire) (added []Fire, err error) {
	err = r.changeSchedules(ctx, func(t *tx) error {
		added = nil
		s, err := schedule(t, name)
		if err != nil {
			return err
		}
		for _, f := range fires {
			isNew, err := addFire(t, s, &f)
			if err != nil {
				return err
			}
			if isNew {
				added = append(added, f)
			}
		}
		return nil
	})
	return added, err
}

func addFire(t *tx, s Schedule, f *Fire) (isNew bool, err error) {
	params := ""
	if len(f.Params) > 0 {
		b, err := json.Marshal(f.Params)
		if err != nil {
			return false, err
		}
		params = string(b)
	}
	if f.State == "" {
		f.State = FireQueued
	}
	n, err := t.changed(`INSERT INTO fires (schedule, at, token, cause, why, due, begins, ends, params, priority, state, ended, error)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (schedule, at, token) DO NOTHING`,
		s.ID, f.At.UnixMilli(), f.Token, f.Cause, f.Why, f.Due.UnixMilli(), f.Start.UnixMilli(), f.End.UnixMilli(), params, f.Priority, string(f.State), millis(f.Ended), f.Error)
	if err != nil || n == 0 {
		return false, err
	}
	f.Schedule = s.Name
	return true, t.row("SELECT last_insert_rowid()").Scan(&f.ID)
}

// StartFire gives a fire that waits its next attempt, with the run that is to
// do it. ErrConflict where it does not wait any more.
func (r *Registry) StartFire(ctx context.Context, l Lease, id int64, run string, at time.Time) error {
	return r.update(ctx, func(t *tx) error {
		if err := fence(t, l); err != nil {
			return err
		}
		n, err := t.changed("UPDATE fires SET state = 'running', attempt = attempt + 1, run = ?, fence = ?, started = ?, ended = NULL, error = '' WHERE id = ? AND state = 'queued'", run, l.Token, at.UnixMilli(), id)
		if err == nil && n == 0 {
			return conflict("fire", run, "fire %d does not wait any more", id)
		}
		return err
	})
}

// FireEnd is what became of a fire.
type FireEnd struct {
	State FireState
	Error string
	At    time.Time
	After time.Time // of one that is queued again
}

// EndFire writes down what became of a fire that ran or waited, and whether the
// schedule counts as failing from now on (nil: as before).
func (r *Registry) EndFire(ctx context.Context, l Lease, id int64, e FireEnd, failing *bool) error {
	return r.update(ctx, func(t *tx) error {
		if err := fence(t, l); err != nil {
			return err
		}
		after := int64(0)
		if !e.After.IsZero() {
			after = e.After.UnixMilli()
		}
		if err := t.exec("UPDATE fires SET state = ?, error = ?, ended = ?, not_before = ? WHERE id = ? AND state IN ('queued', 'running')", string(e.State), e.Error, millis(e.At), after, id); err != nil || failing == nil {
			return err
		}
		return t.exec("UPDATE schedules SET failing = ? WHERE id = (SELECT schedule FROM fires WHERE id = ?)", *failing, id)
	})
}

// MarkLate notes that somebody is told of a fire's lateness; false where that
// was done before.
func (r *Registry) MarkLate(ctx context.Context, l Lease, id int64) (first bool, err error) {
	err = r.update(ctx, func(t *tx) error {
		if err := fence(t, l); err != nil {
			return err
		}
		n, err := t.changed("UPDATE fires SET late = 1 WHERE id = ? AND late = 0", id)
		first = n == 1
		return err
	})
	return first, err
}

// CancelFire asks that the fire of a run stops. It returns false where the run
// belongs to no fire that is under way.
func (r *Registry) CancelFire(ctx context.Context, run string) (found bool, err error) {
	err = r.changeSchedules(ctx, func(t *tx) error {
		n, err := t.changed("UPDATE fires SET cancel = 1 WHERE run = ? AND state = 'running'", run)
		found = n > 0
		return err
	})
	return found, err
}

// FireQuery says which fires are wanted.
type FireQuery struct {
	Schedule string // "" for all
	States   []FireState
	From, To time.Time // of At; the zero time for no limit
	Causes   []string
	ID       int64
	Limit    int  // 0 for no limit
	Oldest   bool // first; else the newest
}

// Fires returns fires, the newest first unless Oldest is set.
func (r *Registry) Fires(ctx context.Context, q FireQuery) (list []Fire, err error) {
	where, args := []string{"1"}, []any{}
	add := func(text string, a ...any) { where, args = append(where, text), append(args, a...) }
	if q.Schedule != "" {
		add("f.schedule = (SELECT id FROM schedules WHERE name = ?)", q.Schedule)
	}
	if len(q.States) > 0 {
		quoted := make([]string, len(q.States)) // in the text, so that the partial index serves
		for i, s := range q.States {
			quoted[i] = "'" + strings.ReplaceAll(string(s), "'", "''") + "'"
		}
		add("f.state IN (" + strings.Join(quoted, ", ") + ")")
	}
	if len(q.Causes) > 0 {
		marks := strings.Repeat(", ?", len(q.Causes))[2:]
		where = append(where, "f.cause IN ("+marks+")")
		for _, c := range q.Causes {
			args = append(args, c)
		}
	}
	if !q.From.IsZero() {
		add("f.at >= ?", q.From.UnixMilli())
	}
	if !q.To.IsZero() {
		add("f.at <= ?", q.To.UnixMilli())
	}
	if q.ID > 0 {
		add("f.id = ?", q.ID)
	}
	order := " ORDER BY f.at DESC, f.id DESC"
	if q.Oldest {
		order = " ORDER BY f.at, f.id"
	}
	limit := -1
	if q.Limit > 0 {
		limit = q.Limit
	}
	err = r.view(ctx, func(t *tx) error {
		rows, err := t.query("SELECT "+fireColumns+" WHERE "+strings.Join(where, " AND ")+order+" LIMIT ?", append(args, limit)...)
		list, err = collect(rows, err, scanFire)
		return err
	})
	return list, err
}

// FireCounts counts the fires of each schedule by state, of those that are open
// or whose time is not before since.
func (r *Registry) FireCounts(ctx context.Context, since time.Time) (counts map[string]map[FireState]int, err error) {
	err = r.view(ctx, func(t *tx) error {
		counts = map[string]map[FireState]int{}
		rows, err := t.query("SELECT s.name, f.state, count(*) FROM fires f JOIN schedules s ON s.id = f.schedule WHERE f.due >= ? OR f.state IN ('queued', 'running') GROUP BY s.name, f.state", since.UnixMilli())
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			var state FireState
			var n int
			if err := rows.Scan(&name, &state, &n); err != nil {
				return err
			}
			if counts[name] == nil {
				counts[name] = map[FireState]int{}
			}
			counts[name][state] = n
		}
		return rows.Err()
	})
	return counts, err
}

// LastFires gives the newest fire of each schedule that does not wait any more.
func (r *Registry) LastFires(ctx context.Context) (last map[string]*Fire, err error) {
	err = r.view(ctx, func(t *tx) error {
		rows, err := t.query("SELECT " + fireColumns + ` WHERE NOT s.removed AND f.id = (SELECT id FROM fires WHERE schedule = s.id AND state <> 'queued' ORDER BY at DESC, id DESC LIMIT 1)`)
		list, err := collect(rows, err, scanFire)
		last = make(map[string]*Fire, len(list))
		for i := range list {
			last[list[i].Schedule] = &list[i]
		}
		return err
	})
	return last, err
}

// FireByToken finds a fire of a schedule by its token; nil where there is none.
func (r *Registry) FireByToken(ctx context.Context, name, token string) (f *Fire, err error) {
	err = r.view(ctx, func(t *tx) error {
		rows, err := t.query("SELECT "+fireColumns+" WHERE s.name = ? AND f.token = ? LIMIT 1", name, token)
		list, err := collect(rows, err, scanFire)
		if len(list) > 0 {
			f = &list[0]
		}
		return err
	})
	return f, err
}
