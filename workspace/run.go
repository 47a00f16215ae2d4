package workspace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/registry"
)

// RunOptions say how a pipeline is run here.
type RunOptions struct {
	// ID of the run; "" draws one. A run of this id that was interrupted goes on:
	// in its journal and in its row.
	ID   string
	Name string // of the run; "" lets the registry choose
	dag.Selection
	Jobs      int
	KeepGoing bool
	Verify    bool
	Decisions map[string]dag.Decision // about stages that ask a person
	Tags      map[string]string       // beside those of the pipeline
	Sink      dag.Sink                // sees the events beside the journal and the registry
	Remote    string                  // the address of a remote that results are taken from and given to; "" for none
	Warn      func(error)             // is told what is wrong with the remote, which fails no run
	Memo      *Memo                   // where the run leaves a memo; nil for nowhere
}

// Request is what was asked for when a run began. It is kept in the run's
// folder, so that the run can be retried.
type Request struct {
	File   string            `json:"file"`
	Params map[string]string `json:"params,omitempty"`
	Moment dag.Moment        `json:"moment"` // the run's logical time
	dag.Selection
	// Files are the texts of what the pipeline includes and uses, by name, as they
	// were.
	Files map[string]string `json:"files,omitempty"`
}

const requestFile = "request.json"

// keptRequest is what that file holds.
type keptRequest struct {
	Request
	row
}

// Run runs a pipeline. The run's id is given even where it failed; the error
// is that of dag.Run, or says what could not be written down.
func (w *Workspace) Run(ctx context.Context, p *dag.Pipeline, o RunOptions) (id string, res *dag.Result, err error) {
	secrets, err := w.secrets(p, o.Selection)
	if err != nil {
		return "", nil, err
	}
	id = o.ID
	if id == "" {
		id = newRunID()
	}
	ctx, forget := w.remember(ctx, id)
	defer forget()
	turn, err := w.enterGroup(p.Concurrency, id)
	if err != nil {
		return "", nil, err
	}
	defer turn.leave()
	if err := forgetStop(w.RunDir(id)); err != nil {
		return "", nil, err
	}
	if o.ID != "" {
		if err := dag.TrimJournal(w.RunDir(id)); err != nil {
			return "", nil, err
		}
	}
	shared := w.share(ctx, o)
	if shared != nil {
		defer shared.close()
	}
	memoist := o.Memo.memoist(p)
	a := aboutOf(p, o.Selection)
	var rec *recorder
	res, err = w.tell(id, a, o, nil, !turn.held, func(journal *dag.Journal, r *recorder) (*dag.Result, error) {
		rec = r
		told := dag.Sinks{journal, rec}
		if o.Sink != nil {
			told = append(told, o.Sink)
		}
		if err := turn.wait(ctx, w, told, p.Name); err != nil {
			return neverBegan(told, id, r.start.Start, err), err
		}
		if shared != nil {
			told = append(told, shared)
		}
		run := dag.RunOptions{
			ID: id, Store: w.Store, Models: &models{registry: w.Registry, recorder: rec, run: id}, Sink: told,
			Selection: o.Selection, Jobs: o.Jobs, KeepGoing: o.KeepGoing, Verify: o.Verify, Secrets: secrets, Decisions: o.Decisions,
			Working: func(ctx context.Context, k artifacts.Key) (run, stage string) {
				run, stage, _ = w.Registry.Working(ctx, k) // it is asked for the name only
				return run, stage
			},
		}
		if shared != nil {
			run.Remote = shared
		}
		if memoist != nil {
			run.Sink = append(told, memoist)
		}
		return dag.Run(ctx, p, run)
	})
	if err == nil && memoist != nil {
		w.keepMemo(o.Memo, a, rec.list, memoist.Memo(w.Store))
	}
	return id, res, err
}

// about is what is written down of a run beside its events.
type about struct {
	Experiment string
	Pipeline   string
	Params     []registry.Pair
	Tags       map[string]string
	Request    Request
	text       []byte // of the pipeline
}

func aboutOf(p *dag.Pipeline, sel dag.Selection) *about {
	return &about{Experiment: p.ExperimentName(), Pipeline: p.Name, Params: params(p), Tags: p.Tags, Request: requestOf(p, sel), text: p.File.Data}
}

// tell writes a run down, in its folder and in the registry, while carry out
// sends its events; k is what a memo knows of it, and queued says that it does
// not begin at once.
func (w *Workspace) tell(id string, a *about, o RunOptions, k *known, queued bool, carryOut func(*dag.Journal, *recorder) (*dag.Result, error)) (*dag.Result, error) {
	journal, err := dag.CreateJournal(w.RunDir(id), a.text)
	if err != nil {
		return nil, err
	}
	r := row{Experiment: a.Experiment, Name: o.Name, User: username(), Values: a.Params, Tags: tags(a, o), Host: thisHost()}
	if !queued {
		r.Start = time.Now()
	}
	if err := w.keepRequest(id, keptRequest{a.Request, r}); err != nil {
		return nil, errors.Join(err, journal.Close())
	}
	rec := w.record(a, id, o, k, r, queued)
	res, err := carryOut(journal, rec)
	return res, errors.Join(err, rec.Close(), journal.Close())
}

func requestOf(p *dag.Pipeline, sel dag.Selection) Request {
	r := Request{File: p.File.Name, Selection: sel, Params: map[string]string{}, Moment: p.Moment}
	for _, q := range p.Params {
		if q.Set {
			r.Params[q.Name] = q.Text()
		}
	}
	if len(p.Reads) > 0 {
		r.Files = make(map[string]string, len(p.Reads))
		for _, f := range p.Reads {
			r.Files[f.Name] = string(f.Data)
		}
	}
	return r
}

func (w *Workspace) keepRequest(id string, r keptRequest) error {
	b, err := json.Marshal(r)
	if err == nil {
		err = os.WriteFile(filepath.Join(w.RunDir(id), requestFile), b, 0o666)
	}
	if err != nil {
		return fmt.Errorf("keep what the run was asked for: %w", err)
	}
	return nil
}

// Read gives the text that a file had in the run, of those that the pipeline
// includes and uses.
func (r *Request) Read(path string) ([]byte, error) {
	if s, ok := r.Files[path]; ok {
		return []byte(s), nil
	}
	return nil, fs.ErrNotExist
}

// Request reads what a run was asked for.
func (w *Workspace) Request(id string) (*Request, error) {
	b, err := os.ReadFile(filepath.Join(w.RunDir(id), requestFile))
	if err != nil {
		return nil, fmt.Errorf("the run's folder does not say what was asked for: %w", err)
	}
	var r Request
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("%s of run %s is damaged: %w", requestFile, id, err)
	}
	return &r, nil
}
