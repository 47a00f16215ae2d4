package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Deployment says that a model answers: under which name, which version of it,
// and how.
type Deployment struct {
	Name  string `json:"name"`
	Model string `json:"model"`
	// Target is "@alias", which follows the alias, or "/3".
	Target  string          `json:"target"`
	Policy  json.RawMessage `json:"policy,omitempty"`
	Created time.Time       `json:"created,omitzero"`
	Updated time.Time       `json:"updated,omitzero"`
}

// deploymentName is what may stand in a URL as it is.
var deploymentName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`) })

// SetDeployment creates or replaces a deployment whose target must exist, and
// records the change. It returns false where nothing changes.
func (r *Registry) SetDeployment(ctx context.Context, d Deployment, why Audit) (changed bool, err error) {
	if !deploymentName().MatchString(d.Name) {
		return false, invalid("deployment", d.Name, "a deployment's name has letters, digits, _, . and - and begins with none of the last two; it is %q", d.Name)
	}
	if len(d.Policy) == 0 {
		d.Policy = json.RawMessage("{}")
	}
	if !json.Valid(d.Policy) {
		return false, invalid("deployment", d.Name, "deployment %q: the policy is not JSON", d.Name)
	}
	err = r.update(ctx, func(t *tx) error {
		changed = false
		if _, err := resolveModel(t, d.Model+d.Target); err != nil {
			return err
		}
		model, err := modelID(t, d.Model)
		if err != nil {
			return err
		}
		after := deploymentText(d)
		before := ""
		switch old, err := deployment(t, d.Name); {
		case err == nil:
			before = deploymentText(old)
		case !errors.Is(err, ErrNotFound):
			return err
		}
		if before == after {
			return nil
		}
		changed = true
		now := t.now.UnixMilli()
		if err := t.exec(`INSERT INTO deployments (name, model, target, policy, created, updated) VALUES (?1, ?2, ?3, ?4, ?5, ?5)
			ON CONFLICT (name) DO UPDATE SET model = ?2, target = ?3, policy = ?4, updated = ?5`, d.Name, model, d.Target, string(d.Policy), now); err != nil {
			return err
		}
		return audit(t, why, "deployment.set", deploymentSubject(d.Name), before, after)
	})
	return changed, err
}

// deploymentSubject is what the audit log calls a deployment.
func deploymentSubject(name string) string { return "deployment " + name }

func deploymentText(d Deployment) string {
	if string(d.Policy) == "{}" {
		return d.Model + d.Target
	}
	return d.Model + d.Target + " " + string(d.Policy)
}

// DeleteDeployment ends a deployment; its model stays.
func (r *Registry) DeleteDeployment(ctx context.Context, name string, why Audit) error {
	return r.update(ctx, func(t *tx) error {
		old, err := deployment(t, name)
		if err != nil {
			return err
		}
		if err := t.exec("DELETE FROM deployments WHERE name = ?", name); err != nil {
			return err
		}
		return audit(t, why, "deployment.delete", deploymentSubject(name), deploymentText(old), "")
	})
}

// Deployment returns a deployment by its name.
func (r *Registry) Deployment(ctx context.Context, name string) (d Deployment, err error) {
	err = r.view(ctx, func(t *tx) error {
		d, err = deployment(t, name)
		return err
	})
	return d, err
}

func deployment(q querier, name string) (Deployment, error) {
	list, err := deploymentsWhere(q, "d.name = ?", name)
	if err == nil && len(list) == 0 {
		err = notFound("deployment", name)
	}
	if err != nil {
		return Deployment{}, err
	}
	return list[0], nil
}

// Deployments returns all deployments by name.
func (r *Registry) Deployments(ctx context.Context) (list []Deployment, err error) {
	err = r.view(ctx, func(t *tx) error {
		list, err = deploymentsWhere(t, "1")
		return err
	})
	return list, err
}

func deploymentsWhere(q querier, where string, args ...any) ([]Deployment, error) {
	rows, err := q.query(`SELECT d.name, m.name, d.target, d.policy, d.created, d.updated
		FROM deployments d JOIN models m ON m.id = d.model WHERE `+where+" ORDER BY d.name", args...)
	return collect(rows, err, func(scan scanner) (d Deployment, err error) {
		var created, updated int64
		var policy string
		err = scan(&d.Name, &d.Model, &d.Target, &policy, &created, &updated)
		d.Policy = json.RawMessage(policy)
		d.Created, d.Updated = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
		return d, err
	})
}

// Changes returns a number that grows with every change of an alias, a version
// or a deployment, so that a server can ask often and cheaply whether anything is
// new: the last line of the audit log.
func (r *Registry) Changes(ctx context.Context) (last int64, err error) {
	err = r.view(ctx, func(t *tx) error {
		return t.row("SELECT coalesce(max(id), 0) FROM audit").Scan(&last)
	})
	return last, err
}

// Rollback lets an alias point to the version that it pointed to before, as the
// audit log tells. Rolled back again it goes back further, and never to a version
// that was rolled back from; versions that were deleted are passed over.
func (r *Registry) Rollback(ctx context.Context, model, alias string, why Audit) (from, to int, err error) {
	err = r.update(ctx, func(t *tx) error {
		m, err := modelID(t, model)
		if err != nil {
			return err
		}
		before, err := aliasTarget(t, m, alias)
		if err != nil {
			return err
		}
		if before == "" {
			return &Error{ErrNotFound, "alias", alias, fmt.Sprintf("model %q has no alias %q", model, alias)}
		}
		past, err := aliasPast(t, model+"@"+alias)
		if err != nil {
			return err
		}
		for i := len(past) - 1; i >= 0; i-- {
			number, err := strconv.Atoi(past[i])
			if err != nil || past[i] == before {
				continue
			}
			_, id, err := versionID(t, model, number)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if err := t.exec("INSERT OR REPLACE INTO aliases (model, alias, version) VALUES (?, ?, ?)", m, alias, id); err != nil {
				return err
			}
			if err := touchModel(t, m); err != nil {
				return err
			}
			to = number
			if from, err = strconv.Atoi(before); err != nil {
				return err
			}
			return audit(t, why, "alias.rollback", model+"@"+alias, before, past[i])
		}
		return conflict("alias", alias, "there is nothing to go back to: %s@%s has pointed to no other version that is still there", model, alias)
	})
	return from, to, err
}

// aliasPast is the versions that an alias pointed to and that were not rolled
// back from, oldest first.
func aliasPast(q querier, subject string) ([]string, error) {
	rows, err := q.query("SELECT action, before, after FROM audit WHERE subject = ? AND action IN ('alias.set', 'alias.rollback') ORDER BY id", subject)
	type move struct{ action, before, after string }
	moves, err := collect(rows, err, func(scan scanner) (m move, err error) {
		err = scan(&m.action, &m.before, &m.after)
		return m, err
	})
	var past []string
	for _, m := range moves {
		if m.action == "alias.set" {
			past = append(past, m.after)
			continue
		}
		for len(past) > 0 && past[len(past)-1] != m.after {
			past = past[:len(past)-1]
		}
	}
	return past, err
}

// SplitModelName cuts "name@alias", "name/3" or "name" into the model's name and
// the target of a deployment; a bare name stands for name@champion.
func SplitModelName(ref string) (model, target string, err error) {
	if at := strings.LastIndexAny(ref, "@/"); at >= 0 {
		if ref[at] == '/' {
			if _, err := strconv.Atoi(ref[at+1:]); err != nil {
				return "", "", invalid("version", ref, "%q: after the slash comes a version number, not %q", ref, ref[at+1:])
			}
		}
		return ref[:at], ref[at:], nil
	}
	return ref, "@champion", nil
}
