package mlflow

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"pipe/registry"
	"pipe/server/auth"
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
	rpc(s, "POST", base+"/delete-traces", s.deleteTraces)
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
	// MLflow 2's clients.
	rpc(s, "GET", base, s.searchTraces2)
	rpc(s, "PATCH", base+"/{request_id}", s.endTrace)
	rpc(s, "GET", base+"/{request_id}/info", s.traceInfo2)
}

func (s *Server) deleteTraces(ctx context.Context, q *struct {
	Experiment label    `json:"experiment_id" need:"1"`
	Before     *number  `json:"max_timestamp_millis"`
	Max        number   `json:"max_traces"`
	IDs        []string `json:"request_ids"`
	TraceIDs   []string `json:"trace_ids"`
}) (any, error) {
	id, err := experimentID(string(q.Experiment))
	if err != nil {
		return nil, err
	}
	ids := append(q.IDs, q.TraceIDs...)
	if (len(ids) == 0) == (q.Before == nil) {
		return nil, invalid("Either `max_timestamp_millis` or `trace_ids` must be specified, and not both.")
	}
	before := time.Time{}
	if q.Before != nil {
		before = time.UnixMilli(int64(*q.Before))
	}
	n, err := s.reg.DeleteTraces(ctx, id, ids, before, int(q.Max))
	return map[string]int64{"traces_deleted": n}, err
}

// startTrace keeps what a client says of a trace. Its spans follow as an
// artifact, to the place that the tag mlflow.artifactLocation names.
func (s *Server) startTrace(ctx context.Context, q *struct {
	Trace struct {
		Info json.RawMessage `json:"trace_info"`
	} `json:"trace"`
	trace2
}) (any, error) {
	if len(q.Trace.Info) == 0 {
		return s.startTrace2(ctx, &q.trace2)
	}
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
	if err == nil {
		err = may(ctx, auth.Write, auth.Experiment(id))
	}
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
	Filter     string   `json:"filter"`
	MaxResults *number  `json:"max_results"`
	OrderBy    []string `json:"order_by"`
	PageToken  string   `json:"page_token"`
}) (any, error) {
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
		ids[id] = auth.From(ctx).May(auth.Read, auth.Experiment(id))
	}
	maps.DeleteFunc(ids, func(_ int64, may bool) bool { return !may })
	if len(ids) == 0 && !auth.From(ctx).Unlimited() {
		return empty{}, nil
	}
	list, next, err := s.reg.Traces(ctx, slices.Sorted(maps.Keys(ids)),
		registry.Query{Filter: q.Filter, OrderBy: q.OrderBy, Limit: limit, PageToken: q.PageToken})
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
