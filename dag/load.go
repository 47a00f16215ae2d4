package dag

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"sync"
	"time"

	"pipe/dag/expr"
	"pipe/dag/text"
)

// identifier is what params, stages and ports may be called.
var identifier = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`) })

var stageName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`) })

// LoadOptions are what a pipeline's meaning depends on beside its text.
type LoadOptions struct {
	Kinds *Kinds
	// Params are set by the caller, by name; one that the pipeline does not have
	// is a problem.
	Params map[string]string
	// ParamsFile is a YAML map of values, for params that Params does not set; nil
	// for none.
	ParamsFile *text.File
	// Lookup gives values for params that neither of them sets, such as those of
	// the environment; nil for none.
	Lookup func(param string) (value string, ok bool)
	// Read reads a file that the pipeline includes, uses or takes rows from; nil
	// for os.ReadFile.
	Read func(path string) ([]byte, error)
	// Moment is the logical time of the run, what `run` is in expressions; the
	// zero Moment means the last fire time of the pipeline's own schedule.
	Moment Moment
	At     time.Time        // where there is no Moment, the fire time that it is made of
	Now    func() time.Time // time.Now where it is nil
}

// fileForm is the top of a pipeline file.
type fileForm struct {
	Pipeline    string            `yaml:"pipeline" doc:"the pipeline's name" required:"true"`
	Description string            `yaml:"description" doc:"what it is for"`
	Experiment  string            `yaml:"experiment" doc:"the experiment that its runs are filed under; by default the pipeline's name"`
	Seed        rawNode           `yaml:"seed" doc:"the number that all random draws are derived from" default:"0"`
	Tags        map[string]string `yaml:"tags" doc:"labels of the runs"`
	Include     rawNode           `yaml:"include" doc:"files whose params, defaults and stages belong to this pipeline: a name, beside this file, or a list of them"`
	Params      rawNode           `yaml:"params" doc:"values that a run may set with -p name=value"`
	Defaults    rawNode           `yaml:"defaults" doc:"keys that stages take where they do not have them themselves"`
	Pools       map[string]int    `yaml:"pools" doc:"how much there is of what stages share, such as connections to a database: a map from names to numbers; stages take of it under resources.pools" example:"{ database: 2 }"`
	Stages      rawNode           `yaml:"stages" doc:"the stages by name" required:"true"`
	Inputs      rawNode           `yaml:"inputs" doc:"what another pipeline that uses this one connects, as inputs.NAME: a map from names to a type of artifact, or {type, description, optional}"`
	Outputs     rawNode           `yaml:"outputs" doc:"what another pipeline that uses this one may connect: a map from names to stage.port"`
	OnSuccess   rawNode           `yaml:"on_success" doc:"a stage that runs after a run that finished, or a list of them" example:"{ uses: notify, with: { to: mailto:ops@example.org } }"`
	OnFailure   rawNode           `yaml:"on_failure" doc:"the same after a run that failed or was interrupted"`
	OnWaiting   rawNode           `yaml:"on_waiting" doc:"the same after a run that waits for an approval"`
	Finally     rawNode           `yaml:"finally" doc:"the same after every run, behind the others"`
	Schedule    rawNode           `yaml:"schedule" doc:"when the pipeline runs by itself"`
	Concurrency Concurrency       `yaml:"concurrency" doc:"what to do while another run of the same group is under way: a group, or {group, policy}"`
}

// rawNode keeps a part of the file for a later step of loading.
type rawNode struct{ *text.Node }

// DecodeNode implements text.NodeDecoder.
func (r *rawNode) DecodeNode(_ *text.Decoder, n *text.Node) { r.Node = n }

// stageForm is a stage in the file.
type stageForm struct {
	Uses        rawNode   `yaml:"uses" doc:"the kind of the stage" required:"true"`
	Description string    `yaml:"description" doc:"what it is for"`
	In          rawNode   `yaml:"in" doc:"the inputs: a stage, stage.port, or a map from input to stage"`
	With        rawNode   `yaml:"with" doc:"the configuration of the kind"`
	Matrix      rawNode   `yaml:"matrix" doc:"makes a variant of the stage for each combination of lists, whose values are ${matrix.NAME}; exclude leaves combinations out, include adds some" example:"{ rate: [0.1, 0.01], units: [8, 16] }"`
	Foreach     rawNode   `yaml:"foreach" doc:"makes a variant of the stage for each item of a list, or for each row of {table: FILE}; the item is ${item}, its keys are ${item.NAME}" example:"[en, de, fr]"`
	When        rawNode   `yaml:"when" doc:"a condition (CEL) over params, inputs.PORT.rows of tables, inputs.PORT.NAME of metrics, and rows and metrics.NAME where one input is a table or metrics; where it is false the stage is skipped" example:"metrics.accuracy > 0.9"`
	Approval    *Approval `yaml:"approval" doc:"the stage waits for a person, who says pipe approve RUN STAGE: true, a message, or {message}" example:"Release it?"`
	sharedForm  `yaml:",inline"`
}

type loader struct {
	file     *text.File
	kinds    *Kinds
	problems text.Problems
	cache    expr.Cache
	byName   map[string]*Stage
	read     func(path string) ([]byte, error)
	files    map[string]*text.File // that were read, by their names
	reads    []*text.File          // the same, in order
	later    []func()              // what is checked once all stages are there
	secrets  bool                  // they may stand where the loader is
}

func (l *loader) errorf(n *text.Node, code, format string, args ...any) {
	l.problems.Add(&text.Problem{Code: code, Pos: n.Pos, Text: fmt.Sprintf(format, args...)})
}

func (l *loader) decoder() *text.Decoder { return &text.Decoder{Problems: &l.problems} }

// Load parses and checks a pipeline file. Everything that is wrong comes back
// at once, as a *text.Error sorted by position; the pipeline is then nil.
func Load(ctx context.Context, f *text.File, o LoadOptions) (*Pipeline, error) {
	l := &loader{file: f, kinds: o.Kinds, read: o.Read, byName: map[string]*Stage{}, files: map[string]*text.File{}}
	root := text.Parse(f, &l.problems)
	if root == nil {
		return nil, l.problems.Err()
	}
	if root.Kind != text.Mapping {
		l.errorf(root, "type", "a pipeline file is a map with the keys pipeline and stages, found %s", root.What())
		return nil, l.problems.Err()
	}
	root.DropKeys("x-") // a place of the writer's own, for anchors
	within := []string{f.Name}
	l.include(root, within)
	var form fileForm
	l.decoder().Decode(root, &form)
	p := &Pipeline{Name: form.Pipeline, Description: form.Description, Experiment: form.Experiment, Tags: form.Tags, File: f, Concurrency: form.Concurrency}
	if p.Name != "" && !stageName().MatchString(p.Name) {
		l.errorf(root.Get("pipeline"), "name", "pipeline %q: a name has letters (a to z, A to Z), digits, _ and -, and begins with a letter", p.Name)
	}
	before := l.problems.Len()
	p.Params = l.loadParams(form.Params.Node, l.readGiven(&o))
	sc := newScope(p.Params)
	sc.broken = l.problems.Len() > before || form.Params.Node == nil && misspelt(root, "params")
	l.loadSchedule(p, form.Schedule.Node, sc)
	l.setMoment(p, sc, &o)
	sc.defaults = l.loadDefaults(form.Defaults.Node)
	p.Seed = l.seed(form.Seed.Node, sc)
	top := newSpace(nil, "")
	l.loadStages(p, top, form.Stages.Node, sc, within)
	l.aloneOrPart(top, &form)
	p.Hooks = Hooks{Success: l.loadHooks("on_success", form.OnSuccess.Node, top, sc), Failure: l.loadHooks("on_failure", form.OnFailure.Node, top, sc),
		Waiting: l.loadHooks("on_waiting", form.OnWaiting.Node, top, sc), Finally: l.loadHooks("finally", form.Finally.Node, top, sc)}
	p.byName, p.Reads = l.byName, l.reads
	for _, check := range l.later {
		check()
	}
	p.Pools = form.Pools
	l.checkPools(p)
	l.link(p)
	if l.order(p) {
		l.checkStages(ctx, p)
	}
	if err := l.problems.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

func (l *loader) seed(n *text.Node, sc *scope) uint64 {
	if n == nil {
		return 0
	}
	l.substitute(sc, n)
	if n.Kind == text.Scalar && n.Value == nil {
		return 0
	}
	var s uint64
	l.decoder().Known(n, &s, "seed")
	return s
}

func (l *loader) loadStage(s *Stage) {
	var form stageForm
	if uses := s.node.Get("uses"); uses != nil && uses.Value != nil {
		s.scope.defaults.apply(s.node, uses.Text())
	}
	for _, key := range sharedKeys() {
		l.substitute(s.scope, s.node.Get(key))
	}
	own := l.inStage(s.label)
	own.decoder().Known(s.node, &form, "")
	own.finish(l)
	if s.node.Kind != text.Mapping {
		return
	}
	s.Description, s.Tags = form.Description, form.Tags
	s.NoCache = form.Cache != nil && !*form.Cache
	s.Approval, s.Resources, s.Priority = form.Approval, form.Resources, form.Priority
	s.Timeout, s.Retries, s.ContinueOnError, s.whenNode = form.Timeout, form.Retries, form.GoOn, form.When.Node
	uses := form.Uses.Node
	if uses == nil {
		return
	}
	before := l.problems.Len()
	unknown := s.scope.broken && (hasTemplate(uses) || hasTemplate(form.In.Node) || hasTemplate(form.With.Node))
	l.substitute(s.scope, uses)
	l.substitute(s.scope, form.In.Node)
	l.substituteWith(s.scope, form.With.Node)
	if l.problems.Len() > before || unknown {
		return
	}
	if uses.Kind != text.Scalar || uses.Value == nil {
		l.problems.Add(&text.Problem{Code: "type", Pos: uses.Pos, Text: fmt.Sprintf("stage %q: uses: expected the name of a kind, found %s", s.label, uses.What()), Hint: "`pipe kinds` lists them all"})
		return
	}
	info, ok := l.kinds.Get(uses.Text())
	if !ok {
		hint := text.DidYouMean(uses.Text(), l.kinds.Names())
		if hint == "" {
			hint = "`pipe kinds` lists them all"
		}
		l.problems.Add(&text.Problem{Code: "unknown-kind", Pos: uses.Pos, Text: fmt.Sprintf("stage %q: there is no kind %q", s.label, uses.Text()), Hint: hint})
		return
	}
	kind := info.New()
	with := form.With.Node
	if with == nil || with.Kind == text.Scalar && with.Value == nil {
		with = &text.Node{Kind: text.Mapping, Pos: s.name.Pos}
	}
	own = l.inStage(s.label)
	own.decoder().Known(with, kind, "with")
	broken := own.problems.Len() > 0
	own.finish(l)
	s.Info = info
	_, s.Outputs = kind.Ports()
	s.with, s.Secrets = with, secretsIn(with)
	if !broken {
		s.Kind = kind
	}
}

// stageProblems collects what is wrong inside one stage, so that each message
// can name it.
type stageProblems struct {
	stage    string
	problems text.Problems
}

func (l *loader) inStage(label string) *stageProblems { return &stageProblems{stage: label} }

func (sp *stageProblems) decoder() *text.Decoder { return &text.Decoder{Problems: &sp.problems} }

func (sp *stageProblems) finish(l *loader) {
	for _, p := range sp.problems.Sorted() {
		p.Text = fmt.Sprintf("stage %q: %s", sp.stage, p.Text)
		l.problems.Add(p)
	}
}

// sharedKeys are the keys of a stage beside uses, in and with that may hold
// expressions.
var sharedKeys = sync.OnceValue(func() []string {
	keys := []string{"when"}
	for _, f := range text.Fields(reflect.TypeFor[sharedForm]()) {
		keys = append(keys, f.Name)
	}
	return keys
})

// aloneOrPart reads what a file declares for those that use it. By itself it
// has no inputs.
func (l *loader) aloneOrPart(top *space, form *fileForm) {
	forms := l.inputForms(form.Inputs.Node)
	for _, name := range sortedKeys(forms) {
		if top.inputs == nil {
			top.inputs = map[string]*feed{}
		}
		top.inputs[name] = &feed{from: top}
		if !forms[name].Optional {
			l.problems.Add(&text.Problem{Code: "missing-input", Pos: form.Inputs.Key(name).Pos, Text: fmt.Sprintf("input %q (a %s) is not connected: the file is a part of other pipelines", name, forms[name].Type),
				Hint: "check or run a pipeline that uses it"})
		}
	}
	if n := form.Outputs.Node; n != nil {
		l.declareOutputs(&member{inside: top}, n, l.file.Name, n)
	}
}

// IsWrong tells whether an error means that a pipeline file is wrong.
func IsWrong(err error) bool {
	var e *text.Error
	return errors.As(err, &e)
}
