package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"
)

// maxGroup bounds a group commit, so that the first of a long queue does not
// wait for the last.
const maxGroup = 256

// checkpointPages is the length of the log, in pages of 4 KiB, at which it is
// copied into the file. Copying costs two waits for the disk, and pages that
// changed often are copied once; a longer log takes longer to read at Open, and
// each look-up longer.
const checkpointPages = 4000

// querier is what helpers read through: a snapshot of a reader or the write
// transaction itself.
type querier interface {
	query(q string, args ...any) (*sql.Rows, error)
	row(q string, args ...any) *sql.Row
}

// tx is a transaction, or one job's part of a group. Now is the same for all
// that it writes.
type tx struct {
	conn  *sql.Conn
	ctx   context.Context
	now   time.Time
	known *knownSeries // of the writer; nil elsewhere
}

// control are the statements around jobs. The driver caches prepared
// statements only of those with arguments, and parsing these anew for each job
// would cost as much as the job.
type control struct {
	begin, commit, rollback, save, undo, release *sql.Stmt
}

func prepareControl(ctx context.Context, conn *sql.Conn) (c control, err error) {
	for _, s := range []struct {
		at   **sql.Stmt
		text string
	}{
		{&c.begin, "BEGIN IMMEDIATE"}, {&c.commit, "COMMIT"}, {&c.rollback, "ROLLBACK"},
		{&c.save, "SAVEPOINT job"}, {&c.undo, "ROLLBACK TO job"}, {&c.release, "RELEASE job"},
	} {
		if *s.at, err = conn.PrepareContext(ctx, s.text); err != nil {
			return c, fmt.Errorf("preparing %s: %w", s.text, err)
		}
	}
	return c, nil
}

// run executes a control statement.
func run(s *sql.Stmt) error {
	_, err := s.ExecContext(context.Background())
	return err
}

// writer is the connection that all writes go through.
type writer struct {
	r    *Registry
	conn *sql.Conn
	control
	known knownSeries
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
	t := &tx{conn: conn, ctx: ctx, now: r.now()}
	if err := t.exec("BEGIN"); err != nil {
		return err
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), "COMMIT") //nolint:errcheck // nothing was written
	return do(t)
}

// now is the clock in the registry's resolution.
func (r *Registry) now() time.Time { return r.clock().UTC().Truncate(time.Millisecond) }

func (r *Registry) startWriter(ctx context.Context) (*writer, error) {
	conn, err := r.writer.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, fmt.Sprint("PRAGMA wal_autocheckpoint = ", checkpointPages)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	c, err := prepareControl(ctx, conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &writer{r: r, conn: conn, control: c}, nil
}

// loop is the writer's goroutine: it takes what waits and commits it at once.
func (w *writer) loop() {
	r := w.r
	defer close(r.stopped)
	defer w.conn.Close()
	defer w.shorten()
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
		group = r.gather(group)
		w.write(group)
	}
}

// longLog is the length of the log that Close leaves to the next Open, which
// reads it all; what is longer is copied into the file.
const longLog = 1 << 20

// shorten empties a long log. Where others use the file, it stays: they have to
// do without nothing.
func (w *writer) shorten() {
	info, err := os.Stat(w.r.path + "-wal")
	if err != nil || info.Size() <= longLog {
		return
	}
	_, _ = w.conn.ExecContext(context.Background(), "PRAGMA busy_timeout = 0; PRAGMA wal_checkpoint(TRUNCATE)")
}

// gather takes what waits now.
func (r *Registry) gather(group []*job) []*job {
	for len(group) < maxGroup {
		select {
		case j := <-r.jobs:
			group = append(group, j)
		default:
			return group
		}
	}
	return group
}

// write does a group in one transaction. When the transaction as a whole
// fails (the disk is full, another process holds the lock too long), each job
// is tried alone, so that nobody gets somebody else's error.
func (w *writer) write(group []*job) {
	// Nearly always every job succeeds, and then their savepoints would be a third
	// of the work: they are set only once one of the group has failed.
	err := w.attempt(group, false)
	if errors.Is(err, errApart) {
		err = w.attempt(group, true)
	}
	if err != nil && len(group) > 1 {
		for _, j := range group {
			if err := w.attempt([]*job{j}, true); err != nil {
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

// errApart says that a job failed, so that each needs a savepoint of its own.
var errApart = errors.New("a job of the group failed")

// attempt runs the group's jobs; its error means that none was committed. A
// job's own error undoes only that job, by a savepoint where there is one; a
// group without gives errApart.
func (w *writer) attempt(group []*job, savepoints bool) error {
	// A job's context ends its waiting, never a transaction that it shares.
	t := &tx{w.conn, context.Background(), w.r.now(), &w.known}
	if err := run(w.begin); err != nil {
		return fmt.Errorf("registry: begin: %w", err)
	}
	for _, j := range group {
		if j.err = context.Cause(j.ctx); j.err != nil {
			continue
		}
		if !savepoints {
			if j.err = j.do(t); j.err != nil && len(group) > 1 {
				w.undone()
				return errApart
			}
			if j.err != nil { // alone: what it did is undone with the transaction
				w.undone()
				return nil
			}
			continue
		}
		var lost error
		if j.err, lost = w.part(t, j.do); lost != nil {
			w.undone()
			return fmt.Errorf("registry: %w", lost)
		}
	}
	if err := run(w.commit); err != nil {
		w.undone()
		return fmt.Errorf("registry: commit: %w", err)
	}
	return nil
}

// undone takes the transaction back.
func (w *writer) undone() {
	_ = run(w.rollback) // fails where SQLite has already done it
	w.known.forget()
}

// part runs one job inside the group's transaction. The second error says that
// the transaction itself is gone.
func (w *writer) part(t *tx, do func(*tx) error) (err, lost error) {
	if lost = run(w.save); lost != nil {
		return nil, lost
	}
	if err = do(t); err != nil {
		w.known.forget()
		if lost = run(w.undo); lost != nil {
			return nil, errors.Join(err, lost)
		}
	}
	return err, run(w.release)
}
