package mlflow

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"pipe/registry"
	"pipe/server/auth"
)

type loggedJSON struct {
	Info struct {
		ID          string          `json:"model_id"`
		Experiment  string          `json:"experiment_id"`
		Name        string          `json:"name"`
		Created     int64           `json:"creation_timestamp_ms"`
		Updated     int64           `json:"last_updated_timestamp_ms"`
		ArtifactURI string          `json:"artifact_uri"`
		Status      string          `json:"status"`
		Type        string          `json:"model_type,omitempty"`
		SourceRun   string          `json:"source_run_id,omitempty"`
		Message     string          `json:"status_message,omitempty"`
		Tags        []registry.Pair `json:"tags,omitempty"`
	} `json:"info"`
	Data struct {
		Params  []registry.Pair `json:"params,omitempty"`
		Metrics []raw           `json:"metrics,omitempty"`
	} `json:"data"`
}

// MarshalJSON lets raw stand inside other values.
func (a raw) MarshalJSON() ([]byte, error) { return a, nil }

type loggedAnswer struct {
	Model loggedJSON `json:"model"`
}

const loggedStatus = "LOGGED_MODEL_"

func loggedToJSON(m registry.LoggedModel) (out loggedJSON) {
	i := &out.Info
	i.ID, i.Experiment, i.Name, i.Type, i.SourceRun, i.Message = m.ID, strconv.FormatInt(m.Experiment, 10), m.Name, m.Type, m.SourceRun, m.Message
	i.Created, i.Updated, i.ArtifactURI, i.Status, i.Tags = m.Created.UnixMilli(), m.Updated.UnixMilli(), m.ArtifactURI, loggedStatus+m.Status, m.Tags
	out.Data.Params = m.Params
	for _, metric := range m.Metrics {
		b := metricFields(nil, metric.Metric)
		if a := metric.About; a.DatasetName != "" {
			b = appendString(append(b, `,"dataset_name":`...), a.DatasetName)
			b = appendString(append(b, `,"dataset_digest":`...), a.DatasetDigest)
		}
		b = appendString(append(b, `,"model_id":`...), m.ID)
		b = appendString(append(b, `,"run_id":`...), metric.RunID)
		out.Data.Metrics = append(out.Data.Metrics, append(b, '}'))
	}
	return out
}

type loggedRef struct {
	ID string `json:"model_id" need:"1"`
}

type loggedPairs struct {
	ID     string          `json:"model_id" need:"1"`
	Params []registry.Pair `json:"params"`
	Tags   []registry.Pair `json:"tags"`
}

func (s *Server) loggedModelRoutes() {
	const base = "/mlflow/logged-models"
	rpc(s, "POST", base, s.createLogged)
	rpc(s, "POST", base+"/search", s.searchLogged)
	rpc(s, "GET", base+"/{model_id}", func(ctx context.Context, q *loggedRef) (any, error) {
		m, err := s.reg.LoggedModel(ctx, q.ID)
		return loggedAnswer{loggedToJSON(m)}, err
	})
	rpc(s, "PATCH", base+"/{model_id}", s.finishLogged)
	rpc(s, "DELETE", base+"/{model_id}", func(ctx context.Context, q *loggedRef) (any, error) {
		return empty{}, s.reg.DeleteLoggedModel(ctx, q.ID, audit(ctx))
	})
	rpc(s, "PATCH", base+"/{model_id}/tags", func(ctx context.Context, q *loggedPairs) (any, error) {
		if err := checkStrictPairs(q.Tags, maxTag); err != nil {
			return nil, err
		}
		return empty{}, s.reg.SetLoggedModelTags(ctx, q.ID, q.Tags)
	})
	rpc(s, "DELETE", base+"/{model_id}/tags/{tag_key}", s.deleteLoggedTag)
	rpc(s, "POST", base+"/{model_id}/params", func(ctx context.Context, q *loggedPairs) (any, error) {
		if err := checkPairs(q.Params, "params", maxParam); err != nil {
			return nil, err
		}
		return empty{}, s.reg.LogModelParams(ctx, q.ID, q.Params)
	})
	rpc(s, "GET", base+"/{model_id}/artifacts/directories", s.listLogged)
	s.mux.HandleFunc("GET /ajax-api/2.0"+base+"/{model_id}/artifacts/files", s.loggedArtifact)
}

func (s *Server) createLogged(ctx context.Context, q *struct {
	Experiment label           `json:"experiment_id" need:"1"`
	Name       string          `json:"name"`
	Type       string          `json:"model_type"`
	SourceRun  string          `json:"source_run_id"`
	Params     []registry.Pair `json:"params"`
	Tags       []registry.Pair `json:"tags"`
}) (any, error) {
	id, err := experimentID(string(q.Experiment))
	if err != nil {
		return nil, err
	}
	if q.Name == "" {
		if q.Name, err = s.randomName(); err != nil {
			return nil, err
		}
	}
	if strings.ContainsAny(q.Name, "/:.%\"'") || len(q.Name) > 500 {
		return nil, invalid("Invalid model name (%s) provided. Model name must be a non-empty string and cannot contain the following characters: ('/', ':', '.', '%%', '\"', \"'\")", clip(q.Name))
	}
	if err := checkPairs(q.Params, "params", maxParam); err != nil {
		return nil, err
	}
	if err := checkPairs(q.Tags, "tags", maxTag); err != nil {
		return nil, err
	}
	m, err := s.reg.CreateLoggedModel(ctx, registry.NewLoggedModel{Experiment: id, Name: q.Name, Type: q.Type, SourceRun: q.SourceRun, Params: q.Params, Tags: q.Tags})
	return loggedAnswer{loggedToJSON(m)}, err
}

func (s *Server) finishLogged(ctx context.Context, q *struct {
	ID     string `json:"model_id" need:"1"`
	Status string `json:"status" need:"1"`
}) (any, error) {
	status, ok := strings.CutPrefix(q.Status, loggedStatus)
	switch status {
	case "PENDING", "READY":
	case "UPLOAD_FAILED", "FAILED":
	default:
		ok = false
	}
	if !ok {
		return nil, invalid("Invalid model status: %s", clip(q.Status))
	}
	m, err := s.reg.SetLoggedModelStatus(ctx, q.ID, status)
	return loggedAnswer{loggedToJSON(m)}, err
}

func (s *Server) deleteLoggedTag(ctx context.Context, q *struct {
	ID  string `json:"model_id" need:"1"`
	Key string `json:"tag_key" need:"1"`
}) (any, error) {
	err := s.reg.DeleteLoggedModelTag(ctx, q.ID, q.Key)
	if e, ok := err.(*registry.Error); ok && e.What == "tag" {
		err = notFound("No tag with key '%s' found for logged model with ID '%s'.", clip(q.Key), q.ID)
	}
	return empty{}, err
}

func (s *Server) searchLogged(ctx context.Context, q *struct {
	Experiments []string `json:"experiment_ids"`
	Filter      string   `json:"filter"`
	Datasets    []struct {
		Name   string `json:"dataset_name"`
		Digest string `json:"dataset_digest"`
	} `json:"datasets"`
	MaxResults *number `json:"max_results"`
	OrderBy    []struct {
		Field     string `json:"field_name"`
		Ascending *bool  `json:"ascending"`
	} `json:"order_by"`
	PageToken string `json:"page_token"`
}) (any, error) {
	limit, err := pageSize(q.MaxResults, 50, 1000)
	if err != nil {
		return nil, err
	}
	experiments, err := experimentIDs(q.Experiments)
	if err != nil {
		return nil, err
	}
	if len(experiments) == 0 {
		return empty{}, nil
	}
	query := registry.Query{Filter: q.Filter, Limit: limit, PageToken: q.PageToken}
	for _, o := range q.OrderBy {
		key := o.Field
		if o.Ascending != nil && !*o.Ascending {
			key += " DESC"
		}
		query.OrderBy = append(query.OrderBy, key)
	}
	datasets := make([]registry.DatasetName, len(q.Datasets))
	for i, d := range q.Datasets {
		if datasets[i] = registry.DatasetName(d); d.Name == "" {
			return nil, invalid("`dataset_name` in the `datasets` clause must be specified.")
		}
	}
	list, next, err := s.reg.SearchLoggedModels(ctx, experiments, datasets, query)
	if err != nil {
		return nil, err
	}
	answer := struct {
		Models []loggedJSON `json:"models,omitempty"`
		Next   string       `json:"next_page_token,omitempty"`
	}{Next: next}
	for _, m := range list {
		answer.Models = append(answer.Models, loggedToJSON(m))
	}
	return answer, nil
}

func (s *Server) listLogged(ctx context.Context, q *struct {
	ID   string `json:"model_id" need:"1"`
	Path string `json:"artifact_directory_path"`
}) (any, error) {
	m, err := s.reg.LoggedModel(ctx, q.ID)
	if err != nil {
		return nil, err
	}
	return s.listUnder(ctx, m.ArtifactURI, q.Path)
}

// loggedArtifact is the download link of MLflow's UI.
func (s *Server) loggedArtifact(w http.ResponseWriter, r *http.Request) {
	m, err := s.reg.LoggedModel(r.Context(), r.PathValue("model_id"))
	if err == nil {
		err = may(r.Context(), auth.Read, auth.Experiment(m.Experiment))
	}
	if err == nil {
		err = s.sendUnder(w, r, m.ArtifactURI, r.URL.Query().Get("artifact_file_path"))
	}
	if err != nil {
		s.fail(w, r, err)
	}
}
