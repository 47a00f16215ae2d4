package stages

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/notify"
)

var notifyKind = dag.Info{
	Name:    "notify",
	Version: 1,
	Effect:  true,
	Doc: `Tells people or programs that the run has come to this stage: by a webhook that takes Slack's JSON,
by e-mail, or by running a command. The message names the pipeline and the run, in a hook (on_success, on_failure, on_waiting, finally)
says what the run came to and which stages failed with which error, and lists what is connected: metrics with
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
	return []dag.Port{{Name: dag.Wildcard, Optional: true, Many: true, Lack: dag.NeedsNone, Doc: "what the message tells of, under names of your choice"}}, nil
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
	if o := env.Run.Outcome; o != nil {
		n.tellOutcome(&m, env.Run.Pipeline, o)
	}
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

// tellOutcome says what the run came to, in a hook.
func (n *Notify) tellOutcome(m *notify.Message, pipeline string, o *dag.Outcome) {
	did := map[string]string{dag.StatusKilled: "was interrupted", dag.StatusWaiting: "waits for an approval"}[o.Status]
	m.Title = cmp.Or(n.Title, fmt.Sprintf("pipeline %s %s", pipeline, cmp.Or(did, o.Status)))
	m.Level = cmp.Or(n.Level, map[string]notify.Level{dag.StatusFinished: notify.Good, dag.StatusFailed: notify.Bad}[o.Status], notify.Warning)
	var lines []string
	if n.Text != "" {
		lines = append(lines, n.Text)
	}
	for _, f := range o.Failures {
		lines = append(lines, f.Error())
	}
	for _, s := range o.Waiting {
		lines = append(lines, fmt.Sprintf("stage %q waits for an approval", s))
	}
	m.Text = strings.Join(lines, "\n")
	m.Fields = append(m.Fields, notify.Field{Name: "status", Value: o.Status}, notify.Field{Name: "stages", Value: fmt.Sprintf("%d ran, %d cached, %d failed", o.Ran, o.Cached, len(o.Failures))},
		notify.Field{Name: "seconds", Value: strconv.FormatFloat(o.Seconds, 'f', 1, 64)})
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
