package mlflow

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"pipe/registry"
)

// traceInfo is the part of MLflow's TraceInfoV3 that is understood here; the
// rest is kept as it comes.
type traceInfo struct {
	ID       string `json:"trace_id"`
	Location struct {
		Experiment struct {
			ID label `json:"experiment_id"`
		} `json:"mlflow_experiment"`
	} `json:"trace_location"`
	Time time.Time         `json:"request_time"`
	Tags map[string]string `json:"tags"`
}

type traceRef struct {
	ID string `json:"trace_id" need:"1"`
}

type traceTag struct {
	ID    string `json:"trace_id" need:"1"`
	Key   string `json:"key" need:"1"`
	Value string `json:"value"`
}

func (s *Server) traceRoutes() {
	const base = "/mlflow/traces"
	rpc(s, "POST", base, s.startTrace)
	rpc(s, "POST", base+"/search", s.searchTraces)
	rpc(s, "GET", base+"/{trace_id}", func(ctx context.Context, q *traceRef) (any, error) {
		t, err := s.reg.Trace(ctx, q.ID)
		if err != nil {
			return nil, err
		}
		return traceAnswer(t)
	})
	rpc(s, "PATCH", base+"/{trace_id}/tags", func(ctx context.Context, q *traceTag) (any, error) {
		tags := []registry.Pair{{Key: q.Key, Value: q.Value}}
		if err := checkPairs(tags, "", maxTag); err != nil {
			return nil, err
		}
		return empty{}, s.reg.SetTraceTags(ctx, q.ID, tags)
	})
	rpc(s, "DELETE", base+"/{trace_id}/tags", func(ctx context.Context, q *traceTag) (any, error) {
		return empty{}, s.reg.DeleteTraceTag(ctx, q.ID, q.Key)
	})
}

// startTrace keeps what a client says of a trace. Its spans follow as an
// artifact, to the place that the tag mlflow.artifactLocation names.
func (s *Server) startTrace(ctx context.Context, q *struct {
	Trace struct {
		Info json.RawMessage `json:"trace_info"`
	} `json:"trace"`
}) (any, error) {
	var info traceInfo
	if err := fromJSON(q.Trace.Info, &info); err != nil {
		return nil, err
	}
	if info.ID == "" || len(info.ID) > 250 || strings.ContainsAny(info.ID, "/\\") || hasDots(info.ID) {
		return nil, invalid("Invalid value for parameter 'trace_id' supplied.")
	}
	id, err := experimentID(string(info.Location.Experiment.ID))
	if err != nil {
		return nil, err
	}
	e, err := s.reg.Experiment(ctx, id)
	if err != nil {
		return nil, err
	}
	var rest map[string]json.RawMessage
	if err := fromJSON(q.Trace.Info, &rest); err != nil {
		return nil, err
	}
	delete(rest, "tags")
	body, err := json.Marshal(rest)
	if err != nil {
		return nil, err
	}
	if info.Tags == nil {
		info.Tags = make(map[string]string)
	}
	info.Tags["mlflow.artifactLocation"] = strings.TrimSuffix(e.ArtifactLocation, "/") + "/traces/" + info.ID + "/artifacts"
	tags := registry.Pairs(info.Tags)
	if err := checkPairs(tags, "tags", maxTag); err != nil {
		return nil, err
	}
	t := registry.Trace{ID: info.ID, Experiment: id, Time: info.Time, Info: body, Tags: tags}
	if err := s.reg.PutTrace(ctx, t); err != nil {
		return nil, err
	}
	return traceAnswer(t)
}

func traceAnswer(t registry.Trace) (any, error) {
	info, err := traceJSON(t)
	return map[string]any{"trace": map[string]any{"trace_info": info}}, err
}

// traceJSON puts the tags back into the info.
func traceJSON(t registry.Trace) (map[string]json.RawMessage, error) {
	var info map[string]json.RawMessage
	if err := json.Unmarshal(t.Info, &info); err != nil {
		return nil, err
	}
	tags := make(map[string]string, len(t.Tags))
	for _, p := range t.Tags {
		tags[p.Key] = p.Value
	}
	body, err := json.Marshal(tags)
	if err != nil {
		return nil, err
	}
	info["tags"] = body
	return info, nil
}

func (s *Server) searchTraces(ctx context.Context, q *struct {
	Locations []struct {
		Experiment struct {
			ID label `json:"experiment_id"`
		} `json:"mlflow_experiment"`
	} `json:"locations"`
	Filter     string  `json:"filter"`
	MaxResults *number `json:"max_results"`
	PageToken  string  `json:"page_token"`
}) (any, error) {
	if strings.TrimSpace(q.Filter) != "" {
		return nil, invalid("Traces of this server cannot be filtered; leave the filter out.")
	}
	limit, err := pageSize(q.MaxResults, 100, 500)
	if err != nil {
		return nil, err
	}
	ids := make(map[int64]bool)
	for _, l := range q.Locations {
		id, err := experimentID(string(l.Experiment.ID))
		if err != nil {
			return nil, err
		}
		ids[id] = true
	}
	list, next, err := s.reg.Traces(ctx, slices.Sorted(maps.Keys(ids)), limit, q.PageToken)
	if err != nil {
		return nil, err
	}
	answer := struct {
		Traces []map[string]json.RawMessage `json:"traces,omitempty"`
		Next   string                       `json:"next_page_token,omitempty"`
	}{Next: next}
	for _, t := range list {
		info, err := traceJSON(t)
		if err != nil {
			return nil, err
		}
		answer.Traces = append(answer.Traces, info)
	}
	return answer, nil
}
