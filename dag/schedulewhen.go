package dag

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"pipe/dag/expr"
	"pipe/dag/text"
)

func fieldsOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

func (l *loader) checkTrigger(n *text.Node, t *Trigger) {
	set := 0
	for _, v := range []string{t.Source, t.Rows, t.Pipeline, t.Alias, t.Webhook} {
		if v != "" {
			set++
		}
	}
	if set != 1 {
		l.problems.Add(&text.Problem{Code: "config", Pos: n.Pos, Text: fmt.Sprintf("schedule: on has one of source, rows, pipeline, alias and webhook, this one has %d", set), Hint: "make several entries of it"})
	}
	if t.Alias != "" && !strings.Contains(t.Alias, "@") {
		l.errorf(n.At("alias"), "value", "schedule: on.alias: %q is no alias of a model, such as textclass@champion", t.Alias)
	}
	if t.Webhook != "" && !identifier().MatchString(t.Webhook) {
		l.errorf(n.At("webhook"), "name", "schedule: on.webhook: %q is no name of an environment variable; the secret itself does not belong into the file", t.Webhook)
	}
}

// checkGiven holds a param that an entry sets against the pipeline's params.
func (l *loader) checkGiven(p *Pipeline, sc *scope, n *text.Node, name, value string) {
	i := slices.IndexFunc(p.Params, func(q Param) bool { return q.Name == name })
	if i < 0 {
		if sc.broken {
			return
		}
		var names []string
		for _, q := range p.Params {
			names = append(names, q.Name)
		}
		l.problems.Add(&text.Problem{Code: "unknown-param", Pos: n.Pos, Text: fmt.Sprintf("schedule: the pipeline has no param %q", name), Hint: text.DidYouMean(name, names)})
		return
	}
	q := p.Params[i]
	v, err := parseAs(value, q.Type)
	if err != nil {
		l.errorf(n, "param", "schedule: param %q is given as %q: %v", name, value, err)
		return
	}
	q.Value = v
	l.checkParam(q, n)
}

// ScheduleFunctions declares what a condition of a schedule may call; call
// gives each its meaning, or nil where it is only checked.
func ScheduleFunctions(call map[string]func(args []any) (any, error)) []expr.Function {
	drift := scheduleVars["drift"]
	fs := []expr.Function{
		{Name: "age", Args: []expr.Type{scheduleVars["champion"]}, Result: expr.Duration},
		{Name: "metric", Args: []expr.Type{expr.String}, Result: expr.Double},
		{Name: "rows", Args: []expr.Type{expr.String}, Result: expr.Int},
	}
	for _, measure := range []string{"psi", "p_value", "jensen_shannon", "missing"} {
		fs = append(fs, expr.Function{Name: measure, Member: true, Args: []expr.Type{drift, expr.String}, Result: expr.Double})
	}
	for i := range fs {
		fs[i].Call = call[fs[i].Name]
	}
	return fs
}

// scheduleVars are what a condition of a schedule may name beside params.
var scheduleVars = expr.Vars{
	"run":      momentVars,
	"now":      expr.Timestamp,
	"champion": expr.Object("model_version", expr.Vars{"version": expr.Int, "created": expr.Timestamp, "metrics": expr.Map(expr.Double)}),
	"last":     expr.Object("last_run", expr.Vars{"status": expr.String, "scheduled_at": expr.Timestamp, "started": expr.Timestamp, "ended": expr.Timestamp, "metrics": expr.Map(expr.Double)}),
	"drift":    expr.Object("drift", expr.Vars{"rows": expr.Int, "drifted": expr.Int, "psi_max": expr.Double}),
}

// ScheduleVars declares what a condition of a schedule may name.
func ScheduleVars(params []Param) expr.Vars {
	vars := paramVars(params)
	for name, t := range scheduleVars {
		vars[name] = t
	}
	return vars
}

// ScheduleCondition compiles a condition of a schedule.
func ScheduleCondition(params []Param, source string, call map[string]func(args []any) (any, error)) (*expr.Program, error) {
	scope, err := expr.NewScope(ScheduleVars(params))
	if err != nil {
		return nil, err
	}
	if scope, err = scope.With(ScheduleFunctions(call)...); err != nil {
		return nil, err
	}
	return scope.Compile(source, expr.Bool)
}

func (l *loader) checkScheduleCondition(p *Pipeline, sc *scope, e *text.Node, s *Schedule) {
	if sc.broken {
		return
	}
	n := e.At("when")
	program, err := ScheduleCondition(p.Params, s.When, nil)
	if err != nil {
		pr := &text.Problem{Code: "cel", Pos: n.Pos, Text: fmt.Sprintf("schedule: when: %v", err)}
		var bad *expr.Error
		if errors.As(err, &bad) {
			pr.Text, pr.Hint = "schedule: when: "+bad.Text, bad.Hint
			if n.Value == n.Raw {
				pr.Pos = within(n, 0, bad)
			}
		}
		l.problems.Add(pr)
		return
	}
	told := map[string]bool{}
	for _, need := range []struct{ name, key, value string }{{"champion", "model", s.Model}, {"drift", "model", s.Model}, {"drift", "data", s.Data}} {
		if need.value == "" && !told[need.key] && slices.Contains(program.Names, need.name) {
			told[need.key] = true
			l.problems.Add(&text.Problem{Code: "missing-key", Pos: n.Pos, Text: fmt.Sprintf("schedule: the condition names %s, and the entry does not say %s", need.name, need.key), Hint: "add " + need.key + ": to the entry"})
		}
	}
}
