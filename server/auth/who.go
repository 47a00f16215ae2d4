package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"pipe/registry"
)

// errWrong says that a name, password or token is not right.
var errWrong = errors.New("wrong name, password or token")

// cookieName is the cookie of a browser's session.
const cookieName = "pipe_session"

// who finds out who sends a request: a bearer token, Basic authentication with
// a password or a token, or a session's cookie.
func (g *Gate) who(r *http.Request) (*Principal, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		if scheme, token, _ := strings.Cut(header, " "); strings.EqualFold(scheme, "Bearer") {
			return g.byToken(r, strings.TrimSpace(token))
		}
		name, password, ok := r.BasicAuth()
		if !ok {
			return nil, errWrong
		}
		if strings.HasPrefix(password, "pipe_") && len(password) == 48 {
			return g.byToken(r, password)
		}
		return g.byPassword(r, name, password)
	}
	c, err := r.Cookie(cookieName)
	if err != nil || c.Value == "" {
		return nil, errNobody
	}
	return g.known.get(g.opt.Now(), "session", c.Value, func() (*Principal, error) {
		b, err := g.reg.BearerOfSession(r.Context(), c.Value)
		if errors.Is(err, registry.ErrNotFound) {
			return nil, errNobody
		}
		if err != nil {
			return nil, err
		}
		p, err := g.principal(b)
		if err == nil {
			p.CSRF = csrfOf(c.Value)
		}
		return p, err
	})
}

func (g *Gate) byToken(r *http.Request, secret string) (*Principal, error) {
	return g.known.get(g.opt.Now(), "token", secret, func() (*Principal, error) {
		if err := g.failed.ready(g.opt.Now(), "", r); err != nil {
			return nil, err
		}
		b, err := g.reg.BearerOfToken(r.Context(), secret)
		if errors.Is(err, registry.ErrNotFound) {
			g.failed.note(g.opt.Now(), "", r)
			return nil, errors.Join(errWrong, g.note(r, "signin.refused", "token"))
		}
		if err != nil {
			return nil, err
		}
		return g.principal(b)
	})
}

// byPassword checks a password. What was right a moment ago is not hashed
// again, so that a client that sends it with each request is not slow.
func (g *Gate) byPassword(r *http.Request, name, password string) (*Principal, error) {
	now := g.opt.Now()
	u, err := g.reg.User(r.Context(), name)
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		return nil, err
	}
	missing := err != nil
	// The hash is part of what is remembered: a new password ends it.
	_, err = g.known.hold(now, passwordHeld, "password", name+"\x00"+u.Password+"\x00"+password, func() (*Principal, error) {
		if err := g.failed.ready(now, name, r); err != nil {
			return nil, err
		}
		right, err := g.hash(r.Context(), u.Password, password)
		if err != nil {
			return nil, err
		}
		if !right || missing {
			g.failed.note(now, name, r)
			return nil, errors.Join(errWrong, g.note(r, "signin.refused", name))
		}
		g.failed.forgive(name)
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	return g.principal(registry.Bearer{User: u})
}

// passwordHeld is how long a password that was right is not hashed again.
const passwordHeld = 5 * time.Minute

// hash checks a password; few at a time, because each takes 19 MiB.
func (g *Gate) hash(ctx context.Context, hash, password string) (bool, error) {
	select {
	case g.hashing <- struct{}{}:
		defer func() { <-g.hashing }()
		return checkPassword(hash, password)
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// note writes to the audit log. What a stranger sent as a name is cut.
func (g *Gate) note(r *http.Request, action, name string) error {
	if len(name) > 100 {
		name = name[:100] + "…"
	}
	return g.reg.Note(r.Context(), registry.Audit{Who: name, Why: "from " + address(r)}, action, name)
}

// principal is who a bearer is, behind this gate.
func (g *Gate) principal(b registry.Bearer) (*Principal, error) {
	p, err := newPrincipal(b)
	if err == nil {
		p.gate = g
	}
	return p, err
}

// address is where a request comes from, without the port.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// csrfOf is a session's second secret, which a page may know.
func csrfOf(session string) string {
	sum := sha256.Sum256([]byte("csrf " + session))
	return hex.EncodeToString(sum[:16])
}

// cache remembers who a credential is, by its hash.
type cache struct {
	sync.Mutex
	entries map[[32]byte]entry
}

type entry struct {
	p  *Principal
	at time.Time
}

// cached bounds the cache; it is emptied when full.
const cached = 4096

func (c *cache) get(now time.Time, kind, secret string, find func() (*Principal, error)) (*Principal, error) {
	return c.hold(now, fresh, kind, secret, find)
}

func (c *cache) hold(now time.Time, length time.Duration, kind, secret string, find func() (*Principal, error)) (*Principal, error) {
	key := sha256.Sum256(fmt.Append(nil, kind, " ", secret))
	c.Lock()
	e, ok := c.entries[key]
	c.Unlock()
	if ok && now.Sub(e.at) < length {
		return e.p, nil
	}
	p, err := find()
	if err != nil {
		return nil, err
	}
	c.Lock()
	defer c.Unlock()
	if c.entries == nil || len(c.entries) >= cached {
		c.entries = make(map[[32]byte]entry)
	}
	c.entries[key] = entry{p, now}
	return p, nil
}

// drop forgets what the registry said of everybody; that a password was right
// stays known.
func (c *cache) drop() {
	c.Lock()
	defer c.Unlock()
	maps.DeleteFunc(c.entries, func(_ [32]byte, e entry) bool { return e.p != nil })
}
