package stages

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/notify"
)

var notifyKind = dag.Info{
	Name:    "notify",
	Version: 1,
	Effect:  true,
	Doc: `Tells people or programs that the run has come to this stage: by a webhook that takes Slack's JSON,
by e-mail, or by running a command. The message names the pipeline and the run and lists what is connected: metrics with
their values, tables with their rows. A webhook's address on this machine or on a private network is refused unless
allow_private says otherwise. A target that fails is tried again; the stage fails when one of its targets was not reached,
after all of them have been tried.`,
	Example: `tell:
  uses: notify
  in: { evaluate: evaluate.metrics }
  with:
    to: ["https://hooks.example.org/services/T0/B0", "mailto:team@example.org"]
    title: A new model was trained`,
	New: func() dag.Kind { return &Notify{} },
}

// Notify is the configuration of notify.
type Notify struct {
	To    notify.Targets `yaml:"to" doc:"where the message goes" required:"true"`
	Title string         `yaml:"title" doc:"the first line; by default the pipeline and what has happened" example:"A new model was trained"`
	Text  string         `yaml:"text" doc:"more to say"`
	Level notify.Level   `yaml:"level" doc:"how it is to be taken; by default info" enum:"info,good,warning,bad" example:"good"`
}

// Ports implements dag.Kind.
func (n *Notify) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: dag.Wildcard, Optional: true, Many: true, Doc: "what the message tells of, under names of your choice"}}, nil
}

// Check implements dag.Kind: what there is to check of a target is checked
// where it is decoded.
func (n *Notify) Check(*dag.Check) {}

// Run implements dag.Kind.
func (n *Notify) Run(ctx context.Context, env *dag.Env) error {
	m, err := n.message(env)
	if err != nil {
		return err
	}
	var failed []error
	for _, to := range n.To {
		if err := to.Send(ctx, m); err != nil {
			failed = append(failed, err)
			continue
		}
		env.Logf("told %s", to)
	}
	return errors.Join(failed...)
}

func (n *Notify) message(env *dag.Env) (notify.Message, error) {
	m := notify.Message{Title: cmp.Or(n.Title, "pipeline "+env.Run.Pipeline), Text: n.Text, Level: n.Level}
	m.Fields = append(m.Fields, notify.Field{Name: "pipeline", Value: env.Run.Pipeline}, notify.Field{Name: "run", Value: env.Run.ID})
	for _, port := range env.Connected() {
		for i, ref := range env.Inputs(port) {
			facts, err := inputFacts(env, port, i, ref)
			if err != nil {
				return m, fmt.Errorf("input %q: %w", port, err)
			}
			m.Fields = append(m.Fields, facts...)
		}
	}
	return m, nil
}

// mostFacts bounds how many metrics of one input a message lists.
const mostFacts = 20

// inputFacts are what a message says of an artifact.
func inputFacts(env *dag.Env, port string, i int, ref artifacts.Ref) ([]notify.Field, error) {
	name := port
	if i > 0 {
		name = fmt.Sprintf("%s[%d]", port, i)
	}
	switch ref.Type {
	case artifacts.Table:
		return []notify.Field{{Name: name, Value: strconv.FormatInt(ref.Rows, 10) + " rows"}}, nil
	case artifacts.Metrics:
		b, err := env.ReadAt(port, i)
		if err != nil {
			return nil, err
		}
		values, err := metricValues(b)
		if err != nil {
			return nil, err
		}
		var facts []notify.Field
		for _, metric := range slices.Sorted(maps.Keys(values)) {
			if len(facts) < mostFacts {
				facts = append(facts, notify.Field{Name: name + "." + metric, Value: strconv.FormatFloat(values[metric], 'g', 6, 64)})
			}
		}
		return facts, nil
	}
	return []notify.Field{{Name: name, Value: string(ref.Type) + " " + ref.Digest.Short()}}, nil
}
