package mlflow

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"pipe/registry"
	"pipe/server/auth"
)

// authorize refuses a call that the principal may not make. What a call is
// about is read from its request: every field that names a run, an experiment,
// a model or a trace counts. A call about none of them takes the level on
// everything, so that one that is forgotten here is refused and not let pass.
func (s *Server) authorize(ctx context.Context, p *auth.Principal, r *http.Request, req any) error {
	need := levelOf(r)
	var about []auth.Resource
	named := false // a search that is limited to what may be seen
	err := eachField(reflect.ValueOf(req).Elem(), func(name string, v reflect.Value) error {
		list, err := s.subjects(ctx, r.Pattern, name, v)
		about = append(about, list...)
		named = named || v.Kind() == reflect.Slice && name == "experiment_ids"
		return err
	})
	if err != nil {
		return err
	}
	if isSearch(r.Pattern) && (len(about) == 0 || named) {
		return limitExperiments(p, reflect.ValueOf(req).Elem())
	}
	if len(about) == 0 && strings.HasSuffix(r.Pattern, "/mlflow/traces") {
		return nil // startTrace finds the experiment inside the trace, and asks itself
	}
	if len(about) == 0 {
		about = append(about, auth.Resource{})
	}
	for i, on := range about {
		if i > 0 && strings.HasSuffix(r.Pattern, "/model-versions/create") {
			need = auth.Read // of the run or logged model that a version is made from
		}
		if !p.May(need, on) {
			return denied(p, need, on)
		}
	}
	return nil
}

func denied(p *auth.Principal, need auth.Level, on auth.Resource) error {
	what := "this server"
	if on.Kind != "" {
		what = on.Kind + " '" + clip(on.Name) + "'"
	}
	return permissionDenied("Permission denied: %s lacks the level %s on %s.", p.Name, need, what)
}

// may is for the calls that are not decoded by rpc.
func may(ctx context.Context, need auth.Level, on auth.Resource) error {
	if p := auth.From(ctx); !p.May(need, on) {
		return denied(p, need, on)
	}
	return nil
}

// mayRuns is may for the experiments of runs.
func (s *Server) mayRuns(ctx context.Context, need auth.Level, ids ...string) error {
	if auth.From(ctx).Unlimited() {
		return nil
	}
	for _, id := range ids {
		experiment, err := s.reg.ExperimentOfRun(ctx, id)
		if err == nil {
			err = may(ctx, need, auth.Experiment(experiment))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mayModels is for metrics that are about logged models.
func (s *Server) mayModels(ctx context.Context, metrics ...registry.Metric) error {
	if auth.From(ctx).Unlimited() {
		return nil
	}
	for _, m := range metrics {
		if m.About == nil {
			continue
		}
		experiment, err := s.reg.ExperimentOfLoggedModel(ctx, m.About.ModelID)
		if err == nil {
			err = may(ctx, auth.Write, auth.Experiment(experiment))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mayFile is may for a file of the artifact proxy, which belongs to the
// experiment that its path begins with.
func (s *Server) mayFile(ctx context.Context, need auth.Level, path string) error {
	if m := madeModel().FindStringSubmatch(path); m != nil && need == auth.Read {
		return s.mayMade(ctx, m[1])
	}
	first, _, _ := strings.Cut(path, "/")
	on := auth.Resource{}
	if id, err := strconv.ParseInt(first, 10, 64); err == nil {
		on = auth.Experiment(id)
	}
	return may(ctx, need, on)
}

// levelOf is the level that a call takes.
func levelOf(r *http.Request) auth.Level {
	switch _, path, _ := strings.Cut(r.Pattern, " "); {
	case strings.Contains(path, "/mlflow/webhooks"):
		return auth.Admin // where a server sends what it knows
	case r.Method == http.MethodGet, isSearch(path), strings.HasSuffix(path, "/get-latest-versions"):
		return auth.Read
	case strings.HasSuffix(path, "/experiments/delete"), strings.HasSuffix(path, "/registered-models/delete"):
		return auth.Admin
	}
	return auth.Write
}

func isSearch(pattern string) bool {
	return strings.HasSuffix(pattern, "/search") || strings.HasSuffix(pattern, "/search-datasets") || pattern != "" && strings.HasPrefix(pattern, "GET ") && strings.HasSuffix(pattern, "/mlflow/traces")
}

// eachField calls do for each field of a request by its name in JSON.
func eachField(v reflect.Value, do func(name string, v reflect.Value) error) error {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		var err error
		if f.Anonymous {
			err = eachField(v.Field(i), do)
		} else {
			err = do(jsonName(f), v.Field(i))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// subjects are what a field of a request names.
func (s *Server) subjects(ctx context.Context, pattern, name string, v reflect.Value) ([]auth.Resource, error) {
	if v.Kind() != reflect.String || v.String() == "" {
		if name == "experiment_id" && strings.HasSuffix(pattern, "/runs/create") {
			return []auth.Resource{auth.Experiment(0)}, nil
		}
		return nil, nil
	}
	text := v.String()
	var id int64
	var err error
	switch name {
	case "experiment_id":
		id, err = experimentID(text)
	case "experiment_name":
		var e registry.Experiment
		if e, err = s.reg.ExperimentByName(ctx, text); err != nil {
			err = notFound("Could not find experiment with name '%s'", clip(text))
		}
		id = e.ID
	case "run_id", "run_uuid":
		id, err = s.reg.ExperimentOfRun(ctx, text)
	case "model_id":
		id, err = s.reg.ExperimentOfLoggedModel(ctx, text)
	case "trace_id", "request_id":
		id, err = s.reg.ExperimentOfTrace(ctx, text)
	case "name", "new_name":
		if strings.Contains(pattern, "/registered-models/") || strings.Contains(pattern, "/model-versions/") {
			return []auth.Resource{auth.Model(text)}, nil
		}
		return nil, nil
	default:
		return nil, nil
	}
	return []auth.Resource{auth.Experiment(id)}, err
}

// limitExperiments leaves of the experiments that a search names those that may
// be read.
func limitExperiments(p *auth.Principal, req reflect.Value) error {
	return eachField(req, func(name string, v reflect.Value) error {
		if list, ok := v.Interface().([]string); ok && name == "experiment_ids" {
			v.Set(reflect.ValueOf(slices.DeleteFunc(list, func(text string) bool {
				id, err := experimentID(text)
				return err == nil && !p.May(auth.Read, auth.Experiment(id)) // what is no id is told by the call itself
			})))
		}
		return nil
	})
}

// mine gives whoever made something all rights on it.
func (s *Server) mine(ctx context.Context, on auth.Resource) error {
	p := auth.From(ctx)
	if p.Name == "" || p.May(auth.Admin, on) {
		return nil
	}
	defer p.Changed()
	return s.reg.SetGrant(ctx, p.Name, registry.Grant{Kind: on.Kind, Name: on.Name, Level: auth.Admin.String()}, registry.Audit{Who: p.Name, Why: "made it"})
}
