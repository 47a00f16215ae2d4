package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Levels are what somebody may do, each including those before it. The words
// are what is stored.
var Levels = []string{"none", "read", "write", "admin"}

// User is somebody who may use the registry over the network.
type User struct {
	Name    string    `json:"name"`
	Level   string    `json:"level"` // on everything that no grant speaks of
	Created time.Time `json:"created"`
	Grants  []Grant   `json:"grants,omitempty"`

	// Password is the hash; empty for one who has only tokens.
	Password string `json:"-"`
	id       int64
}

// Grant is a level on one experiment (named by its id) or model.
type Grant struct {
	Kind  string `json:"kind"` // "experiment" or "model"
	Name  string `json:"name"`
	Level string `json:"level"`
}

// AddUser adds a user; ErrExists when the name is taken.
func (r *Registry) AddUser(ctx context.Context, u User, why Audit) error {
	if err := checkUserName(u.Name); err != nil {
		return err
	}
	return r.update(ctx, func(t *tx) error {
		if _, err := userByName(t, u.Name); err == nil {
			return exists("user", u.Name)
		}
		if err := t.exec("INSERT INTO users (name, password, level, created) VALUES (?, ?, ?, ?)", u.Name, u.Password, u.Level, t.now.UnixMilli()); err != nil {
			return err
		}
		return audit(t, why, "user.add", u.Name, "", u.Level)
	})
}

// checkUserName keeps names apart that look alike in a log or in Basic
// authentication, where a colon ends the name.
func checkUserName(name string) error {
	if name == "" || len(name) > 100 || strings.ContainsFunc(name, func(c rune) bool {
		return c == ':' || unicode.IsSpace(c) || !unicode.IsPrint(c)
	}) {
		return invalid("user", name, "%q cannot be the name of a user: 1 to 100 printable characters without spaces and colons", name)
	}
	return nil
}

// Users lists all users by name.
func (r *Registry) Users(ctx context.Context) (list []User, err error) {
	err = r.view(ctx, func(t *tx) error {
		rows, err := t.query("SELECT id, name, password, level, created FROM users ORDER BY name")
		if list, err = collect(rows, err, scanUser); err != nil {
			return err
		}
		for i := range list {
			if list[i].Grants, err = grantsOf(t, list[i].id, ""); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

// HasUsers reports whether anybody has been set up.
func (r *Registry) HasUsers(ctx context.Context) (has bool, err error) {
	err = r.view(ctx, func(t *tx) error { return t.row("SELECT EXISTS (SELECT 1 FROM users)").Scan(&has) })
	return has, err
}

// User returns one by name.
func (r *Registry) User(ctx context.Context, name string) (u User, err error) {
	err = r.view(ctx, func(t *tx) error {
		u, err = userByName(t, name)
		return err
	})
	return u, err
}

// RemoveUser removes a user with all tokens, sessions and grants.
func (r *Registry) RemoveUser(ctx context.Context, name string, why Audit) error {
	return r.update(ctx, func(t *tx) error {
		u, err := userByName(t, name)
		if err != nil {
			return err
		}
		if err := t.exec("DELETE FROM users WHERE id = ?", u.id); err != nil {
			return err
		}
		return audit(t, why, "user.remove", name, u.Level, "")
	})
}

// SetPassword replaces a user's password hash, which ends all sessions.
func (r *Registry) SetPassword(ctx context.Context, name, hash string, why Audit) error {
	return r.update(ctx, func(t *tx) error {
		u, err := userByName(t, name)
		if err != nil {
			return err
		}
		if err := t.exec("UPDATE users SET password = ? WHERE id = ?", hash, u.id); err != nil {
			return err
		}
		if err := t.exec("DELETE FROM sessions WHERE user = ?", u.id); err != nil {
			return err
		}
		return audit(t, why, "user.password", name, "", "")
	})
}

// SetLevel changes what a user may do with everything that no grant speaks of.
func (r *Registry) SetLevel(ctx context.Context, name, level string, why Audit) error {
	return r.update(ctx, func(t *tx) error {
		u, err := userByName(t, name)
		if err != nil {
			return err
		}
		if err := t.exec("UPDATE users SET level = ? WHERE id = ?", level, u.id); err != nil {
			return err
		}
		return audit(t, why, "user.level", name, u.Level, level)
	})
}

// SetGrant gives a user a level on one thing; an empty level takes the grant
// away, so that the user's own level holds again.
func (r *Registry) SetGrant(ctx context.Context, name string, g Grant, why Audit) error {
	return r.update(ctx, func(t *tx) error {
		u, err := userByName(t, name)
		if err != nil {
			return err
		}
		if g.Level == "" {
			err = t.exec("DELETE FROM grants WHERE user = ? AND token = '' AND kind = ? AND name = ?", u.id, g.Kind, g.Name)
		} else {
			err = putGrant(t, u.id, "", g)
		}
		if err != nil {
			return err
		}
		return audit(t, why, "user.grant", name, "", fmt.Sprintf("%s %s: %s", g.Kind, g.Name, g.Level))
	})
}

func putGrant(t *tx, user int64, token string, g Grant) error {
	return t.exec("INSERT OR REPLACE INTO grants (user, token, kind, name, level) VALUES (?, ?, ?, ?, ?)", user, token, g.Kind, g.Name, g.Level)
}

func grantsOf(q querier, user int64, token string) ([]Grant, error) {
	rows, err := q.query("SELECT kind, name, level FROM grants WHERE user = ? AND token = ? ORDER BY kind, name", user, token)
	return collect(rows, err, func(scan scanner) (g Grant, err error) {
		err = scan(&g.Kind, &g.Name, &g.Level)
		return g, err
	})
}

func userByName(q querier, name string) (User, error) {
	u, err := scanUser(q.row("SELECT id, name, password, level, created FROM users WHERE name = ?", name).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return u, notFound("user", name)
	}
	if err == nil {
		u.Grants, err = grantsOf(q, u.id, "")
	}
	return u, err
}

func scanUser(scan scanner) (u User, err error) {
	var created int64
	err = scan(&u.id, &u.Name, &u.Password, &u.Level, &created)
	u.Created = time.UnixMilli(created).UTC()
	return u, err
}
