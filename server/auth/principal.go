package auth

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"pipe/registry"
)

// Level is what somebody may do; each includes those before it.
type Level int

// The levels. Read sees; Write makes runs, logs, and changes; Admin also
// deletes whole experiments and models, and manages users.
const (
	None Level = iota
	Read
	Write
	Admin
)

// String is the level's word, as it is stored.
func (l Level) String() string { return registry.Levels[l] }

// ParseLevel reads a level's word.
func ParseLevel(word string) (Level, error) {
	if i := slices.Index(registry.Levels, word); i >= 0 {
		return Level(i), nil
	}
	return None, fmt.Errorf("%q is no level: none, read, write or admin", word)
}

// Resource is what a level is about; the zero Resource is everything that is
// neither an experiment nor a model.
type Resource struct{ Kind, Name string }

// The kinds of resources that have levels of their own.
const (
	KindExperiment = "experiment"
	KindModel      = "model"
)

// Experiment is an experiment with its runs, logged models, traces and files.
func Experiment(id int64) Resource { return Resource{KindExperiment, strconv.FormatInt(id, 10)} }

// Model is a registered model with its versions and aliases.
func Model(name string) Resource { return Resource{KindModel, name} }

// Principal is on whose behalf a request comes.
type Principal struct {
	// Name is the user's; empty for the person at this machine while nobody has
	// been set up.
	Name string
	// CSRF must come back with every request of a browser's session that changes
	// something: in the header X-CSRF-Token or the form field csrf. Empty where no
	// session is.
	CSRF string

	level  Level
	cap    Level // of the token
	scoped bool  // the token is for nothing but limits
	grants map[Resource]Level
	limits map[Resource]Level // of the token
	gate   *Gate              // that remembers the principal; nil for local
}

// local is whoever reaches a server that has no users.
var local = &Principal{level: Admin, cap: Admin}

// newPrincipal makes one of what the registry knows.
func newPrincipal(b registry.Bearer) (*Principal, error) {
	level, err := ParseLevel(b.User.Level)
	if err != nil {
		return nil, err
	}
	p := &Principal{Name: b.User.Name, level: level, cap: Admin}
	if p.grants, err = levels(b.User.Grants); err != nil || b.Token == nil {
		return p, err
	}
	p.scoped = b.Token.Scoped
	if p.cap, err = ParseLevel(b.Token.Level); err != nil {
		return nil, err
	}
	p.limits, err = levels(b.Token.Grants)
	return p, err
}

func levels(list []registry.Grant) (map[Resource]Level, error) {
	m := make(map[Resource]Level, len(list))
	for _, g := range list {
		l, err := ParseLevel(g.Level)
		if err != nil {
			return nil, err
		}
		m[Resource{g.Kind, g.Name}] = l
	}
	return m, nil
}

// May reports whether the principal has a level on a resource: by a grant for
// it, else by their own level, and never more than their token allows.
func (p *Principal) May(l Level, on Resource) bool { return p.levelOn(on) >= l }

func (p *Principal) levelOn(on Resource) Level {
	level := p.level
	if g, ok := p.grants[on]; ok && p.level != Admin { // an admin can take grants away, and so needs none
		level = g
	}
	if p.scoped {
		return min(level, p.cap, p.limits[on])
	}
	return min(level, p.cap)
}

// Unlimited reports whether the principal may do everything.
func (p *Principal) Unlimited() bool { return p.level == Admin && p.cap == Admin && !p.scoped }

// Sees returns which resources of a kind the principal may read.
func (p *Principal) Sees(kind string) registry.Visible {
	var v registry.Visible
	base := min(p.level, p.cap)
	if p.scoped || base < Read {
		v.Only = []string{}
		for _, m := range []map[Resource]Level{p.grants, p.limits} {
			for on := range m {
				if on.Kind == kind && p.May(Read, on) && !slices.Contains(v.Only, on.Name) {
					v.Only = append(v.Only, on.Name)
				}
			}
		}
		slices.Sort(v.Only)
		return v
	}
	for on := range p.grants {
		if on.Kind == kind && !p.May(Read, on) {
			v.Except = append(v.Except, on.Name)
		}
	}
	slices.Sort(v.Except)
	return v
}

// Changed says that the registry has new grants for the principal, which their
// next request shall have.
func (p *Principal) Changed() {
	if p.gate != nil {
		p.gate.known.drop()
	}
}

type contextKey struct{}

// With returns a context that carries a principal.
func With(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// From returns on whose behalf a request comes, never nil. Outside of a Gate,
// and behind one while nobody has been set up, it is the person at this
// machine.
func From(ctx context.Context) *Principal {
	if p, ok := ctx.Value(contextKey{}).(*Principal); ok {
		return p
	}
	return local
}
