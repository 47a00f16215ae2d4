package stages

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"pipe/dag"
	"pipe/dag/expr"
	"pipe/stages/score"
)

// gate is what the condition of an alias came to.
type gate struct {
	moves   bool
	already bool   // the version has the alias
	verdict string // why, without what follows from it
}

// text says what becomes of the alias and why.
func (g gate) text(alias string, version int) string {
	switch {
	case g.already:
		return fmt.Sprintf("version %d is %s already", version, alias)
	case g.moves:
		return fmt.Sprintf("%s: %s → version %d", g.verdict, alias, version)
	}
	return fmt.Sprintf("%s: version %d does not become %s", g.verdict, version, alias)
}

// judge decides whether the version that is about to be entered gets the alias.
func (r *Register) judge(ctx context.Context, env *dag.Env, entry *dag.NewModelVersion) (gate, error) {
	if r.Alias == "" {
		return gate{}, nil
	}
	champion, err := env.Models.Resolve(ctx, r.Model+"@"+r.Alias)
	if errors.Is(err, dag.ErrNoModel) {
		champion, err = nil, nil
	}
	switch {
	case err != nil:
		return gate{}, fmt.Errorf("look up %s@%s: %w", r.Model, r.Alias, err)
	case champion != nil && champion.Ref.Digest == entry.Ref.Digest:
		return gate{already: true}, nil
	case r.When == "":
		return gate{moves: true, verdict: "there is no condition"}, nil
	}
	holds, err := r.evaluate(env, entry, champion)
	g := gate{moves: holds, verdict: verdict(r.When, holds, r.Alias, entry.Metrics, champion)}
	if err != nil && !strings.Contains(g.verdict, undefined) {
		return gate{}, fmt.Errorf("when: %w", err)
	}
	return g, nil
}

func (r *Register) evaluate(env *dag.Env, entry *dag.NewModelVersion, champion *dag.ModelVersion) (bool, error) {
	in := map[string]dag.Schema{}
	if env.Has("metrics") {
		in["metrics"] = dag.Schema{} // the names are checked; what is not there is NaN
	}
	scope, err := expr.NewScope(r.vars(in))
	if err != nil {
		return false, err
	}
	program, err := scope.Compile(r.When, expr.Bool)
	if err != nil {
		return false, err
	}
	vars := map[string]any{"metrics": values(entry.Metrics), "champion": nil}
	if champion != nil {
		vars["champion"] = map[string]any{"model": champion.Model, "version": int64(champion.Version), "metrics": values(champion.Metrics)}
	}
	return program.Test(vars)
}

// values gives metrics to an expression; those that may be declared and are
// not there are NaN, which CEL refuses to compare.
func values(metrics map[string]float64) map[string]any {
	out := make(map[string]any, len(metrics))
	for _, name := range score.Names("") {
		out[name] = math.NaN()
	}
	for name, v := range metrics {
		out[name] = v
	}
	return out
}

var metricInExpression = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`metrics\s*\.\s*([A-Za-z_][A-Za-z0-9_]*)`) })

// verdict tells the values that decided: "accuracy is 0.8123, champion version
// 2 has 0.79; the condition holds".
func verdict(when string, holds bool, alias string, metrics map[string]float64, champion *dag.ModelVersion) string {
	var names []string
	for _, m := range metricInExpression().FindAllStringSubmatch(when, -1) {
		if !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	var parts []string
	for _, name := range names {
		part := name + " is " + number(metrics, name)
		if champion != nil {
			part += fmt.Sprintf(", version %d (%s) has %s", champion.Version, alias, number(champion.Metrics, name))
		}
		parts = append(parts, part)
	}
	if champion == nil {
		parts = append(parts, "no version is "+alias+" yet")
	}
	if holds {
		return strings.Join(append(parts, "the condition holds"), "; ")
	}
	return strings.Join(append(parts, "the condition does not hold"), "; ")
}

// undefined stands in a verdict for a metric that the data did not define.
const undefined = "not defined"

func number(metrics map[string]float64, name string) string {
	v, ok := metrics[name]
	if !ok || math.IsNaN(v) {
		return undefined
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}
