package mlflow

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"pipe/registry"
)

// trace2 is MLflow 2's TraceInfo. It is stored as TraceInfoV3.
type trace2 struct {
	ID         string          `json:"request_id"`
	Experiment label           `json:"experiment_id"`
	Time       number          `json:"timestamp_ms"`
	Duration   *number         `json:"execution_time_ms,omitempty"`
	Status     string          `json:"status"`
	Metadata   []registry.Pair `json:"request_metadata,omitempty"`
	Tags       []registry.Pair `json:"tags,omitempty"`
}

// trace3 is the part of TraceInfoV3 that MLflow 2 knows.
type trace3 struct {
	ID       string `json:"trace_id"`
	Location struct {
		Type       string `json:"type"`
		Experiment struct {
			ID string `json:"experiment_id"`
		} `json:"mlflow_experiment"`
	} `json:"trace_location"`
	Time     time.Time         `json:"request_time"`
	Duration string            `json:"execution_duration,omitempty"`
	State    string            `json:"state"`
	Metadata map[string]string `json:"trace_metadata,omitempty"`
}

func (i *trace3) stored(experiment int64, tags []registry.Pair) (registry.Trace, error) {
	i.Location.Type, i.Location.Experiment.ID = "MLFLOW_EXPERIMENT", strconv.FormatInt(experiment, 10)
	body, err := json.Marshal(i)
	return registry.Trace{ID: i.ID, Experiment: experiment, Time: i.Time, Info: body, Tags: tags}, err
}

func traceToV2(t registry.Trace) (out trace2, err error) {
	var i trace3
	if err := json.Unmarshal(t.Info, &i); err != nil {
		return out, err
	}
	out = trace2{ID: t.ID, Experiment: label(strconv.FormatInt(t.Experiment, 10)), Time: number(t.Time.UnixMilli()), Status: i.State,
		Metadata: registry.Pairs(i.Metadata), Tags: t.Tags}
	if d, err := time.ParseDuration(i.Duration); err == nil {
		ms := number(d.Milliseconds())
		out.Duration = &ms
	}
	return out, nil
}

type trace2Answer struct {
	Info trace2 `json:"trace_info"`
}

func (s *Server) startTrace2(ctx context.Context, q *trace2) (any, error) {
	id, err := experimentID(string(q.Experiment))
	if err != nil {
		return nil, err
	}
	e, err := s.reg.Experiment(ctx, id)
	if err != nil {
		return nil, err
	}
	var b [16]byte
	if _, err := io.ReadFull(s.opt.Random, b[:]); err != nil {
		return nil, fmt.Errorf("drawing a trace id: %w", err)
	}
	i := trace3{ID: "tr-" + hex.EncodeToString(b[:]), Time: time.UnixMilli(int64(q.Time)).UTC(), State: "IN_PROGRESS", Metadata: make(map[string]string)}
	for _, p := range q.Metadata {
		i.Metadata[p.Key] = p.Value
	}
	tags := append(q.Tags, registry.Pair{Key: "mlflow.artifactLocation", Value: strings.TrimSuffix(e.ArtifactLocation, "/") + "/traces/" + i.ID + "/artifacts"})
	if err := checkPairs(tags, "tags", maxTag); err != nil {
		return nil, err
	}
	t, err := i.stored(id, tags)
	if err != nil {
		return nil, err
	}
	return s.putTrace2(ctx, t)
}

func (s *Server) putTrace2(ctx context.Context, t registry.Trace) (any, error) {
	if err := s.reg.PutTrace(ctx, t); err != nil {
		return nil, err
	}
	return s.traceInfo2(ctx, &struct {
		ID string `json:"request_id" need:"1"`
	}{t.ID})
}

// endTrace sets what is known of a trace when it ends.
func (s *Server) endTrace(ctx context.Context, q *trace2) (any, error) {
	t, err := s.reg.Trace(ctx, q.ID)
	if err != nil {
		return nil, err
	}
	var i trace3
	if err := json.Unmarshal(t.Info, &i); err != nil {
		return nil, err
	}
	if i.Metadata == nil {
		i.Metadata = make(map[string]string)
	}
	for _, p := range q.Metadata {
		i.Metadata[p.Key] = p.Value
	}
	i.State, i.Duration = q.Status, strconv.FormatFloat(float64(int64(q.Time)-t.Time.UnixMilli())/1000, 'f', -1, 64)+"s"
	if err := checkPairs(q.Tags, "tags", maxTag); err != nil {
		return nil, err
	}
	ended, err := i.stored(t.Experiment, q.Tags)
	if err != nil {
		return nil, err
	}
	return s.putTrace2(ctx, ended)
}

func (s *Server) traceInfo2(ctx context.Context, q *struct {
	ID string `json:"request_id" need:"1"`
}) (any, error) {
	t, err := s.reg.Trace(ctx, q.ID)
	if err != nil {
		return nil, err
	}
	info, err := traceToV2(t)
	return trace2Answer{info}, err
}

func (s *Server) searchTraces2(ctx context.Context, q *struct {
	Experiments []string `json:"experiment_ids" need:"1"`
	Filter      string   `json:"filter"`
	MaxResults  *number  `json:"max_results"`
	OrderBy     []string `json:"order_by"`
	PageToken   string   `json:"page_token"`
}) (any, error) {
	limit, err := pageSize(q.MaxResults, 100, 500)
	if err != nil {
		return nil, err
	}
	ids, err := experimentIDs(q.Experiments)
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return empty{}, nil
	}
	list, next, err := s.reg.Traces(ctx, ids, registry.Query{Filter: q.Filter, OrderBy: q.OrderBy, Limit: limit, PageToken: q.PageToken})
	if err != nil {
		return nil, err
	}
	answer := struct {
		Traces []trace2 `json:"traces,omitempty"`
		Next   string   `json:"next_page_token,omitempty"`
	}{Next: next}
	for _, t := range list {
		info, err := traceToV2(t)
		if err != nil {
			return nil, err
		}
		answer.Traces = append(answer.Traces, info)
	}
	return answer, nil
}
