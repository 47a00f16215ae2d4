package mlflow

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"pipe/registry"
	"pipe/server/auth"
)

type metricJSON struct {
	Key       *string `json:"key"`
	Value     *float  `json:"value"`
	Timestamp *number `json:"timestamp"`
	Step      number  `json:"step"`
	ModelID   string  `json:"model_id"`
	Dataset   string  `json:"dataset_name"`
	Digest    string  `json:"dataset_digest"`
}

// metric checks a point; where is its place in a batch ("metrics[3]"), empty
// for a single one.
func (m *metricJSON) metric(where string) (registry.Metric, error) {
	at := func(name string) string {
		if where == "" {
			return name
		}
		return where + "." + name
	}
	switch {
	case m.Key == nil || *m.Key == "":
		return registry.Metric{}, missing(at("key"))
	case m.Value == nil:
		return registry.Metric{}, missing(at("value"))
	case m.Timestamp == nil:
		return registry.Metric{}, missing(at("timestamp"))
	case *m.Timestamp < 0:
		return registry.Metric{}, invalid("Invalid value %d for parameter '%s' supplied: metric '%s' (value=%v). Timestamp must be a nonnegative long (64-bit integer) ",
			*m.Timestamp, at("timestamp"), clip(*m.Key), float64(*m.Value))
	}
	if err := checkKey(*m.Key, at("name")); err != nil {
		return registry.Metric{}, err
	}
	p := registry.Metric{Key: *m.Key, Value: float64(*m.Value), Time: time.UnixMilli(int64(*m.Timestamp)), Step: int64(m.Step)}
	if m.ModelID != "" {
		p.About = &registry.About{ModelID: m.ModelID, DatasetName: m.Dataset, DatasetDigest: m.Digest}
	}
	return p, nil
}

type logMetric struct {
	runRef
	metricJSON
}

type logBatch struct {
	ID      string          `json:"run_id" need:"1"`
	Metrics []metricJSON    `json:"metrics"`
	Params  []registry.Pair `json:"params"`
	Tags    []registry.Pair `json:"tags"`
}

type runPair struct {
	ID    string `json:"run_id"`
	UUID  string `json:"run_uuid"`
	Key   string `json:"key" need:"1"`
	Value string `json:"value"`
}

func (s *Server) metricRoutes() {
	s.handle("POST", "/mlflow/runs/log-metric", s.logMetric)
	s.handle("POST", "/mlflow/runs/log-batch", s.logBatch)
	rpc(s, "POST", "/mlflow/runs/log-parameter", s.logParam)
	rpc(s, "POST", "/mlflow/runs/set-tag", s.setTag)
	rpc(s, "POST", "/mlflow/runs/delete-tag", s.deleteTag)
	rpc(s, "POST", "/mlflow/runs/log-inputs", s.logInputs)
	rpc(s, "POST", "/mlflow/runs/outputs", s.logOutputs)
	rpc(s, "POST", "/mlflow/runs/log-model", s.logModel)
	s.handle("GET", "/mlflow/metrics/get-history", s.history)
	s.handle("GET", "/mlflow/metrics/get-history-bulk", s.historyBulk)
	s.handle("GET", "/mlflow/metrics/get-history-bulk-interval", s.historyInterval)
	s.mux.HandleFunc("GET /api/2.11/mlflow/metrics/get-history-bulk-interval", s.historyInterval)
}

func (s *Server) logMetric(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r)
	var q logMetric
	if err == nil && !fastMetric(body, &q) {
		q = logMetric{}
		err = fromJSON(body, &q)
	}
	var m registry.Metric
	if err == nil {
		_, err = q.id()
	}
	if err == nil {
		m, err = q.metric("")
	}
	if err == nil {
		err = s.mayRuns(r.Context(), auth.Write, q.ID)
	}
	if err == nil {
		err = s.mayModels(r.Context(), m)
	}
	if err == nil {
		err = s.reg.LogMetrics(r.Context(), q.ID, []registry.Metric{m})
	}
	s.done(w, r, err)
}

// done answers a call that returns nothing.
func (s *Server) done(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.reply(w, r, empty{})
}

func (s *Server) logBatch(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r)
	if err == nil && len(body) > maxBatchBytes {
		err = invalid("Batched logging API requests must be at most %d bytes, got a request of size %d.", maxBatchBytes, len(body))
	}
	var q logBatch
	if err == nil && !fastBatch(body, &q) {
		q = logBatch{}
		err = fromJSON(body, &q)
	}
	if err == nil && q.ID == "" {
		err = missing("run_id")
	}
	var metrics []registry.Metric
	if err == nil {
		metrics, err = q.check()
	}
	if err == nil {
		err = s.mayRuns(r.Context(), auth.Write, q.ID)
	}
	if err == nil {
		err = s.mayModels(r.Context(), metrics...)
	}
	if err == nil {
		err = s.reg.LogBatch(r.Context(), q.ID, metrics, q.Params, q.Tags)
	}
	s.done(w, r, s.changedParam(err, q.ID, q.Params))
}

// changedParam gives the error about a parameter that has another value in
// MLflow's words, which its users search for.
func (s *Server) changedParam(err error, run string, params []registry.Pair) error {
	if e, ok := err.(*registry.Error); ok && e.What == "param" {
		value, _ := registry.Value(params, e.Name)
		return invalid("Changing param values is not allowed. Param with key='%s' was already logged with another value for run ID='%s'. Attempted logging new value '%s'. (%s)",
			clip(e.Name), run, clip(value), e.Text)
	}
	return err
}

// check applies the limits and names of a batch and returns its points.
func (q *logBatch) check() ([]registry.Metric, error) {
	for _, l := range []struct {
		what   string
		n, max int
	}{
		{"metrics", len(q.Metrics), maxBatchMetrics}, {"params", len(q.Params), maxBatchPairs}, {"tags", len(q.Tags), maxBatchPairs},
		{"metrics, params, and tags", len(q.Metrics) + len(q.Params) + len(q.Tags), maxBatchAll},
	} {
		if l.n > l.max {
			return nil, invalid("A batch logging request can contain at most %d %s. Got %d %s. Please split up %s across multiple requests and try again.",
				l.max, l.what, l.n, l.what, l.what)
		}
	}
	metrics := make([]registry.Metric, len(q.Metrics))
	for i := range q.Metrics {
		var err error
		if metrics[i], err = q.Metrics[i].metric(fmt.Sprintf("metrics[%d]", i)); err != nil {
			return nil, err
		}
	}
	if err := checkPairs(q.Params, "params", maxParam); err != nil {
		return nil, err
	}
	seen := make(map[string]bool)
	for _, p := range q.Params {
		if seen[p.Key] {
			return nil, invalid("Duplicate parameter keys have been submitted: ['%s']. Please ensure the request contains only one param value per param key.", p.Key)
		}
		seen[p.Key] = true
	}
	return metrics, checkPairs(q.Tags, "tags", maxTag)
}

func (s *Server) logParam(ctx context.Context, q *runPair) (any, error) {
	id, err := (&runRef{q.ID, q.UUID}).id()
	if err != nil {
		return nil, err
	}
	params := []registry.Pair{{Key: q.Key, Value: q.Value}}
	if err := checkPairs(params, "", maxParam); err != nil {
		return nil, err
	}
	return empty{}, s.changedParam(s.reg.LogParams(ctx, id, params), id, params)
}

func (s *Server) setTag(ctx context.Context, q *runPair) (any, error) {
	id, err := (&runRef{q.ID, q.UUID}).id()
	if err != nil {
		return nil, err
	}
	tags := []registry.Pair{{Key: q.Key, Value: q.Value}}
	if err := checkPairs(tags, "", maxTag); err != nil {
		return nil, err
	}
	return empty{}, s.reg.SetTags(ctx, id, tags)
}

func (s *Server) deleteTag(ctx context.Context, q *runPair) (any, error) {
	id, err := (&runRef{q.ID, q.UUID}).id()
	if err != nil {
		return nil, err
	}
	err = s.reg.DeleteTag(ctx, id, q.Key)
	if e, ok := err.(*registry.Error); ok && e.What == "tag" {
		err = notFound("No tag with name: %s in run with id %s", clip(q.Key), id)
	}
	return empty{}, err
}

type datasetInput struct {
	Dataset struct {
		Name       string `json:"name"`
		Digest     string `json:"digest"`
		SourceType string `json:"source_type"`
		Source     string `json:"source"`
		Schema     string `json:"schema"`
		Profile    string `json:"profile"`
	} `json:"dataset"`
	Tags []registry.Pair `json:"tags"`
}

func (s *Server) logInputs(ctx context.Context, q *struct {
	ID       string         `json:"run_id" need:"1"`
	Datasets []datasetInput `json:"datasets"`
	Models   []runModel     `json:"models"`
}) (any, error) {
	if len(q.Datasets) > maxBatchAll {
		return nil, invalid("A batch logging request can contain at most %d datasets. Got %d datasets.", maxBatchAll, len(q.Datasets))
	}
	inputs := make([]registry.DatasetInput, len(q.Datasets))
	for i, in := range q.Datasets {
		d := in.Dataset
		for _, l := range []struct {
			what, value string
			max         int
		}{{"name", d.Name, 500}, {"digest", d.Digest, 36}, {"source", d.Source, 65_535}, {"schema", d.Schema, 1_048_575}, {"profile", d.Profile, 16_777_215}} {
			if err := checkLength(fmt.Sprintf("datasets[%d].dataset.%s", i, l.what), l.value, l.max); err != nil {
				return nil, err
			}
		}
		if d.Name == "" || d.Digest == "" {
			return nil, missing(fmt.Sprintf("datasets[%d].dataset.name and digest", i))
		}
		inputs[i] = registry.DatasetInput{Dataset: registry.Dataset(d), Tags: in.Tags}
	}
	if err := s.reg.LogInputs(ctx, q.ID, inputs); err != nil {
		return nil, err
	}
	return empty{}, s.reg.LogRunModels(ctx, q.ID, false, runModels(q.Models))
}

type runModel struct {
	ModelID string `json:"model_id"`
	Step    number `json:"step"`
}

func runModels(list []runModel) []registry.RunModel {
	out := make([]registry.RunModel, len(list))
	for i, m := range list {
		out[i] = registry.RunModel{ModelID: m.ModelID, Step: int64(m.Step)}
	}
	return out
}

func (s *Server) logOutputs(ctx context.Context, q *struct {
	ID     string     `json:"run_id" need:"1"`
	Models []runModel `json:"models" need:"1"`
}) (any, error) {
	return empty{}, s.reg.LogRunModels(ctx, q.ID, true, runModels(q.Models))
}

// logModel is MLflow 2's record of a logged model: it is appended to the JSON
// list in a tag of the run.
func (s *Server) logModel(ctx context.Context, q *struct {
	ID    string `json:"run_id" need:"1"`
	Model string `json:"model_json" need:"1"`
}) (any, error) {
	var model map[string]json.RawMessage
	if err := json.Unmarshal([]byte(q.Model), &model); err != nil {
		return nil, invalid("Malformed model info. \n %s \n is not a valid JSON.", clip(q.Model))
	}
	for _, key := range []string{"artifact_path", "flavors", "utc_time_created", "run_id"} {
		if _, ok := model[key]; !ok {
			return nil, invalid("Model json is missing mandatory fields: {'%s'}", key)
		}
	}
	run, err := s.reg.RunByID(ctx, q.ID)
	if err != nil {
		return nil, err
	}
	const tag = "mlflow.log-model.history"
	var history []json.RawMessage
	if old, ok := registry.Value(run.Tags, tag); ok {
		if err := json.Unmarshal([]byte(old), &history); err != nil {
			return nil, invalid("The tag %s of run %s is not a JSON list", tag, q.ID)
		}
	}
	body, err := json.Marshal(append(history, json.RawMessage(q.Model)))
	if err != nil {
		return nil, err
	}
	return empty{}, s.reg.SetTags(ctx, q.ID, []registry.Pair{{Key: tag, Value: string(body)}})
}
