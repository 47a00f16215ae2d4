package stages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"sync"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/expr"
	"pipe/stages/model"
	"pipe/stages/score"
)

var registerKind = dag.Info{
	Name:    "register",
	Version: 1,
	Effect:  true,
	Doc: `Enters a model into the registry as a new version and, where the condition holds, moves an alias to it.
The same model again is the version that is there. The condition (CEL) sees metrics, those of the connected
metrics, and champion, the version that has the alias now: champion.version and champion.metrics, or null where
there is none. The version is entered whether the condition holds or not. A condition over a metric that is not
defined, such as roc_auc where all rows are of one class, does not hold.`,
	Example: `release:
  uses: register
  in: { model: train, metrics: evaluate }
  with:
    model: textclass
    alias: champion
    when: "metrics.accuracy > 0.5 && (champion == null || metrics.accuracy >= champion.metrics.accuracy)"`,
	New: func() dag.Kind { return &Register{} },
}

// Register is the configuration of register.
type Register struct {
	Model       string            `yaml:"model" doc:"the name under which the model is registered" required:"true" example:"textclass"`
	Alias       string            `yaml:"alias" doc:"what the version is called if the condition holds, such as champion" example:"champion"`
	When        string            `yaml:"when" doc:"the condition for the alias; without it the alias always moves" example:"metrics.accuracy > 0.5"`
	Description string            `yaml:"description" doc:"what is special about this version"`
	Tags        map[string]string `yaml:"tags" doc:"tags of the version"`
}

// Registered is the JSON that register gives.
type Registered struct {
	Model   string `json:"model"`
	Version int    `json:"version"`
	Alias   string `json:"alias,omitempty"`
	// Moved tells whether the alias was moved to the version by this run.
	Moved   bool   `json:"alias_moved"`
	Verdict string `json:"verdict,omitempty"`
}

// Ports implements dag.Kind.
func (r *Register) Ports() (in, out []dag.Port) {
	return []dag.Port{
			{Name: "model", Type: artifacts.Model, Doc: "what is registered"},
			{Name: "metrics", Type: artifacts.Metrics, Optional: true, Doc: "its metrics, kept with the version and seen by the condition"},
		}, []dag.Port{
			{Name: dag.Out, Type: artifacts.File, Doc: "the version, and what became of the alias, as JSON"},
		}
}

// The names that a registry takes, so that a wrong one is refused before the
// training and not after it. Aliases follow MLflow's rule.
var (
	modelName  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`) })
	aliasName  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`) })
	aliasTaken = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?i:latest|v[0-9]+)$`) })
)

// Check implements dag.Kind.
func (r *Register) Check(c *dag.Check) {
	switch {
	case r.Model == "":
		c.Errorf("model", "a model needs a name")
	case !modelName().MatchString(r.Model):
		c.Errorf("model", "a name has letters, digits, _, . and - and begins with none of the last two; it is %q", r.Model)
	}
	switch {
	case r.Alias == "":
	case !aliasName().MatchString(r.Alias):
		c.Errorf("alias", "an alias has letters, digits, _ and -, at most 255 of them; it is %q", r.Alias)
	case aliasTaken().MatchString(r.Alias):
		c.Errorf("alias", "%q would be mistaken for a version; an alias is neither latest nor like v3", r.Alias)
	}
	if r.When == "" {
		return
	}
	if r.Alias == "" {
		c.Errorf("when", "the condition decides about an alias, and none is given")
	}
	c.Expr("when", r.When, r.vars(c.In), expr.Bool)
}

// vars declares what the condition may name. Metrics is there only where some
// are connected; its fields are known where the schema tells them.
func (r *Register) vars(in map[string]dag.Schema) expr.Vars {
	schema, connected := in["metrics"]
	metrics := expr.Map(expr.Double)
	if schema.Metrics != nil {
		fields := expr.Vars{}
		for _, name := range schema.Metrics {
			fields[name] = expr.Double
		}
		metrics = expr.Object("metrics", fields)
	}
	champion := expr.Object("champion", expr.Vars{"model": expr.String, "version": expr.Int, "metrics": metrics})
	vars := expr.Vars{"champion": champion}
	if connected {
		vars["metrics"] = metrics
	}
	return vars
}

// Run implements dag.Kind. The condition is tried before anything is entered:
// one that cannot be computed leaves the registry as it was.
func (r *Register) Run(ctx context.Context, env *dag.Env) error {
	if env.Models == nil {
		return errors.New("there is no registry to enter the model into")
	}
	ref, err := env.Input("model")
	if err != nil {
		return err
	}
	entry, err := r.entry(env, ref)
	if err != nil {
		return err
	}
	g, err := r.judge(ctx, env, entry)
	if err != nil {
		return err
	}
	v, err := env.Models.Register(ctx, *entry)
	if err != nil {
		return fmt.Errorf("register the model %q: %w", r.Model, err)
	}
	out := Registered{Model: r.Model, Version: v.Version, Alias: r.Alias, Verdict: g.verdict}
	env.Logf("%s version %d (%s)", r.Model, v.Version, ref.Digest.Short())
	if r.Alias != "" {
		out.Moved, out.Verdict = g.moves, g.text(r.Alias, v.Version)
		env.Logf("%s", out.Verdict)
	}
	if out.Moved {
		if err := env.Models.SetAlias(ctx, r.Model, r.Alias, v.Version, out.Verdict); err != nil {
			return fmt.Errorf("give the alias %q to version %d of %q: %w", r.Alias, v.Version, r.Model, err)
		}
	}
	if !v.Created && !out.Moved {
		env.UpToDate()
	}
	return r.write(env, &out)
}

// entry describes the version.
func (r *Register) entry(env *dag.Env, ref artifacts.Ref) (*dag.NewModelVersion, error) {
	folder, err := env.Folder("model")
	if err != nil {
		return nil, err
	}
	signature, err := signatureOf(folder)
	if err != nil {
		return nil, err
	}
	entry := &dag.NewModelVersion{Model: r.Model, Ref: ref, Signature: signature, Metrics: map[string]float64{}, Description: r.Description, Tags: r.Tags}
	if !env.Has("metrics") {
		return entry, nil
	}
	b, err := env.ReadFile("metrics")
	if err != nil {
		return nil, err
	}
	entry.Metrics, err = scalars(b)
	return entry, err
}

// signatureOf gives what a model reads and gives, as JSON; nothing of a model that
// a program made in a form of its own.
func signatureOf(folder fs.FS) (json.RawMessage, error) {
	m, err := model.ReadManifest(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(m.Signature)
}

// scalars reads a metrics artifact: of evaluate, or a plain object of numbers that
// a program wrote.
func scalars(b []byte) (map[string]float64, error) {
	var plain map[string]float64
	if json.Unmarshal(b, &plain) == nil {
		return plain, nil
	}
	result, err := score.Parse(b)
	if err != nil {
		return nil, err
	}
	return result.Scalars(), nil
}

func (r *Register) write(env *dag.Env, out *Registered) error {
	b, err := json.MarshalIndent(out, "", "  ")
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
