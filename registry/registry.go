package registry

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// busyTimeout bounds the wait for another process's transaction. Ours last
// milliseconds; only a backup into the same file or a stopped process is worse.
const busyTimeout = 10 * time.Second

// Registry is an open registry file. It is safe for concurrent use.
type Registry struct {
	path   string
	writer *sql.DB // one connection
	reader *sql.DB // a pool, query only

	clock func() time.Time
	rand  io.Reader
	alive func(Process) bool
	sync  string // SQLite's word: NORMAL or FULL

	created bool // by Open
	cache   runCache

	jobs    chan *job
	stop    chan struct{}
	stopped chan struct{}
	once    sync.Once
}

// Option changes how a registry is opened.
type Option func(*Registry)

// WithClock replaces time.Now.
func WithClock(now func() time.Time) Option { return func(r *Registry) { r.clock = now } }

// WithRandom replaces crypto/rand as the source of ids.
func WithRandom(src io.Reader) Option { return func(r *Registry) { r.rand = src } }

// WithFullSync makes every commit wait for the disk, so that acknowledged
// writes outlive a loss of power, too.
func WithFullSync() Option { return func(r *Registry) { r.sync = "FULL" } }

// WithLiveness replaces the test whether a process on this host still runs.
func WithLiveness(alive func(Process) bool) Option { return func(r *Registry) { r.alive = alive } }

// Open opens the registry at path, creates it where there is none, brings an
// older schema up to date, and marks the runs of dead processes as killed. It
// returns ErrNewerSchema for a file that a newer pipe has written, and a
// DamagedError for one that SQLite cannot read.
func Open(ctx context.Context, path string, opts ...Option) (*Registry, error) {
	r := &Registry{
		path: path, clock: time.Now, rand: rand.Reader, alive: processAlive, sync: "NORMAL",
		jobs: make(chan *job, 4096), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	for _, o := range opts {
		o(r)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("registry folder: %w", err)
	}
	if err := longEnough(path); err != nil {
		return nil, err
	}
	if err := r.connect(); err != nil {
		return nil, err
	}
	if err := r.prepare(ctx); err != nil {
		return nil, errors.Join(opening(path, err), r.writer.Close(), r.reader.Close())
	}
	w, err := r.startWriter(ctx)
	if err != nil {
		return nil, errors.Join(opening(path, err), r.writer.Close(), r.reader.Close())
	}
	// By the writer's connection: a command that reads nothing needs no other.
	dead, err := r.left(&tx{conn: w.conn, ctx: ctx, now: r.now()})
	go w.loop()
	if err == nil {
		err = r.bury(ctx, dead)
	}
	if err != nil {
		return nil, errors.Join(opening(path, err), r.Close())
	}
	return r, nil
}

// prepare brings the file's schema up to date, whatever it was.
func (r *Registry) prepare(ctx context.Context) error {
	var version int
	if err := r.writer.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version < 0 {
		return &DamagedError{Path: r.path, Err: fmt.Errorf("its schema is number %d", version)}
	}
	r.created = version == 0
	return migrate(ctx, r.writer, migrations())
}

func (r *Registry) connect() (err error) {
	if r.writer, err = r.open(url.Values{"_journal_mode": {"WAL"}}); err != nil {
		return fmt.Errorf("registry %s: %w", r.path, err)
	}
	r.writer.SetMaxOpenConns(1)
	if r.reader, err = r.open(url.Values{"_query_only": {"1"}}); err != nil {
		return errors.Join(fmt.Errorf("registry %s: %w", r.path, err), r.writer.Close())
	}
	readers := max(4, runtime.GOMAXPROCS(0))
	r.reader.SetMaxOpenConns(readers)
	r.reader.SetMaxIdleConns(readers)
	return nil
}

// open gives a pool whose connections have the pragmas of all connections and
// those of extra.
func (r *Registry) open(extra url.Values) (*sql.DB, error) {
	abs, err := filepath.Abs(r.path)
	if err != nil {
		return nil, err
	}
	pragmas := url.Values{
		"_busy_timeout":    {fmt.Sprint(busyTimeout.Milliseconds())},
		"_foreign_keys":    {"1"},
		"_synchronous":     {r.sync},
		"_stmt_cache_size": {"96"},
	}
	maps.Copy(pragmas, extra)
	u := url.URL{Scheme: "file", OmitHost: true, Path: abs, RawQuery: pragmas.Encode()}
	return sql.OpenDB(&damageDriver{path: r.path, dsn: u.String()}), nil
}

// Close finishes the writes that wait and closes the file.
func (r *Registry) Close() error {
	var err error
	r.once.Do(func() {
		close(r.stop)
		<-r.stopped
		err = errors.Join(r.reader.Close(), r.writer.Close())
	})
	return err
}

// Created reports whether Open found no registry, or an empty file. Of several
// processes that open the same path at once, more than one may say so.
func (r *Registry) Created() bool { return r.created }

// Path returns the file's path as it was given to Open.
func (r *Registry) Path() string { return r.path }
