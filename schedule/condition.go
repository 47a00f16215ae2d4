package schedule

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"pipe/dag"
	"pipe/registry"
	"pipe/workspace"
)

// condition is a `when:` that is asked once.
type condition struct {
	sight   *Sight
	subject Subject
	now     time.Time
	ctx     context.Context
	said    []string // what the functions gave, for people
}

// forever is the age of a model that is not there: older than any limit.
const forever = time.Duration(math.MaxInt64)

// evaluate computes the condition and the values behind it.
func (c *condition) evaluate() (holds bool, why string, err error) {
	params, values, err := c.params()
	if err != nil {
		return false, "", err
	}
	program, err := dag.ScheduleCondition(params, c.subject.Spec.When, map[string]func([]any) (any, error){
		"age": c.age, "metric": c.metric, "rows": c.rows,
		"psi": c.drift("psi"), "p_value": c.drift("p_value"), "jensen_shannon": c.drift("jensen_shannon"), "missing": c.drift("missing"),
	})
	if err != nil {
		return false, "", fmt.Errorf("when: %w", err)
	}
	values["now"] = c.now.UTC()
	values["run"] = c.moment().Values()
	for name, get := range map[string]func() (any, error){"champion": c.champion, "last": c.last, "drift": c.driftObject} {
		if !slices.Contains(program.Names, name) {
			continue
		}
		if values[name], err = get(); err != nil {
			return false, "", err
		}
	}
	holds, err = program.Test(values)
	if err != nil {
		return false, c.why(), fmt.Errorf("when: %w", err)
	}
	return holds, c.why() + fmt.Sprintf("the condition is %v", holds), nil
}

func (c *condition) why() string {
	if len(c.said) == 0 {
		return ""
	}
	return strings.Join(c.said, ", ") + ": "
}

func (c *condition) say(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !slices.Contains(c.said, s) {
		c.said = append(c.said, s)
	}
}

// params loads the pipeline where its params are named.
func (c *condition) params() ([]dag.Param, map[string]any, error) {
	values := map[string]any{"params": map[string]any{}}
	if !strings.Contains(c.subject.Spec.When, "params") {
		return nil, values, nil
	}
	p, err := workspace.LoadFile(c.ctx, FilePath(c.sight.Workspace.Dir, c.subject.File), dag.LoadOptions{Params: c.subject.Spec.Params, Lookup: c.sight.Lookup})
	if err != nil {
		return nil, nil, err
	}
	m := map[string]any{}
	for _, q := range p.Params {
		m[q.Name] = q.Value
	}
	values["params"] = m
	return p.Params, values, nil
}

func (c *condition) moment() dag.Moment {
	if tt, err := c.subject.Spec.Times(); err == nil && tt != nil {
		return dag.MomentAt(tt, c.subject.Next)
	}
	at := c.now.UTC().Truncate(time.Second)
	return dag.Moment{At: at, Start: at, End: at, Zone: c.subject.Spec.Timezone}
}

// version is the model that the entry is about.
func (c *condition) version() (registry.ModelVersion, error) {
	ref := c.subject.Spec.Model
	if !strings.Contains(ref, "@") {
		ref += "@champion"
	}
	model, alias, _ := strings.Cut(ref, "@")
	return c.sight.Workspace.Registry.VersionByAlias(c.ctx, model, alias)
}

func (c *condition) champion() (any, error) {
	v, err := c.version()
	if errors.Is(err, registry.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m := map[string]any{}
	for _, x := range v.Metrics {
		m[x.Key] = x.Value
	}
	return map[string]any{"version": int64(v.Version), "created": v.Created, "metrics": m}, nil
}

func (c *condition) last() (any, error) {
	r, err := c.sight.Workspace.Registry.LastRun(c.ctx, c.subject.Pipeline)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m := map[string]any{}
	for _, x := range r.Metrics {
		m[x.Key] = x.Value
	}
	at := r.Start
	for _, t := range r.Tags {
		if t.Key == TagScheduledAt {
			if x, err := time.Parse(time.RFC3339, t.Value); err == nil {
				at = x
			}
		}
	}
	return map[string]any{"status": strings.ToLower(string(r.Status)), "scheduled_at": at, "started": r.Start, "ended": r.End, "metrics": m}, nil
}

// age is how long ago a version was made.
func (c *condition) age(args []any) (any, error) {
	v, ok := args[0].(map[string]any)
	if !ok {
		c.say("there is no %s", c.subject.Spec.Model)
		return forever, nil
	}
	created, ok := v["created"].(time.Time)
	if !ok {
		return nil, fmt.Errorf("age takes a version of a model, such as champion")
	}
	age := c.now.Sub(created)
	c.say("the age of version %v is %v", v["version"], age.Round(time.Second))
	return age, nil
}

// metric is the value of a metric in the last run of the pipeline that has
// finished.
func (c *condition) metric(args []any) (any, error) {
	name, _ := args[0].(string)
	r, err := c.sight.Workspace.Registry.LastFinished(c.ctx, c.subject.Pipeline)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range r.Metrics {
		if m.Key == name {
			c.say("%s is %.6g", name, m.Value)
			return m.Value, nil
		}
		names = append(names, m.Key)
	}
	return nil, fmt.Errorf("run %s has no metric %q; it has %s", r.ID[:8], name, strings.Join(names, ", "))
}

func (c *condition) rows(args []any) (any, error) {
	pattern, _ := args[0].(string)
	n, err := c.sight.countRows(pattern)
	if err == nil {
		c.say("%s has %d rows", pattern, n)
	}
	return n, err
}

// identity says which data and which model a condition was asked about.
func (c *condition) identity() (string, error) {
	var parts []string
	if c.subject.Spec.Model != "" {
		v, err := c.version()
		if err != nil && !errors.Is(err, registry.ErrNotFound) {
			return "", err
		}
		parts = append(parts, fmt.Sprintf("version %d", v.Version))
	}
	if c.subject.Spec.Data != "" {
		path, err := newest(c.subject.Spec.Data)
		if err != nil {
			return "", err
		}
		fp, err := c.sight.Workspace.Store.Fingerprint(path)
		if err != nil {
			return "", err
		}
		parts = append(parts, string(fp.Digest))
	}
	return strings.Join(parts, " "), nil
}
