package stages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/policy"
)

var deployKind = dag.Info{
	Name:    "deploy",
	Version: 1,
	Effect:  true,
	Doc: `Lets ` + "`pipe up`" + ` answer with a registered model: with the version that an alias points to, now and after it has
moved, or with a fixed one. A running server follows at once and without a failed request. A version that fails its
smoke test gets no traffic; the one before goes on.`,
	Example: `serve:
  uses: deploy
  in: { after: release }
  with:
    model: textclass@champion
    max_batch: 32
    canary: { target: "@challenger", percent: 10, key: X-User }
    rollback: { error_rate: 0.02, p99: 250ms, drift: 0.5 }
    drift: { window: 6h, min_rows: 1000 }
    log: { sample: 0.1, inputs: hash }`,
	New: func() dag.Kind { return &Deploy{} },
}

// Deploy is the configuration of deploy.
type Deploy struct {
	Model         string `yaml:"model" doc:"what answers: NAME@ALIAS, NAME/VERSION, or NAME for its champion" required:"true" example:"textclass@champion"`
	Name          string `yaml:"name" doc:"the name in the path, as in POST /predict/NAME; by default the model's"`
	policy.Policy `yaml:",inline"`
}

// Deployed is the JSON that deploy gives.
type Deployed struct {
	Name    string `json:"name"`
	Model   string `json:"model"`
	Version int    `json:"version"`
	Changed bool   `json:"changed"`
}

// Ports implements dag.Kind.
func (d *Deploy) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "after", Type: artifacts.File, Optional: true, Lack: dag.NeedsNone, Doc: "what register or promote gives, so that it is done first"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.File, Doc: "what is deployed, as JSON"}}
}

// target cuts the model's name from the version of it.
func (d *Deploy) target() (model, target string) {
	for i := len(d.Model) - 1; i >= 0; i-- {
		if d.Model[i] == '@' || d.Model[i] == '/' {
			return d.Model[:i], d.Model[i:]
		}
	}
	return d.Model, "@champion"
}

// Check implements dag.Kind.
func (d *Deploy) Check(c *dag.Check) {
	model, target := d.target()
	switch {
	case d.Model == "":
		c.Errorf("model", "a deployment needs a model")
	case !modelName().MatchString(model) || !policy.ValidTarget(target):
		c.Errorf("model", "a model is named as textclass@champion, textclass/3 or textclass, not %q", d.Model)
	}
	if d.Name != "" && !modelName().MatchString(d.Name) {
		c.Errorf("name", "a name has letters, digits, _, . and - and begins with none of the last two; it is %q", d.Name)
	}
	if d.Canary != nil && !policy.ValidTarget(d.Canary.Target) {
		c.Errorf("canary", "canary.target is a version such as /4 or \"@challenger\", not %q", d.Canary.Target)
	}
	if d.Drift != nil {
		if err := d.Drift.Validate(); err != nil {
			c.Errorf("drift", "%v", err)
		}
	}
	if d.Shadow != "" && !policy.ValidTarget(d.Shadow) {
		c.Errorf("shadow", "shadow is a version such as /4 or \"@challenger\", not %q", d.Shadow)
	}
}

// Run implements dag.Kind.
func (d *Deploy) Run(ctx context.Context, env *dag.Env) error {
	if env.Models == nil {
		return errors.New("there is no registry that knows what is deployed")
	}
	if err := d.Validate(); err != nil {
		return err
	}
	model, target := d.target()
	v, err := env.Models.Resolve(ctx, model+target)
	if errors.Is(err, dag.ErrNoModel) {
		return fmt.Errorf("there is no %s%s to deploy; a stage of kind register or promote makes it", model, target)
	}
	if err != nil {
		return err
	}
	out := Deployed{Name: d.Name, Model: model, Version: v.Version}
	if out.Name == "" {
		out.Name = model
	}
	p, err := json.Marshal(d.Policy)
	if err != nil {
		return err
	}
	out.Changed, err = env.Models.Deploy(ctx, dag.Deployment{Name: out.Name, Model: model, Target: target, Policy: p, Why: "by a stage of kind deploy"})
	if err != nil {
		return fmt.Errorf("deploy %s%s: %w", model, target, err)
	}
	env.Logf("%s%s (version %d) answers as %s", model, target, v.Version, out.Name)
	if !out.Changed {
		env.UpToDate()
	}
	return writeOutput(env, &out)
}

// writeOutput writes the JSON of a stage whose only output it is.
func writeOutput(env *dag.Env, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	w, err := env.CreateFile(dag.Out, artifacts.File, "json")
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
