package workspace

import (
	"context"
	"errors"

	"pipe/dag"
)

// RunOptions say how a pipeline is run here.
type RunOptions struct {
	Name      string // of the run; "" lets the registry choose
	Targets   []string
	Jobs      int
	Force     bool
	KeepGoing bool
	Sink      dag.Sink // sees the events beside the journal and the registry
}

// Run runs a pipeline. The run's id is given even where it failed; the error
// is that of dag.Run, or says what could not be written down.
func (w *Workspace) Run(ctx context.Context, p *dag.Pipeline, o RunOptions) (id string, res *dag.Result, err error) {
	id = newRunID()
	journal, err := dag.CreateJournal(w.RunDir(id), p.File.Data)
	if err != nil {
		return "", nil, err
	}
	rec := w.record(p, id, o)
	sinks := dag.Sinks{journal, rec}
	if o.Sink != nil {
		sinks = append(sinks, o.Sink)
	}
	res, err = dag.Run(ctx, p, dag.RunOptions{
		ID: id, Store: w.Store, Models: &models{registry: w.Registry, recorder: rec, run: id}, Sink: sinks,
		Targets: o.Targets, Jobs: o.Jobs, Force: o.Force, KeepGoing: o.KeepGoing,
	})
	return id, res, errors.Join(err, rec.Close(), journal.Close())
}
