package registry

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
)

// Token is a secret with which a program acts for a user.
type Token struct {
	ID      string    `json:"id"`
	User    string    `json:"user"`
	Level   string    `json:"level"`  // at most this, whatever the user may
	Scoped  bool      `json:"scoped"` // for nothing but Grants
	Grants  []Grant   `json:"grants,omitempty"`
	Note    string    `json:"note,omitempty"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
}

// Bearer is whom a token or a session stands for.
type Bearer struct {
	User  User
	Token *Token // nil for a session
}

// secretPrefix lets scanners of source code find tokens that were committed.
const secretPrefix = "pipe_"

// AddToken makes a token for t.User and returns its secret, which is kept
// nowhere.
func (r *Registry) AddToken(ctx context.Context, n Token, why Audit) (token Token, secret string, err error) {
	var id [6]byte
	var random [32]byte
	for _, b := range [][]byte{id[:], random[:]} {
		if _, err := io.ReadFull(r.rand, b); err != nil {
			return n, "", fmt.Errorf("draw a token: %w", err)
		}
	}
	n.ID = hex.EncodeToString(id[:])
	n.Scoped = len(n.Grants) > 0
	secret = secretPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	err = r.update(ctx, func(t *tx) error {
		u, err := userByName(t, n.User)
		if err != nil {
			return err
		}
		n.Created = t.now
		var expires any
		if !n.Expires.IsZero() {
			expires = n.Expires.UnixMilli()
		}
		if err := t.exec("INSERT INTO tokens (id, user, digest, level, scoped, note, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			n.ID, u.id, digestOf(secret), n.Level, n.Scoped, n.Note, t.now.UnixMilli(), expires); err != nil {
			return err
		}
		for _, g := range n.Grants {
			if err := putGrant(t, u.id, n.ID, g); err != nil {
				return err
			}
		}
		return audit(t, why, "token.add", n.User, "", n.ID+" "+n.Level)
	})
	return n, secret, err
}

func digestOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// Tokens lists all tokens, oldest first.
func (r *Registry) Tokens(ctx context.Context) (list []Token, err error) {
	err = r.view(ctx, func(t *tx) error {
		rows, err := t.query("SELECT u.id, u.name, t.id, t.level, t.scoped, t.note, t.created, t.expires FROM tokens t JOIN users u ON u.id = t.user ORDER BY t.created, t.id")
		var users []int64
		list, err = collect(rows, err, func(scan scanner) (k Token, err error) {
			k, user, err := scanToken(scan)
			users = append(users, user)
			return k, err
		})
		for i := range list {
			if err != nil {
				break
			}
			list[i].Grants, err = grantsOf(t, users[i], list[i].ID)
		}
		return err
	})
	return list, err
}

func scanToken(scan scanner) (k Token, user int64, err error) {
	var created int64
	var expires sql.NullInt64
	err = scan(&user, &k.User, &k.ID, &k.Level, &k.Scoped, &k.Note, &created, &expires)
	k.Created = time.UnixMilli(created).UTC()
	if expires.Valid {
		k.Expires = time.UnixMilli(expires.Int64).UTC()
	}
	return k, user, err
}

// RevokeToken removes a token.
func (r *Registry) RevokeToken(ctx context.Context, id string, why Audit) error {
	return r.update(ctx, func(t *tx) error {
		var user string
		err := t.row("SELECT u.name FROM tokens t JOIN users u ON u.id = t.user WHERE t.id = ?", id).Scan(&user)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("token", id)
		}
		if err == nil {
			err = t.exec("DELETE FROM tokens WHERE id = ?", id)
		}
		if err == nil {
			err = t.exec("DELETE FROM grants WHERE token = ?", id)
		}
		if err != nil {
			return err
		}
		return audit(t, why, "token.revoke", user, id, "")
	})
}

// BearerOfToken finds whom a token's secret stands for; ErrNotFound when there
// is none or it has expired.
func (r *Registry) BearerOfToken(ctx context.Context, secret string) (b Bearer, err error) {
	err = r.view(ctx, func(t *tx) error {
		k, _, err := scanToken(t.row("SELECT u.id, u.name, t.id, t.level, t.scoped, t.note, t.created, t.expires FROM tokens t JOIN users u ON u.id = t.user WHERE t.digest = ?", digestOf(secret)).Scan)
		if errors.Is(err, sql.ErrNoRows) || err == nil && !k.Expires.IsZero() && !t.now.Before(k.Expires) {
			return notFound("token", "")
		}
		if err != nil {
			return err
		}
		if b.User, err = userByName(t, k.User); err != nil {
			return err
		}
		k.Grants, err = grantsOf(t, b.User.id, k.ID)
		b.Token = &k
		return err
	})
	return b, err
}

// StartSession makes a session for a user and returns its secret. Sessions that
// have ended are forgotten.
func (r *Registry) StartSession(ctx context.Context, user string, length time.Duration, why Audit) (secret string, err error) {
	var random [32]byte
	if _, err := io.ReadFull(r.rand, random[:]); err != nil {
		return "", fmt.Errorf("draw a session: %w", err)
	}
	secret = base64.RawURLEncoding.EncodeToString(random[:])
	return secret, r.update(ctx, func(t *tx) error {
		u, err := userByName(t, user)
		if err != nil {
			return err
		}
		if err := t.exec("DELETE FROM sessions WHERE expires <= ?", t.now.UnixMilli()); err != nil {
			return err
		}
		if err := t.exec("INSERT INTO sessions (digest, user, expires) VALUES (?, ?, ?)", digestOf(secret), u.id, t.now.Add(length).UnixMilli()); err != nil {
			return err
		}
		return audit(t, why, "signin", user, "", "")
	})
}

// EndSession ends a session; one that is not there has ended already.
func (r *Registry) EndSession(ctx context.Context, user, secret string, why Audit) error {
	return r.update(ctx, func(t *tx) error {
		n, err := t.changed("DELETE FROM sessions WHERE digest = ?", digestOf(secret))
		if err != nil || n == 0 {
			return err
		}
		return audit(t, why, "signout", user, "", "")
	})
}

// BearerOfSession finds whose session a secret is; ErrNotFound when there is
// none or it has ended.
func (r *Registry) BearerOfSession(ctx context.Context, secret string) (b Bearer, err error) {
	err = r.view(ctx, func(t *tx) error {
		var name string
		err := t.row("SELECT u.name FROM sessions s JOIN users u ON u.id = s.user WHERE s.digest = ? AND s.expires > ?", digestOf(secret), t.now.UnixMilli()).Scan(&name)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("session", "")
		}
		if err == nil {
			b.User, err = userByName(t, name)
		}
		return err
	})
	return b, err
}

// Note appends to the audit log what no other change of the registry does, as
// a sign-in that was refused.
func (r *Registry) Note(ctx context.Context, a Audit, action, subject string) error {
	return r.update(ctx, func(t *tx) error { return audit(t, a, action, subject, "", "") })
}
