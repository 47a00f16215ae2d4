package mlflow

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"pipe/registry"
)

// runJSON is a run with its data, runInfo the run's own fields alone.
type (
	runJSON struct{ registry.Run }
	newRun  struct{ registry.Run }
	runInfo struct{ registry.Run }
	runPage struct {
		runs []registry.Run
		next string
	}
)

func (a runJSON) appendJSON(b []byte) []byte {
	return append(appendRun(append(b, `{"run":`...), a.Run), '}')
}

// A run that was just made has no outputs; all others say so by an empty object.
func (a newRun) appendJSON(b []byte) []byte {
	return append(appendData(append(b, `{"run":`...), a.Run), '}', '}')
}

func (a runInfo) appendJSON(b []byte) []byte {
	return append(appendInfo(append(b, `{"run_info":`...), &a.Run), '}')
}

func (a runPage) appendJSON(b []byte) []byte {
	b = list(append(slices.Grow(b, 64+1200*len(a.runs)), '{'), "runs", a.runs, appendRun)
	if a.next != "" {
		b = appendString(field(b, "next_page_token"), a.next)
	}
	return append(b, '}')
}

func appendRun(b []byte, r registry.Run) []byte {
	b = append(appendData(b, r), `,"outputs":{`...)
	b = list(b, "model_outputs", r.ModelOutputs, func(b []byte, m registry.RunModel) []byte {
		b = appendString(append(b, `{"model_id":`...), m.ModelID)
		return append(strconv.AppendInt(append(b, `,"step":`...), m.Step, 10), '}')
	})
	return append(b, '}', '}')
}

// appendData appends a run without its outputs and leaves the object open.
func appendData(b []byte, r registry.Run) []byte {
	b = appendInfo(append(b, `{"info":`...), &r)
	b = append(b, `,"data":{`...)
	b = list(b, "metrics", r.Metrics, appendMetric)
	b = list(b, "params", r.Params, appendPair)
	b = list(b, "tags", r.Tags, appendPair)
	b = append(b, `},"inputs":{`...)
	b = list(b, "dataset_inputs", r.Inputs, appendInput)
	b = list(b, "model_inputs", r.ModelInputs, func(b []byte, m registry.RunModel) []byte {
		return append(appendString(append(b, `{"model_id":`...), m.ModelID), '}')
	})
	return append(b, '}')
}

func appendInfo(b []byte, r *registry.Run) []byte {
	b = appendString(append(b, `{"run_uuid":`...), r.ID)
	b = append(strconv.AppendInt(append(b, `,"experiment_id":"`...), r.Experiment, 10), '"')
	b = appendString(append(b, `,"run_name":`...), r.Name)
	b = appendString(append(b, `,"user_id":`...), r.User)
	b = appendString(append(b, `,"status":`...), string(r.Status))
	b = strconv.AppendInt(append(b, `,"start_time":`...), r.Start.UnixMilli(), 10)
	if !r.End.IsZero() {
		b = strconv.AppendInt(append(b, `,"end_time":`...), r.End.UnixMilli(), 10)
	}
	b = appendString(append(b, `,"artifact_uri":`...), r.ArtifactURI)
	b = appendString(append(b, `,"lifecycle_stage":`...), lifecycle(r.Deleted))
	return append(appendString(append(b, `,"run_id":`...), r.ID), '}')
}

func appendInput(b []byte, in registry.DatasetInput) []byte {
	b = append(b, '{')
	b = list(b, "tags", in.Tags, appendPair)
	d := in.Dataset
	b = appendString(append(field(b, "dataset"), `{"name":`...), d.Name)
	b = appendString(append(b, `,"digest":`...), d.Digest)
	b = appendString(append(b, `,"source_type":`...), d.SourceType)
	b = appendString(append(b, `,"source":`...), d.Source)
	if d.Schema != "" {
		b = appendString(append(b, `,"schema":`...), d.Schema)
	}
	if d.Profile != "" {
		b = appendString(append(b, `,"profile":`...), d.Profile)
	}
	return append(b, '}', '}')
}

// runRef names a run, by either of MLflow's spellings.
type runRef struct {
	ID   string `json:"run_id"`
	UUID string `json:"run_uuid"`
}

func (q *runRef) id() (string, error) {
	if q.ID == "" {
		q.ID = q.UUID
	}
	if q.ID == "" {
		return "", missing("run_id")
	}
	return clip(q.ID), nil
}

type createRun struct {
	Experiment label           `json:"experiment_id"`
	User       string          `json:"user_id"`
	Name       string          `json:"run_name"`
	Start      number          `json:"start_time"`
	Tags       []registry.Pair `json:"tags"`
}

type updateRun struct {
	ID     string  `json:"run_id"`
	UUID   string  `json:"run_uuid"`
	Status *string `json:"status"`
	End    *number `json:"end_time"`
	Name   *string `json:"run_name"`
}

type runSearch struct {
	Experiments []string `json:"experiment_ids"`
	Filter      string   `json:"filter"`
	ViewType    label    `json:"run_view_type"`
	MaxResults  *number  `json:"max_results"`
	OrderBy     []string `json:"order_by"`
	PageToken   string   `json:"page_token"`
}

func (s *Server) runRoutes() {
	rpc(s, "POST", "/mlflow/runs/create", s.createRun)
	rpc(s, "GET", "/mlflow/runs/get", s.getRun)
	rpc(s, "POST", "/mlflow/runs/update", s.updateRun)
	rpc(s, "POST", "/mlflow/runs/search", s.searchRuns)
	rpc(s, "POST", "/mlflow/runs/delete", onRun(func(ctx context.Context, id string) error { return s.reg.DeleteRun(ctx, id, audit(ctx)) }))
	rpc(s, "POST", "/mlflow/runs/restore", onRun(s.reg.RestoreRun))
}

// onRun is a call that does something to a run.
func onRun(do func(context.Context, string) error) func(context.Context, *runRef) (any, error) {
	return func(ctx context.Context, q *runRef) (any, error) {
		id, err := q.id()
		if err != nil {
			return nil, err
		}
		return empty{}, do(ctx, id)
	}
}

func (s *Server) createRun(ctx context.Context, q *createRun) (any, error) {
	experiment := int64(0)
	var err error
	if q.Experiment != "" {
		if experiment, err = experimentID(string(q.Experiment)); err != nil {
			return nil, err
		}
	}
	if err := checkPairs(q.Tags, "tags", maxTag); err != nil {
		return nil, err
	}
	tagged, hasTag := registry.Value(q.Tags, "mlflow.runName")
	switch {
	case q.Name != "" && hasTag && tagged != q.Name:
		return nil, invalid("Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='%s', mlflow.runName='%s').", clip(q.Name), clip(tagged))
	case q.Name == "" && hasTag:
		q.Name = tagged
	case q.Name == "":
		if q.Name, err = s.randomName(); err != nil {
			return nil, err
		}
	}
	if !hasTag {
		q.Tags = append(q.Tags, registry.Pair{Key: "mlflow.runName", Value: truncate(q.Name, maxTag)})
	}
	run, err := s.reg.CreateRun(ctx, registry.NewRun{Experiment: experiment, Name: q.Name, User: q.User,
		Start: time.UnixMilli(int64(q.Start)), Tags: q.Tags})
	return newRun{run}, err
}

func (s *Server) getRun(ctx context.Context, q *runRef) (any, error) {
	id, err := q.id()
	if err != nil {
		return nil, err
	}
	run, err := s.reg.RunByID(ctx, id)
	return runJSON{run}, err
}

func (s *Server) updateRun(ctx context.Context, q *updateRun) (any, error) {
	id, err := (&runRef{q.ID, q.UUID}).id()
	if err != nil {
		return nil, err
	}
	change := registry.RunChange{}
	if q.Name != nil && *q.Name != "" {
		change.Name = q.Name
	}
	if q.Status != nil {
		status := registry.Status(*q.Status)
		change.Status = &status
	}
	if q.End != nil {
		end := time.UnixMilli(int64(*q.End))
		change.End = &end
	}
	run, err := s.reg.UpdateRun(ctx, id, change)
	return runInfo{run}, err
}

func (s *Server) searchRuns(ctx context.Context, q *runSearch) (any, error) {
	limit, err := pageSize(q.MaxResults, 1000, 50_000)
	if err != nil {
		return nil, err
	}
	v, err := view(string(q.ViewType))
	if err != nil {
		return nil, err
	}
	experiments, err := experimentIDs(q.Experiments)
	if err != nil {
		return nil, err
	}
	if len(experiments) == 0 {
		experiments = []int64{-1} // MLflow: none named, none searched
	}
	runs, next, err := s.reg.Runs(ctx, registry.RunQuery{Experiments: experiments, Filter: q.Filter, OrderBy: q.OrderBy,
		View: v, Limit: limit, PageToken: q.PageToken})
	return runPage{runs, next}, err
}

// randomName draws a name for a run that has none, like "brisk-otter-417".
func (s *Server) randomName() (string, error) {
	var b [8]byte
	if _, err := io.ReadFull(s.opt.Random, b[:]); err != nil {
		return "", fmt.Errorf("drawing a run name: %w", err)
	}
	n := binary.LittleEndian.Uint64(b[:])
	adjective, n := adjectives[n%uint64(len(adjectives))], n/uint64(len(adjectives))
	animal, n := animals[n%uint64(len(animals))], n/uint64(len(animals))
	return fmt.Sprintf("%s-%s-%d", adjective, animal, n%1000), nil
}

var (
	adjectives = []string{"amber", "brisk", "calm", "clever", "coral", "dapper", "eager", "fair", "gentle", "golden", "hardy", "ivory",
		"jolly", "keen", "lively", "lucid", "mellow", "nimble", "olive", "patient", "quick", "quiet", "rapid", "sandy", "silent", "sunny", "tidy", "vivid", "warm", "wise"}
	animals = []string{"badger", "bison", "crane", "curlew", "dolphin", "eagle", "falcon", "finch", "gecko", "heron", "ibex", "jackal",
		"kestrel", "lark", "lemur", "lynx", "marten", "newt", "otter", "owl", "panda", "plover", "raven", "salmon", "seal", "stork", "tapir", "toad", "wombat", "wren"}
)
