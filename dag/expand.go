package dag

import (
	"path/filepath"

	"pipe/dag/text"
)

// A matrix, a foreach, a group and a pipeline that another one uses are carried
// out here, before anything is linked: what comes after, the checker, the plan
// and the runner, knows only ordinary stages. The copies have names of their
// own ("train/0_1", "prepare/clean"), which no key depends on.

// place is where a stage stands and what its name is there.
type place struct {
	space  *space
	key    *text.Node // its name in the file
	label  string     // what messages call it: the name in the file, the same for all variants
	name   string     // its full name
	within []string   // the files that lead to it, the outermost first
}

// groupForm is a stage that stands for several.
type groupForm struct {
	Description string  `yaml:"description" doc:"what they are for"`
	Matrix      rawNode `yaml:"matrix" doc:"makes a variant of all of them for each combination of lists, whose values are ${matrix.NAME}"`
	Foreach     rawNode `yaml:"foreach" doc:"makes a variant of all of them for each item of a list, or row of a table, which is ${item}"`
	Stages      rawNode `yaml:"stages" doc:"the stages by name; among themselves they go by that, from outside by group.name" required:"true"`
}

// maxStages bounds what expansion makes of a file.
const maxStages = 100_000

// loadStages loads the stages of a file or group into a space.
func (l *loader) loadStages(p *Pipeline, sp *space, n *text.Node, sc *scope, within []string) {
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
	for i, k := range n.Keys {
		if !stageName().MatchString(k.Raw) {
			l.errorf(k, "name", "stage %q: a name has letters (a to z, A to Z), digits, _ and -, and begins with a letter", k.Raw)
		}
		at := place{space: sp, key: k, label: k.Raw, name: sp.prefix + k.Raw, within: within}
		l.loadEntry(p, sp.add(k.Raw), at, n.Items[i], sc)
	}
}

// loadEntry loads what stands under one name.
func (l *loader) loadEntry(p *Pipeline, e *entry, at place, n *text.Node, sc *scope) {
	before := l.problems.Len()
	variants, many := l.variants(n, sc, filepath.Dir(at.within[len(at.within)-1]))
	e.failed = many && len(variants) == 0 && l.problems.Len() > before
	if !many {
		m := &member{}
		e.members = []*member{m}
		l.loadMember(p, m, at, n, sc)
		return
	}
	for _, v := range variants {
		m := &member{labels: v.labels}
		e.members = append(e.members, m)
		one := at
		one.name += "/" + v.name
		l.loadMember(p, m, one, n.Clone(), v.scope)
	}
}

func (l *loader) loadMember(p *Pipeline, m *member, at place, n *text.Node, sc *scope) {
	uses := n.Get("uses")
	if uses != nil {
		l.substitute(sc, uses)
	}
	switch {
	case len(p.Stages) >= maxStages:
		l.errorf(at.key, "matrix", "the pipeline has more than %d stages", maxStages)
	case n.Get("stages") != nil && uses == nil:
		l.loadGroup(p, m, at, n, sc)
	case isPipeline(uses):
		l.loadPart(p, m, at, n, sc)
	default:
		m.stage = l.addStage(p, at, n, sc)
	}
}

func (l *loader) loadGroup(p *Pipeline, m *member, at place, n *text.Node, sc *scope) {
	var form groupForm
	own := l.inStage(at.label)
	own.decoder().Known(n, &form, "")
	own.finish(l)
	m.inside = newSpace(at.space, at.name+"/")
	l.loadStages(p, m.inside, form.Stages.Node, sc, at.within)
}

// addStage makes an ordinary stage. One that is wrong inside stays in the DAG,
// so that what refers to it is not reported as well.
func (l *loader) addStage(p *Pipeline, at place, n *text.Node, sc *scope) *Stage {
	s := &Stage{Name: at.name, label: at.label, name: at.key, node: n, index: len(p.Stages), Schemas: map[string]Schema{}, scope: sc, space: at.space}
	p.Stages = append(p.Stages, s)
	l.byName[s.Name] = s
	l.loadStage(s)
	return s
}
