package registry

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// ErrFenced says that a lease has a new holder, so that the old one may not
// write any more.
var ErrFenced = errors.New("the lease has a new holder")

// Lease is held by one process at a time. Its token is larger than those of all
// holders before it.
type Lease struct {
	Name    string    `json:"name"`
	Token   int64     `json:"token"`
	Expires time.Time `json:"expires"`
	Holder  Process   `json:"holder"`
}

// TakeLease gives the lease to p where it is free, has expired, or its holder
// has died; held tells whether p has it now. The lease that is returned is the
// one in force. Taking a lease that p holds already prolongs it.
func (r *Registry) TakeLease(ctx context.Context, name string, p Process, ttl time.Duration) (l Lease, held bool, err error) {
	err = r.update(ctx, func(t *tx) error {
		l, held = Lease{}, false
		old, err := lease(t, name)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		mine := err == nil && old.Holder == p
		dead := old.Holder.Host == p.Host && !r.alive(old.Holder)
		if err == nil && !mine && !dead && t.now.Before(old.Expires) {
			l = old
			return nil
		}
		l, held = Lease{Name: name, Token: old.Token, Expires: t.now.Add(ttl), Holder: p}, true
		if !mine {
			l.Token++
		}
		return t.exec(`INSERT OR REPLACE INTO leases (name, token, expires, pid, born, boot, host) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			name, l.Token, l.Expires.UnixMilli(), p.PID, p.Born, p.Boot, p.Host)
	})
	return l, held, err
}

// DropLease ends a lease before its time; one that somebody else holds stays.
func (r *Registry) DropLease(ctx context.Context, l Lease) error {
	return r.update(ctx, func(t *tx) error {
		return t.exec("UPDATE leases SET expires = 0, pid = 0, born = '', boot = '', host = '' WHERE name = ? AND token = ?", l.Name, l.Token)
	})
}

// Lease returns a lease; ErrNotFound where nobody has ever held it.
func (r *Registry) Lease(ctx context.Context, name string) (l Lease, err error) {
	err = r.view(ctx, func(t *tx) error {
		if l, err = lease(t, name); errors.Is(err, sql.ErrNoRows) {
			return notFound("lease", name)
		}
		return err
	})
	return l, err
}

func lease(q querier, name string) (Lease, error) {
	l := Lease{Name: name}
	var expires int64
	err := q.row("SELECT token, expires, pid, born, boot, host FROM leases WHERE name = ?", name).
		Scan(&l.Token, &expires, &l.Holder.PID, &l.Holder.Born, &l.Holder.Boot, &l.Holder.Host)
	l.Expires = time.UnixMilli(expires).UTC()
	return l, err
}

// Held tells whether a lease is in force now: not expired, and its holder, as
// far as that can be seen from here, alive.
func (r *Registry) Held(l Lease) bool {
	return l.Holder.PID != 0 && r.now().Before(l.Expires) && (l.Holder.Host != Self().Host || r.alive(l.Holder))
}

// fence refuses a writer that has lost its lease.
func fence(t *tx, l Lease) error {
	now, err := lease(t, l.Name)
	if err == nil && now.Token != l.Token {
		return ErrFenced
	}
	return err
}
