package dag

import (
	"pipe/dag/text"
)

// givenParams are the values that a run sets, from the nearest place to the
// furthest: the caller's own, those of a params file, those of a look-up.
type givenParams struct {
	own    map[string]string
	file   *text.Node // a map; nil for none
	lookup func(string) (string, bool)
	whole  text.Pos   // the pipeline file, for what has no better place
	at     *text.Node // where a part's values are given; nil for a pipeline that is run
	what   string     // begins a message: "the pipeline has"
}

// given is one value; node is where it stands in the params file, or nil.
type given struct {
	text string
	node *text.Node
}

// readGiven parses the params file, which shares the problems of the pipeline,
// so that both are mended at once.
func (l *loader) readGiven(o *LoadOptions) *givenParams {
	g := &givenParams{own: o.Params, lookup: o.Lookup, whole: text.Pos{File: l.file}, what: "the pipeline has"}
	if o.ParamsFile == nil {
		return g
	}
	root := text.Parse(o.ParamsFile, &l.problems)
	if root == nil {
		return g
	}
	if root.Kind != text.Mapping {
		l.errorf(root, "type", "a params file is a map from params to values, found %s", root.What())
		return g
	}
	g.file = l.valuesOf(root).file
	return g
}

// valuesOf takes the values of a map's keys; nil gives none.
func (l *loader) valuesOf(n *text.Node) *givenParams {
	if n == nil {
		return &givenParams{}
	}
	for i, k := range n.Keys {
		if v := n.Items[i]; v.Kind != text.Scalar || v.Value == nil {
			l.errorf(v, "type", "param %q: expected a value, found %s", k.Raw, v.What())
			return &givenParams{}
		}
	}
	return &givenParams{file: n}
}

func (g *givenParams) get(name string) (given, bool) {
	if s, ok := g.own[name]; ok {
		return given{text: s}, true
	}
	if n := g.file.Get(name); n != nil {
		return given{text: n.Text(), node: n}, true
	}
	if g.lookup != nil {
		if s, ok := g.lookup(name); ok {
			return given{text: s}, true
		}
	}
	return given{}, false
}

// unknown tells each name that the pipeline's params lack. A look-up is asked
// only for what there is: an environment serves many pipelines.
func (g *givenParams) unknown(params *text.Node, tell func(name string, at text.Pos)) {
	for _, name := range sortedKeys(g.own) {
		if params.Get(name) == nil {
			tell(name, g.whole)
		}
	}
	if g.file == nil {
		return
	}
	for _, k := range g.file.Keys {
		if params.Get(k.Raw) == nil {
			tell(k.Raw, k.Pos)
		}
	}
}
