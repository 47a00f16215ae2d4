// Package takeover owns the import from a running MLflow server by its REST
// API: experiments, runs under their ids, metric histories, registered models,
// versions, and the files that the server hands out.
package takeover

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"pipe/registry"
)

// Options say how to read the server.
type Options struct {
	Token          string // sent as a bearer; empty: none
	User, Password string // sent as Basic authentication; empty: none
	// Files is the artifact folder that files are copied to; empty: none are.
	Files string
	// Progress is told each experiment and model that is being read.
	Progress func(what string)
}

// source is the server that is read.
type source struct {
	base string
	o    Options
	reg  *registry.Registry
	// experiments are our ids of the server's.
	experiments map[string]int64
	moved       registry.Moved
	files       int
}

// From takes over what the server at base has. A run that is there already
// stays as it is, and so does a registered model of the same name; so it may be
// repeated. It returns what it brought, and how many files.
func From(ctx context.Context, reg *registry.Registry, base string, o Options) (m registry.Moved, files int, err error) {
	s := &source{base: strings.TrimSuffix(base, "/"), o: o, reg: reg, experiments: make(map[string]int64)}
	if err := s.takeExperiments(ctx); err != nil {
		return s.moved, s.files, err
	}
	return s.moved, s.files, s.takeModels(ctx)
}

// call sends a request and decodes the answer.
func (s *source) call(ctx context.Context, method, path string, query url.Values, body, into any) error {
	res, err := s.request(ctx, method, "/api/2.0/mlflow/"+path, query, body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		return fmt.Errorf("%s: the answer is no JSON: %w", path, err)
	}
	return nil
}

func (s *source) request(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	var in io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(text)
	}
	target := s.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, in)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	switch {
	case s.o.Token != "":
		req.Header.Set("Authorization", "Bearer "+s.o.Token)
	case s.o.User != "":
		req.SetBasicAuth(s.o.User, s.o.Password)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.base, err)
	}
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 500))
		return nil, errors.Join(fmt.Errorf("%s %s: %s: %s", method, path, res.Status, bytes.TrimSpace(text)), res.Body.Close())
	}
	return res, nil
}

// number is an int64 that Protocol Buffers' JSON may write as a string.
type number int64

func (n *number) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	*n = number(v)
	return err
}

func (n number) time() time.Time { return time.UnixMilli(int64(n)).UTC() }

// value is a metric's, which may be "NaN" or "Infinity".
type value float64

func (v *value) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	*v = value(f)
	return err
}

type run struct {
	Info struct {
		ID          string `json:"run_id"`
		Experiment  string `json:"experiment_id"`
		Name        string `json:"run_name"`
		User        string `json:"user_id"`
		Status      string `json:"status"`
		Start       number `json:"start_time"`
		End         number `json:"end_time"`
		ArtifactURI string `json:"artifact_uri"`
		Stage       string `json:"lifecycle_stage"`
	} `json:"info"`
	Data struct {
		Metrics []metric        `json:"metrics"`
		Params  []registry.Pair `json:"params"`
		Tags    []registry.Pair `json:"tags"`
	} `json:"data"`
	Inputs struct {
		Datasets []struct {
			Dataset registry.Dataset `json:"dataset"`
			Tags    []registry.Pair  `json:"tags"`
		} `json:"dataset_inputs"`
	} `json:"inputs"`
}

type metric struct {
	Key   string `json:"key"`
	Value value  `json:"value"`
	Time  number `json:"timestamp"`
	Step  number `json:"step"`
}

func (m metric) point() registry.Metric {
	return registry.Metric{Key: m.Key, Value: float64(m.Value), Time: m.Time.time(), Step: int64(m.Step)}
}

func (s *source) takeExperiments(ctx context.Context) error {
	token := ""
	for {
		var page struct {
			Experiments []struct {
				ID       string          `json:"experiment_id"`
				Name     string          `json:"name"`
				Location string          `json:"artifact_location"`
				Stage    string          `json:"lifecycle_stage"`
				Tags     []registry.Pair `json:"tags"`
			} `json:"experiments"`
			Next string `json:"next_page_token"`
		}
		body := map[string]any{"max_results": 1000, "view_type": "ALL", "page_token": token}
		if err := s.call(ctx, "POST", "experiments/search", nil, body, &page); err != nil {
			return err
		}
		for _, e := range page.Experiments {
			s.tell("experiment " + e.Name)
			ours, err := s.reg.ExperimentByName(ctx, e.Name)
			if errors.Is(err, registry.ErrNotFound) {
				ours, err = s.reg.CreateExperiment(ctx, registry.NewExperiment{Name: e.Name, ArtifactLocation: kept(e.Location), Tags: e.Tags})
				s.moved.Experiments++
			}
			if err != nil {
				return err
			}
			s.experiments[e.ID] = ours.ID
			if err := s.takeRuns(ctx, e.ID, ours); err != nil {
				return fmt.Errorf("experiment %q: %w", e.Name, err)
			}
			if err := s.takeLogged(ctx, e.ID, ours); err != nil {
				return fmt.Errorf("experiment %q: %w", e.Name, err)
			}
			if e.Stage == "deleted" && !ours.Deleted {
				if err := s.reg.DeleteExperiment(ctx, ours.ID, why); err != nil {
					return err
				}
			}
		}
		if token = page.Next; token == "" {
			return nil
		}
	}
}

var why = registry.Audit{Why: "by pipe registry import"}

// kept is a location that means the same here: one outside of the server.
func kept(uri string) string {
	if u, err := url.Parse(uri); err != nil || u.Scheme == "" || u.Scheme == "file" || u.Scheme == "mlflow-artifacts" {
		return ""
	}
	return uri
}

func (s *source) tell(what string) {
	if s.o.Progress != nil {
		s.o.Progress(what)
	}
}

func (s *source) takeRuns(ctx context.Context, id string, ours registry.Experiment) error {
	token := ""
	for {
		var page struct {
			Runs []run  `json:"runs"`
			Next string `json:"next_page_token"`
		}
		body := map[string]any{"experiment_ids": []string{id}, "max_results": 1000, "run_view_type": "ALL", "page_token": token}
		if err := s.call(ctx, "POST", "runs/search", nil, body, &page); err != nil {
			return err
		}
		for i := range page.Runs {
			if err := s.takeRun(ctx, &page.Runs[i], ours); err != nil {
				return fmt.Errorf("run %s: %w", page.Runs[i].Info.ID, err)
			}
		}
		if token = page.Next; token == "" {
			return nil
		}
	}
}

// takeRun brings a run whole: while it is being read it is running here, and
// one that was cut off is gone.
func (s *source) takeRun(ctx context.Context, r *run, ours registry.Experiment) (err error) {
	if ours.Deleted {
		return nil // nothing can be added to it
	}
	made, err := s.reg.CreateRun(ctx, registry.NewRun{ID: r.Info.ID, Experiment: ours.ID, Name: r.Info.Name, User: r.Info.User, Start: r.Info.Start.time(),
		ArtifactURI: kept(r.Info.ArtifactURI), Params: r.Data.Params, Tags: r.Data.Tags})
	if errors.Is(err, registry.ErrExists) {
		return nil
	}
	if err != nil {
		return err
	}
	s.moved.Runs++
	for _, m := range r.Data.Metrics {
		if err := s.takeHistory(ctx, r.Info.ID, m.Key); err != nil {
			return err
		}
	}
	var inputs []registry.DatasetInput
	for _, d := range r.Inputs.Datasets {
		inputs = append(inputs, registry.DatasetInput{Dataset: d.Dataset, Tags: d.Tags})
	}
	if len(inputs) > 0 {
		if err := s.reg.LogInputs(ctx, r.Info.ID, inputs); err != nil {
			return err
		}
	}
	if s.o.Files != "" && kept(r.Info.ArtifactURI) == "" {
		to := filepath.Join(s.o.Files, strings.TrimPrefix(made.ArtifactURI, "mlflow-artifacts:/"))
		if err := s.takeFiles(ctx, s.runFiles(r.Info.ID), "", to); err != nil {
			return err
		}
	}
	status := registry.Status(r.Info.Status)
	change := registry.RunChange{Status: &status}
	if r.Info.End != 0 {
		end := r.Info.End.time()
		change.End = &end
	}
	if _, err := s.reg.UpdateRun(ctx, r.Info.ID, change); err != nil {
		return err
	}
	if r.Info.Stage == "deleted" {
		return s.reg.DeleteRun(ctx, r.Info.ID, why)
	}
	return nil
}

func (s *source) takeHistory(ctx context.Context, id, key string) error {
	token := ""
	for {
		var page struct {
			Metrics []metric `json:"metrics"`
			Next    string   `json:"next_page_token"`
		}
		q := url.Values{"run_id": {id}, "metric_key": {key}, "max_results": {"25000"}}
		if token != "" {
			q.Set("page_token", token)
		}
		if err := s.call(ctx, "GET", "metrics/get-history", q, nil, &page); err != nil {
			return err
		}
		points := make([]registry.Metric, len(page.Metrics))
		for i, m := range page.Metrics {
			points[i] = m.point()
		}
		if err := s.reg.LogMetrics(ctx, id, points); err != nil {
			return err
		}
		s.moved.Points += int64(len(points))
		if token = page.Next; token == "" {
			return nil
		}
	}
}
