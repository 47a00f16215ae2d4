// Package model owns the model artifact: a folder with everything between raw
// input and answer (the fitted transform, the network, its weights, the labels),
// and the predictions made from it. Training writes it; evaluation, prediction
// and serving load the same one, so that what is served is what was evaluated.
//
//	model.json           what it does: see Manifest
//	network.json         the architecture, in the form of package nn
//	weights.safetensors  the weights
//	history.json         the learning curves: see History
//	transform/…          from raw columns to the network's input
//
// Equal trainings give equal bytes: nothing in the folder tells of time or
// place.
package model

import (
	"errors"
	"fmt"
	"sync"

	"pipe/dag"
	"pipe/stages/nn"
	"pipe/stages/score"
	"pipe/stages/transform"
)

// Model is a trained model. It does not change and may be used by several
// goroutines at once.
type Model struct {
	manifest  Manifest
	history   History
	transform transform.Transform
	network   *nn.Network

	values []any // the classes in the type of the target
	works  sync.Pool
}

// New puts a model together and checks that its parts fit. The network belongs
// to the model from then on.
func New(m Manifest, h History, t transform.Transform, n *nn.Network) (*Model, error) {
	m.Version, h.Version = Version, Version
	if err := m.validate(); err != nil {
		return nil, err
	}
	if err := fits(&m, t.Signature(), n); err != nil {
		return nil, err
	}
	model := &Model{manifest: m, history: h, transform: t, network: n}
	for _, c := range m.Classes {
		v, err := classValue(m.Target.Type, c)
		if err != nil {
			return nil, err
		}
		model.values = append(model.values, v)
	}
	model.works.New = func() any { return new(work) }
	return model, nil
}

// fits compares what the transform gives with what the network reads, and what
// the network gives with the classes.
func fits(m *Manifest, t dag.Signature, n *nn.Network) error {
	in := n.Input
	switch {
	case in.Tokens != (t.Tokens > 0):
		return errors.New("one of transform and network is about token ids and the other about numbers")
	case !nn.Shape(in.Shape).Equal(nn.Shape(t.Shape)):
		return fmt.Errorf("the transform gives rows of shape %v and the network reads %v", nn.Shape(t.Shape), nn.Shape(in.Shape))
	case in.Tokens && n.Context.Vocab < t.Tokens:
		return fmt.Errorf("the transform gives ids up to %d and the network knows %d ids", t.Tokens-1, n.Context.Vocab)
	}
	out := n.OutShape()
	if len(out) != 2 {
		return fmt.Errorf("the network gives %v, and not one answer for each row", out)
	}
	want := 1
	if m.Task == score.Classification && (len(m.Classes) != 2 || out.Last() != 1) {
		want = len(m.Classes)
	}
	if out.Last() != want {
		return fmt.Errorf("the network gives %d numbers for each row, and a %s with %d classes needs %d", out.Last(), m.Task, len(m.Classes), want)
	}
	return nil
}

// Task is score.Classification or score.Regression.
func (m *Model) Task() string { return m.manifest.Task }

// Target is the column that the model predicts.
func (m *Model) Target() dag.Column { return m.manifest.Target }

// Classes are the labels in the order of the probabilities; none for a
// regression.
func (m *Model) Classes() []string { return m.manifest.Classes }

// Signature says which raw columns are read and what comes out.
func (m *Model) Signature() dag.Signature { return m.manifest.Signature }

// Training says how the model came to be.
func (m *Model) Training() Training { return m.manifest.Training }

// History gives the learning curves.
func (m *Model) History() History { return m.history }

// Transform is what makes the network's input from raw columns.
func (m *Model) Transform() transform.Transform { return m.transform }

// Network is the network with its weights. Who trains it further must not use
// the model any more.
func (m *Model) Network() *nn.Network { return m.network }

// Bytes is about the memory that the network takes.
func (m *Model) Bytes() int64 { return m.network.Bytes() }

// Summary describes the layers of the network.
func (m *Model) Summary() []nn.LayerSummary { return m.network.Summary() }
