package stages

import (
	"errors"
	"fmt"
	"slices"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/nn"
	"pipe/stages/transform"
)

// beginning is what a training starts from.
type beginning struct {
	transform transform.Transform
	network   *nn.Network      // nil for a new one
	front     *nn.Network      // whose first layers a new end is put on; nil for none
	known     *examples        // has the classes of the model that is trained further; nil for a new one
	from      artifacts.Digest // of that model
}

func (t *Train) begin(env *dag.Env) (*beginning, error) {
	switch {
	case env.Has("model") && env.Has("transform"), !env.Has("model") && !env.Has("transform"):
		return nil, errors.New(oneBeginning)
	case !env.Has("model"):
		folder, err := env.Folder("transform")
		if err != nil {
			return nil, err
		}
		fitted, err := transform.Load(folder)
		if err != nil {
			return nil, err
		}
		return &beginning{transform: fitted}, nil
	}
	folder, err := env.Folder("model")
	if err != nil {
		return nil, err
	}
	m, err := model.Load(folder)
	if err != nil {
		return nil, err
	}
	if m.Task() != t.task() {
		return nil, fmt.Errorf("the model is for %s, and the loss is for %s", m.Task(), t.task())
	}
	ref, err := env.Input("model")
	if err != nil {
		return nil, err
	}
	env.Logf("go on from the model %s", ref.Digest.Short())
	if len(t.Layers) > 0 {
		return &beginning{transform: m.Transform(), front: m.Network(), from: ref.Digest}, nil
	}
	if !slices.ContainsFunc(m.Network().Params(), func(p *nn.Param) bool { return p.Trainable }) {
		return nil, errors.New("the model has no weights that can be trained: a graph that is computed operator by operator (a layer onnx) is trained no further; write layers, which become a new end on the graph's outputs")
	}
	return &beginning{transform: m.Transform(), network: m.Network(), known: classesOf(m), from: ref.Digest}, nil
}

// kept is how many layers of a network stay in front of a new end.
func (t *Train) kept(n *nn.Network) int {
	if t.Keep > 0 {
		return t.Keep
	}
	for i := len(n.Layers) - 1; i > 0; i-- {
		if len(n.Layers[i].Params()) > 0 {
			return i
		}
	}
	return 1
}

// classesOf makes the classes of a model the only ones that may occur.
func classesOf(m *model.Model) *examples {
	e := &examples{origin: "the model", classes: m.Classes(), index: map[string]int32{}}
	for k, label := range e.classes {
		e.index[label] = int32(k)
	}
	return e
}
