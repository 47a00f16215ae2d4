package dag

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"pipe/dag/expr"
	"pipe/dag/text"
)

// identifier is what params, stages and ports may be called.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

var stageName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

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
}

// fileForm is the top of a pipeline file.
type fileForm struct {
	Pipeline    string            `yaml:"pipeline" doc:"the pipeline's name" required:"true"`
	Description string            `yaml:"description" doc:"what it is for"`
	Experiment  string            `yaml:"experiment" doc:"the experiment that its runs are filed under; by default the pipeline's name"`
	Seed        rawNode           `yaml:"seed" doc:"the number that all random draws are derived from" default:"0"`
	Tags        map[string]string `yaml:"tags" doc:"labels of the runs"`
	Params      rawNode           `yaml:"params" doc:"values that a run may set with -p name=value"`
	Stages      rawNode           `yaml:"stages" doc:"the stages by name" required:"true"`
	Schedule    rawNode           `yaml:"schedule" doc:"when the pipeline runs by itself"`
	Concurrency Concurrency       `yaml:"concurrency" doc:"what to do while another run of the same group is under way: a group, or {group, policy}"`
}

// rawNode keeps a part of the file for a later step of loading.
type rawNode struct{ *text.Node }

// DecodeNode implements text.NodeDecoder.
func (r *rawNode) DecodeNode(_ *text.Decoder, n *text.Node) { r.Node = n }

// stageForm is a stage in the file.
type stageForm struct {
	Uses        rawNode  `yaml:"uses" doc:"the kind of the stage" required:"true"`
	Description string   `yaml:"description" doc:"what it is for"`
	In          rawNode  `yaml:"in" doc:"the inputs: a stage, stage.port, or a map from input to stage"`
	With        rawNode  `yaml:"with" doc:"the configuration of the kind"`
	When        rawNode  `yaml:"when" doc:"a condition (CEL) over params, inputs.PORT.rows of tables, inputs.PORT.NAME of metrics, and rows and metrics.NAME where one input is a table or metrics; where it is false the stage is skipped" example:"metrics.accuracy > 0.9"`
	Timeout     Duration `yaml:"timeout" doc:"how long an attempt may take" example:"10m"`
	Retries     *Retries `yaml:"retries" doc:"how often the stage is tried again after it failed: a number, or {times, delay, backoff, max_delay, jitter, on}" example:"3"`
	GoOn        bool     `yaml:"continue_on_error" doc:"after it failed, the run goes on with what does not depend on it, and ends as failed" default:"false"`
	Cache       *bool    `yaml:"cache" doc:"false runs the stage each time"`
	Tags        []string `yaml:"tags" doc:"labels of the stage"`
}

type loader struct {
	file         *text.File
	kinds        *Kinds
	problems     text.Problems
	vars         expr.Vars
	values       map[string]any
	paramsBroken bool
	cache        expr.Cache
	results      map[string]any // of expressions in ${…}, by their text: only the params are in them
}

func (l *loader) errorf(n *text.Node, code, format string, args ...any) {
	l.problems.Add(&text.Problem{Code: code, Pos: n.Pos, Text: fmt.Sprintf(format, args...)})
}

func (l *loader) decoder() *text.Decoder { return &text.Decoder{Problems: &l.problems} }

// Load parses and checks a pipeline file. Everything that is wrong comes back
// at once, as a *text.Error sorted by position; the pipeline is then nil.
func Load(ctx context.Context, f *text.File, o LoadOptions) (*Pipeline, error) {
	l := &loader{file: f, kinds: o.Kinds}
	root := text.Parse(f, &l.problems)
	if root == nil {
		return nil, l.problems.Err()
	}
	if root.Kind != text.Mapping {
		l.errorf(root, "type", "a pipeline file is a map with the keys pipeline and stages, found %s", root.What())
		return nil, l.problems.Err()
	}
	var form fileForm
	l.decoder().Decode(root, &form)
	p := &Pipeline{Name: form.Pipeline, Description: form.Description, Experiment: form.Experiment, Tags: form.Tags, File: f, Concurrency: form.Concurrency}
	if p.Name != "" && !stageName.MatchString(p.Name) {
		l.errorf(root.Get("pipeline"), "name", "pipeline %q: a name has letters, digits, _ and -, and begins with a letter", p.Name)
	}
	before := l.problems.Len()
	p.Params = l.loadParams(form.Params.Node, l.readGiven(&o))
	l.paramsBroken = l.problems.Len() > before || form.Params.Node == nil && misspelt(root, "params")
	l.vars, l.values = paramVars(p.Params), paramValues(p.Params)
	p.Seed = l.seed(form.Seed.Node)
	l.loadStages(p, form.Stages.Node)
	l.link(p)
	if l.order(p) {
		l.checkStages(ctx, p)
	}
	l.loadSchedule(p, form.Schedule.Node)
	if err := l.problems.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

func (l *loader) seed(n *text.Node) uint64 {
	if n == nil {
		return 0
	}
	l.substitute(n)
	if n.Kind == text.Scalar && n.Value == nil {
		return 0
	}
	var s uint64
	l.decoder().Known(n, &s, "seed")
	return s
}

func (l *loader) loadStages(p *Pipeline, n *text.Node) {
	if n == nil {
		return
	}
	if n.Kind != text.Mapping {
		l.errorf(n, "type", "stages: expected a map from names to stages, found %s", n.What())
		return
	}
	if len(n.Keys) == 0 {
		l.errorf(n, "missing-key", "stages: there is no stage")
	}
	p.byName = make(map[string]*Stage, len(n.Keys))
	for i, k := range n.Keys {
		s := &Stage{Name: k.Raw, name: k, node: n.Items[i], index: len(p.Stages), Schemas: map[string]Schema{}}
		if !stageName.MatchString(s.Name) {
			l.errorf(k, "name", "stage %q: a name has letters, digits, _ and -, and begins with a letter", s.Name)
		}
		// A stage that is wrong inside stays in the DAG, so that what refers to it
		// is not reported as well.
		p.Stages = append(p.Stages, s)
		p.byName[s.Name] = s
		l.loadStage(s)
	}
}

func (l *loader) loadStage(s *Stage) {
	var form stageForm
	for _, key := range []string{"when", "timeout", "retries", "continue_on_error", "cache"} {
		l.substitute(s.node.Get(key))
	}
	own := l.inStage(s)
	own.decoder().Known(s.node, &form, "")
	own.finish(l)
	if s.node.Kind != text.Mapping {
		return
	}
	s.Description, s.Tags = form.Description, form.Tags
	s.NoCache = form.Cache != nil && !*form.Cache
	s.Timeout, s.Retries, s.ContinueOnError, s.whenNode = form.Timeout, form.Retries, form.GoOn, form.When.Node
	uses := form.Uses.Node
	if uses == nil {
		return
	}
	before := l.problems.Len()
	unknown := l.paramsBroken && (hasTemplate(uses) || hasTemplate(form.In.Node) || hasTemplate(form.With.Node))
	l.substitute(uses)
	l.substitute(form.In.Node)
	l.substitute(form.With.Node)
	if l.problems.Len() > before || unknown {
		return
	}
	if uses.Kind != text.Scalar || uses.Value == nil {
		l.problems.Add(&text.Problem{Code: "type", Pos: uses.Pos, Text: fmt.Sprintf("stage %q: uses: expected the name of a kind, found %s", s.Name, uses.What()), Hint: "`pipe kinds` lists them all"})
		return
	}
	info, ok := l.kinds.Get(uses.Text())
	if !ok {
		hint := text.DidYouMean(uses.Text(), l.kinds.Names())
		if hint == "" {
			hint = "`pipe kinds` lists them all"
		}
		l.problems.Add(&text.Problem{Code: "unknown-kind", Pos: uses.Pos, Text: fmt.Sprintf("stage %q: there is no kind %q", s.Name, uses.Text()), Hint: hint})
		return
	}
	kind := info.New()
	with := form.With.Node
	if with == nil || with.Kind == text.Scalar && with.Value == nil {
		with = &text.Node{Kind: text.Mapping, Pos: s.name.Pos}
	}
	own = l.inStage(s)
	own.decoder().Known(with, kind, "with")
	broken := own.problems.Len() > 0
	own.finish(l)
	s.Info = info
	_, s.Outputs = kind.Ports()
	if !broken {
		s.Kind = kind
	}
}

// stageProblems collects what is wrong inside one stage, so that each message
// can name it.
type stageProblems struct {
	stage    *Stage
	problems text.Problems
}

func (l *loader) inStage(s *Stage) *stageProblems { return &stageProblems{stage: s} }

func (sp *stageProblems) decoder() *text.Decoder { return &text.Decoder{Problems: &sp.problems} }

func (sp *stageProblems) finish(l *loader) {
	for _, p := range sp.problems.Sorted() {
		p.Text = fmt.Sprintf("stage %q: %s", sp.stage.Name, p.Text)
		l.problems.Add(p)
	}
}

// IsWrong tells whether an error means that a pipeline file is wrong.
func IsWrong(err error) bool {
	var e *text.Error
	return errors.As(err, &e)
}
