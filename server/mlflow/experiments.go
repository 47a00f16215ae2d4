package mlflow

import (
	"context"
	"strconv"
	"strings"

	"pipe/registry"
	"pipe/server/auth"
)

type experimentJSON struct {
	ID               string          `json:"experiment_id"`
	Name             string          `json:"name"`
	ArtifactLocation string          `json:"artifact_location"`
	Lifecycle        string          `json:"lifecycle_stage"`
	Updated          int64           `json:"last_update_time"`
	Created          int64           `json:"creation_time"`
	Tags             []registry.Pair `json:"tags,omitempty"`
	Workspace        string          `json:"workspace"`
}

type experimentAnswer struct {
	Experiment experimentJSON `json:"experiment"`
}

func lifecycle(deleted bool) string {
	if deleted {
		return "deleted"
	}
	return "active"
}

func experimentToJSON(e registry.Experiment) experimentJSON {
	return experimentJSON{strconv.FormatInt(e.ID, 10), e.Name, e.ArtifactLocation, lifecycle(e.Deleted),
		e.Updated.UnixMilli(), e.Created.UnixMilli(), e.Tags, "default"}
}

// experimentRef is a request that names an experiment and nothing else.
type experimentRef struct {
	ID label `json:"experiment_id" need:"1"`
}

type createExperiment struct {
	Name             string          `json:"name" need:"1"`
	ArtifactLocation string          `json:"artifact_location"`
	Tags             []registry.Pair `json:"tags"`
}

type experimentSearch struct {
	MaxResults *number  `json:"max_results"`
	PageToken  string   `json:"page_token"`
	Filter     string   `json:"filter"`
	OrderBy    []string `json:"order_by"`
	ViewType   label    `json:"view_type"`
}

type experimentTag struct {
	ID    label  `json:"experiment_id" need:"1"`
	Key   string `json:"key" need:"1"`
	Value string `json:"value"`
}

func (s *Server) experimentRoutes() {
	rpc(s, "POST", "/mlflow/experiments/create", s.createExperiment)
	rpc(s, "GET", "/mlflow/experiments/get", s.getExperiment)
	rpc(s, "GET", "/mlflow/experiments/get-by-name", s.experimentByName)
	rpc(s, "POST", "/mlflow/experiments/search", s.searchExperiments)
	rpc(s, "GET", "/mlflow/experiments/search", s.searchExperiments)
	rpc(s, "POST", "/mlflow/experiments/update", s.updateExperiment)
	rpc(s, "POST", "/mlflow/experiments/delete", onExperiment(func(ctx context.Context, id int64) error { return s.reg.DeleteExperiment(ctx, id, audit(ctx)) }))
	rpc(s, "POST", "/mlflow/experiments/restore", onExperiment(s.reg.RestoreExperiment))
	rpc(s, "POST", "/mlflow/experiments/set-experiment-tag", s.setExperimentTag)
	rpc(s, "POST", "/mlflow/experiments/delete-experiment-tag", s.deleteExperimentTag)
	rpc(s, "POST", "/mlflow/experiments/search-datasets", s.searchDatasets)
}

// onExperiment is a call that does something to an experiment.
func onExperiment(do func(context.Context, int64) error) func(context.Context, *experimentRef) (any, error) {
	return func(ctx context.Context, q *experimentRef) (any, error) {
		id, err := experimentID(string(q.ID))
		if err != nil {
			return nil, err
		}
		return empty{}, do(ctx, id)
	}
}

func (s *Server) createExperiment(ctx context.Context, q *createExperiment) (any, error) {
	if err := checkLength("name", q.Name, maxExperimentName); err != nil {
		return nil, err
	}
	if err := checkStrictPairs(q.Tags, maxExperimentTag); err != nil {
		return nil, err
	}
	if q.ArtifactLocation != "" {
		if err := checkLocation(q.ArtifactLocation, "artifact_location"); err != nil {
			return nil, err
		}
	}
	if p := auth.From(ctx); q.ArtifactLocation != "" && !p.Unlimited() {
		return nil, permissionDenied("Permission denied: only an admin may say where an experiment keeps its files.")
	}
	e, err := s.reg.CreateExperiment(ctx, registry.NewExperiment{Name: q.Name, ArtifactLocation: q.ArtifactLocation, Tags: q.Tags})
	if err == nil {
		err = s.mine(ctx, auth.Experiment(e.ID))
	}
	if err != nil {
		return nil, err
	}
	return map[string]string{"experiment_id": strconv.FormatInt(e.ID, 10)}, nil
}

func (s *Server) getExperiment(ctx context.Context, q *experimentRef) (any, error) {
	id, err := experimentID(string(q.ID))
	if err != nil {
		return nil, err
	}
	e, err := s.reg.Experiment(ctx, id)
	return experimentAnswer{experimentToJSON(e)}, err
}

func (s *Server) experimentByName(ctx context.Context, q *struct {
	Name string `json:"experiment_name" need:"1"`
}) (any, error) {
	e, err := s.reg.ExperimentByName(ctx, q.Name)
	return experimentAnswer{experimentToJSON(e)}, as(err, registry.ErrNotFound, "Could not find experiment with name '%s'", clip(q.Name))
}

func (s *Server) searchExperiments(ctx context.Context, q *experimentSearch) (any, error) {
	limit, err := pageSize(q.MaxResults, 1000, 50_000)
	if err != nil {
		return nil, err
	}
	v, err := view(string(q.ViewType))
	if err != nil {
		return nil, err
	}
	list, next, err := s.reg.SearchExperiments(ctx, registry.Query{Filter: q.Filter, OrderBy: q.OrderBy, View: v, Limit: limit, PageToken: q.PageToken,
		Visible: auth.From(ctx).Sees(auth.KindExperiment)})
	if err != nil {
		return nil, err
	}
	answer := struct {
		Experiments []experimentJSON `json:"experiments,omitempty"`
		Next        string           `json:"next_page_token,omitempty"`
	}{Next: next}
	for _, e := range list {
		answer.Experiments = append(answer.Experiments, experimentToJSON(e))
	}
	return answer, nil
}

func (s *Server) updateExperiment(ctx context.Context, q *struct {
	ID   label  `json:"experiment_id" need:"1"`
	Name string `json:"new_name" need:"1"`
}) (any, error) {
	id, err := experimentID(string(q.ID))
	if err == nil {
		err = checkLength("name", q.Name, maxExperimentName)
	}
	if err != nil {
		return nil, err
	}
	return empty{}, s.reg.RenameExperiment(ctx, id, q.Name)
}

func (s *Server) setExperimentTag(ctx context.Context, q *experimentTag) (any, error) {
	id, err := experimentID(string(q.ID))
	if err != nil {
		return nil, err
	}
	tags := []registry.Pair{{Key: q.Key, Value: q.Value}}
	if err := checkStrictPairs(tags, maxExperimentTag); err != nil {
		return nil, err
	}
	return empty{}, s.reg.SetExperimentTags(ctx, id, tags)
}

func (s *Server) deleteExperimentTag(ctx context.Context, q *experimentTag) (any, error) {
	id, err := experimentID(string(q.ID))
	if err != nil {
		return nil, err
	}
	err = s.reg.DeleteExperimentTag(ctx, id, q.Key)
	if e := translate(err); err != nil && strings.Contains(e.message, "tag") {
		err = notFound("No tag with name: %s in experiment with id %d", clip(q.Key), id)
	}
	return empty{}, err
}

// searchDatasets is what MLflow's UI offers to filter runs by.
func (s *Server) searchDatasets(ctx context.Context, q *struct {
	Experiments []string `json:"experiment_ids"`
}) (any, error) {
	const most = 20
	switch n := len(q.Experiments); {
	case n == 0:
		return nil, invalid("SearchDatasets request must specify at least one experiment_id.")
	case n > most:
		return nil, invalid("SearchDatasets request cannot specify more than %d experiment_ids. Received %d experiment_ids.", most, n)
	}
	ids, err := experimentIDs(q.Experiments)
	if err != nil {
		return nil, err
	}
	list, err := s.reg.DatasetUses(ctx, ids, 1000)
	if err != nil {
		return nil, err
	}
	type summary struct {
		Experiment string `json:"experiment_id"`
		Name       string `json:"name"`
		Digest     string `json:"digest"`
		Context    string `json:"context,omitempty"`
	}
	answer := struct {
		Summaries []summary `json:"dataset_summaries,omitempty"`
	}{}
	for _, u := range list {
		answer.Summaries = append(answer.Summaries, summary{strconv.FormatInt(u.Experiment, 10), u.Name, u.Digest, u.Context})
	}
	return answer, nil
}
