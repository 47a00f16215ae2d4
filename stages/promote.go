package stages

import (
	"context"
	"errors"
	"fmt"
	"math"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/expr"
	"pipe/stages/score"
)

var promoteKind = dag.Info{
	Name:    "promote",
	Version: 1,
	Effect:  true,
	Doc: `Registers a model and gives it an alias where it is better than the version that has the alias now. Both answer
the same rows, so that the condition (CEL) compares like with like. It sees candidate and champion (null where no
version has the alias): .metrics, as evaluate gives them; .slices["column=value"], the accuracy (of a regression mae)
and rows of a part of the data; .size in bytes; .latency, the median in milliseconds for one row alone. And it sees
difference, of the rows that both answered: .mean, how much more often the candidate is right (of a regression, how
much smaller its absolute error is), .low and .high, the 95 % bootstrap interval of that, .p_value of McNemar's test
(of a regression 1), .wins and .losses.`,
	Example: `release:
  uses: promote
  in: { model: train, data: split.test }
  with:
    model: textclass
    alias: champion
    slices: [kind]
    when: >-
      champion == null || candidate.metrics.accuracy >= champion.metrics.accuracy && difference.low > -0.01
      && candidate.slices.all(s, !(s in champion.slices) || candidate.slices[s].accuracy >= champion.slices[s].accuracy - 0.05)
      && candidate.latency < 2.0 * champion.latency`,
	New: func() dag.Kind { return &Promote{} },
}

// Promote is the configuration of promote.
type Promote struct {
	Model       string            `yaml:"model" doc:"the name under which the model is registered" required:"true" example:"textclass"`
	Alias       string            `yaml:"alias" doc:"the alias that the better version gets" default:"champion"`
	When        string            `yaml:"when" doc:"the condition" required:"true" example:"champion == null || candidate.metrics.accuracy >= champion.metrics.accuracy"`
	Target      string            `yaml:"target" doc:"the column with the truth; by default the one that the model learnt to predict"`
	Slices      []string          `yaml:"slices" doc:"columns by whose values the data is cut into parts; of each the 50 most frequent values"`
	Description string            `yaml:"description" doc:"what is special about this version"`
	Tags        map[string]string `yaml:"tags" doc:"tags of the version"`
}

// Ports implements dag.Kind.
func (p *Promote) Ports() (in, out []dag.Port) {
	return []dag.Port{
			{Name: "model", Type: artifacts.Model, Doc: "the candidate"},
			{Name: "data", Type: artifacts.Table, Doc: "rows that neither model has learnt from, with the truth"},
		}, []dag.Port{
			{Name: dag.Out, Type: artifacts.File, Doc: "the version, what was measured, and what became of the alias, as JSON"},
		}
}

// Check implements dag.Kind.
func (p *Promote) Check(c *dag.Check) {
	register := Register{Model: p.Model, Alias: p.Alias}
	register.Check(c)
	task := ""
	if s := c.In["model"].Signature; s != nil {
		checkInputs(c, s, "data")
		task = s.Task
	}
	for _, name := range p.Slices {
		c.Column("data", "slices", name)
	}
	checkTruth(c, p.Target, c.In["model"].Signature, "data")
	c.Expr("when", p.When, promoteVars(score.Names(task)), expr.Bool)
}

// promoteVars declares what the condition may name.
func promoteVars(metrics []string) expr.Vars {
	fields := expr.Vars{}
	for _, name := range metrics {
		fields[name] = expr.Double
	}
	slice := expr.Object("slice", expr.Vars{"accuracy": expr.Double, "mae": expr.Double, "rows": expr.Int})
	contender := expr.Object("contender", expr.Vars{"version": expr.Int, "metrics": expr.Object("metrics", fields), "slices": expr.Map(slice),
		"size": expr.Int, "latency": expr.Double})
	return expr.Vars{"candidate": contender, "champion": contender, "difference": expr.Object("difference", expr.Vars{
		"mean": expr.Double, "low": expr.Double, "high": expr.Double, "p_value": expr.Double, "wins": expr.Int, "losses": expr.Int})}
}

// Promoted is the JSON that promote gives.
type Promoted struct {
	Registered
	Candidate  *Contender  `json:"candidate"`
	Champion   *Contender  `json:"champion,omitempty"`
	Difference *Difference `json:"difference,omitempty"`
}

// Run implements dag.Kind. Everything is measured and judged before anything is
// entered.
func (p *Promote) Run(ctx context.Context, env *dag.Env) error {
	if env.Models == nil {
		return errors.New("there is no registry to enter the model into")
	}
	ref, err := env.Input("model")
	if err != nil {
		return err
	}
	champion, err := env.Models.Resolve(ctx, p.Model+"@"+p.Alias)
	if errors.Is(err, dag.ErrNoModel) {
		champion, err = nil, nil
	}
	if err != nil {
		return fmt.Errorf("look up %s@%s: %w", p.Model, p.Alias, err)
	}
	out := Promoted{Registered: Registered{Model: p.Model, Alias: p.Alias}}
	if champion != nil && champion.Ref.Digest == ref.Digest {
		out.Version, out.Verdict = champion.Version, fmt.Sprintf("version %d is %s already", champion.Version, p.Alias)
		env.Logf("%s", out.Verdict)
		env.UpToDate()
		return writeOutput(env, &out)
	}
	if err := p.compare(ctx, env, champion, &out); err != nil {
		return err
	}
	holds, err := p.holds(&out)
	if err != nil {
		return fmt.Errorf("when: %w", err)
	}
	register := Register{Model: p.Model, Description: p.Description, Tags: p.Tags}
	entry, err := register.entry(env, ref)
	if err != nil {
		return err
	}
	for name, v := range out.Candidate.Metrics {
		entry.Metrics[name] = float64(v)
	}
	v, err := env.Models.Register(ctx, *entry)
	if err != nil {
		return fmt.Errorf("register the model %q: %w", p.Model, err)
	}
	out.Version = v.Version
	g := gate{moves: holds, verdict: out.text(p.Alias)}
	out.Moved, out.Verdict = holds, g.text(p.Alias, v.Version)
	env.Logf("%s", out.Verdict)
	if holds {
		if err := env.Models.SetAlias(ctx, p.Model, p.Alias, v.Version, out.Verdict); err != nil {
			return fmt.Errorf("give the alias %q to version %d of %q: %w", p.Alias, v.Version, p.Model, err)
		}
	} else if !v.Created {
		env.UpToDate()
	}
	return writeOutput(env, &out)
}

// holds computes the condition.
func (p *Promote) holds(out *Promoted) (bool, error) {
	scope, err := expr.NewScope(promoteVars(score.Names("")))
	if err != nil {
		return false, err
	}
	program, err := scope.Compile(p.When, expr.Bool)
	if err != nil {
		return false, err
	}
	vars := map[string]any{"candidate": out.Candidate.vars(), "champion": nil, "difference": (&Difference{P: 1}).vars()}
	if out.Champion != nil {
		vars["champion"], vars["difference"] = out.Champion.vars(), out.Difference.vars()
	}
	return program.Test(vars)
}

// text tells the figures that decided.
func (out *Promoted) text(alias string) string {
	name := "accuracy"
	if _, ok := out.Candidate.Metrics[name]; !ok {
		name = "mae"
	}
	text := fmt.Sprintf("%s is %.4g", name, float64(out.Candidate.Metrics[name]))
	if out.Champion == nil {
		return text + "; no version is " + alias + " yet"
	}
	d := out.Difference
	return fmt.Sprintf("%s, version %d (%s) has %.4g on the same %d rows; difference %+.4g (95 %% between %+.4g and %+.4g, p %.3g)",
		text, out.Champion.Version, alias, float64(out.Champion.Metrics[name]), d.Rows, float64(d.Mean), float64(d.Low), float64(d.High), float64(d.P))
}

func (c *Contender) vars() map[string]any {
	metrics := map[string]any{}
	for _, name := range score.Names("") {
		metrics[name] = math.NaN()
	}
	for name, v := range c.Metrics {
		metrics[name] = float64(v)
	}
	parts := map[string]any{}
	for name, s := range c.Slices {
		parts[name] = map[string]any{"accuracy": float64(s.Accuracy), "mae": float64(s.MAE), "rows": s.Rows}
	}
	return map[string]any{"version": int64(c.Version), "metrics": metrics, "slices": parts, "size": c.Size, "latency": float64(c.Latency)}
}

func (d *Difference) vars() map[string]any {
	return map[string]any{"mean": float64(d.Mean), "low": float64(d.Low), "high": float64(d.High), "p_value": float64(d.P), "wins": int64(d.Wins), "losses": int64(d.Losses)}
}
