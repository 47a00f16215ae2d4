package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// maxGroup bounds a group commit, so that the first of a long queue does not
// wait for the last.
const maxGroup = 256

// querier is what helpers read through: a snapshot of a reader or the write
// transaction itself.
type querier interface {
	query(q string, args ...any) (*sql.Rows, error)
	row(q string, args ...any) *sql.Row
}

// tx is a transaction, or one job's part of a group. Now is the same for all
// that it writes.
type tx struct {
	conn *sql.Conn
	ctx  context.Context
	now  time.Time
}

func (t *tx) query(q string, args ...any) (*sql.Rows, error) {
	return t.conn.QueryContext(t.ctx, q, args...)
}

func (t *tx) row(q string, args ...any) *sql.Row {
	return t.conn.QueryRowContext(t.ctx, q, args...)
}

func (t *tx) exec(q string, args ...any) error {
	_, err := t.conn.ExecContext(t.ctx, q, args...)
	return err
}

// changed executes q and returns how many rows it touched.
func (t *tx) changed(q string, args ...any) (int64, error) {
	res, err := t.conn.ExecContext(t.ctx, q, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// insert executes q and returns the new row's id.
func (t *tx) insert(q string, args ...any) (int64, error) {
	res, err := t.conn.ExecContext(t.ctx, q, args...)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

// job is a write that waits for the writer.
type job struct {
	ctx  context.Context
	do   func(*tx) error
	err  error
	done chan struct{}
}

// update runs do in a transaction and returns once it is committed. Do must
// not keep the tx and may run twice, when the group that it first was in could
// not be committed.
func (r *Registry) update(ctx context.Context, do func(*tx) error) error {
	j := &job{ctx: ctx, do: do, done: make(chan struct{})}
	select {
	case <-r.stop:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	case r.jobs <- j:
	}
	select {
	case <-j.done:
		return j.err
	case <-r.stopped:
	}
	select {
	case <-j.done:
		return j.err
	default:
		return ErrClosed // it came too late for the writer's last group
	}
}

// view runs do on a snapshot.
func (r *Registry) view(ctx context.Context, do func(*tx) error) error {
	conn, err := r.reader.Conn(ctx)
	if err != nil {
		if errors.Is(err, sql.ErrConnDone) || err.Error() == "sql: database is closed" {
			return ErrClosed
		}
		return fmt.Errorf("registry: %w", err)
	}
	defer conn.Close()
	t := &tx{conn, ctx, r.now()}
	if err := t.exec("BEGIN"); err != nil {
		return err
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), "COMMIT") //nolint:errcheck // nothing was written
	return do(t)
}

// now is the clock in the registry's resolution.
func (r *Registry) now() time.Time { return r.clock().UTC().Truncate(time.Millisecond) }

// write is the writer's goroutine: it takes what waits and commits it at once.
func (r *Registry) write(conn *sql.Conn) {
	defer close(r.stopped)
	defer conn.Close()
	group := make([]*job, 0, maxGroup)
	for {
		group = group[:0]
		select {
		case j := <-r.jobs:
			group = append(group, j)
		case <-r.stop:
			select { // what was accepted before is still done
			case j := <-r.jobs:
				group = append(group, j)
			default:
				return
			}
		}
	collect:
		for len(group) < maxGroup {
			select {
			case j := <-r.jobs:
				group = append(group, j)
			default:
				break collect
			}
		}
		r.commit(conn, group)
	}
}

// commit does a group in one transaction. When the transaction as a whole
// fails (the disk is full, another process holds the lock too long), each job
// is tried alone, so that nobody gets somebody else's error.
func (r *Registry) commit(conn *sql.Conn, group []*job) {
	err := r.attempt(conn, group)
	if err != nil && len(group) > 1 {
		for _, j := range group {
			if err := r.attempt(conn, []*job{j}); err != nil {
				j.err = err
			}
		}
	} else if err != nil {
		group[0].err = err
	}
	for _, j := range group {
		close(j.done)
	}
}

// attempt runs the group's jobs; its error means that none was committed. A
// job's own error undoes only that job.
func (r *Registry) attempt(conn *sql.Conn, group []*job) error {
	// A job's context ends its waiting, never a transaction that it shares.
	t := &tx{conn, context.Background(), r.now()}
	if err := t.exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("registry: begin: %w", err)
	}
	for _, j := range group {
		if j.err = context.Cause(j.ctx); j.err != nil {
			continue
		}
		if len(group) == 1 {
			// Its part is the whole: no savepoint, for which SQLite would copy each
			// page that it changes.
			if j.err = j.do(t); j.err != nil {
				_ = t.exec("ROLLBACK") // fails where SQLite has already done it
				return nil
			}
			break
		}
		var lost error
		if j.err, lost = t.part(j.do); lost != nil {
			_ = t.exec("ROLLBACK") // fails where SQLite has already done it
			return fmt.Errorf("registry: %w", lost)
		}
	}
	if err := t.exec("COMMIT"); err != nil {
		_ = t.exec("ROLLBACK")
		return fmt.Errorf("registry: commit: %w", err)
	}
	return nil
}

// part runs one job inside the group's transaction. The second error says that
// the transaction itself is gone.
func (t *tx) part(do func(*tx) error) (err, lost error) {
	if lost = t.exec("SAVEPOINT job"); lost != nil {
		return nil, lost
	}
	if err = do(t); err != nil {
		if lost = t.exec("ROLLBACK TO job"); lost != nil {
			return nil, errors.Join(err, lost)
		}
	}
	return err, t.exec("RELEASE job")
}
