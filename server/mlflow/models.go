package mlflow

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"pipe/registry"
	"pipe/server/auth"
)

type modelJSON struct {
	Name        string          `json:"name"`
	Created     int64           `json:"creation_timestamp"`
	Updated     int64           `json:"last_updated_timestamp"`
	Description string          `json:"description,omitempty"`
	Latest      []versionJSON   `json:"latest_versions,omitempty"`
	Tags        []registry.Pair `json:"tags,omitempty"`
	Aliases     []aliasJSON     `json:"aliases,omitempty"`
}

type aliasJSON struct {
	Alias   string `json:"alias"`
	Version string `json:"version"`
}

type modelAnswer struct {
	Model modelJSON `json:"registered_model"`
}

func modelToJSON(m registry.RegisteredModel) modelJSON {
	out := modelJSON{Name: m.Name, Created: m.Created.UnixMilli(), Updated: m.Updated.UnixMilli(), Description: m.Description, Tags: m.Tags}
	for _, v := range m.Latest {
		j := versionToJSON(v)
		j.Aliases = nil // MLflow gives them with the model
		out.Latest = append(out.Latest, j)
	}
	for _, alias := range slices.Sorted(maps.Keys(m.Aliases)) {
		out.Aliases = append(out.Aliases, aliasJSON{alias, strconv.Itoa(m.Aliases[alias])})
	}
	return out
}

type modelRef struct {
	Name string `json:"name" need:"1"`
}

type modelTag struct {
	Name  string `json:"name" need:"1"`
	Key   string `json:"key" need:"1"`
	Value string `json:"value"`
}

type modelSearch struct {
	Filter     string   `json:"filter"`
	MaxResults *number  `json:"max_results"`
	OrderBy    []string `json:"order_by"`
	PageToken  string   `json:"page_token"`
}

func (s *Server) modelRoutes() {
	const base = "/mlflow/registered-models/"
	rpc(s, "POST", base+"create", s.createModel)
	rpc(s, "GET", base+"get", func(ctx context.Context, q *modelRef) (any, error) { return s.model(ctx, q.Name) })
	rpc(s, "PATCH", base+"update", s.updateModel)
	rpc(s, "POST", base+"rename", s.renameModel)
	rpc(s, "DELETE", base+"delete", func(ctx context.Context, q *modelRef) (any, error) {
		return empty{}, s.reg.DeleteModel(ctx, q.Name, audit(ctx))
	})
	rpc(s, "GET", base+"search", s.searchModels)
	rpc(s, "POST", base+"search", s.searchModels)
	rpc(s, "GET", base+"get-latest-versions", s.latestVersions)
	rpc(s, "POST", base+"get-latest-versions", s.latestVersions)
	rpc(s, "POST", base+"set-tag", func(ctx context.Context, q *modelTag) (any, error) {
		tags := []registry.Pair{{Key: q.Key, Value: q.Value}}
		if err := checkStrictPairs(tags, maxModelTag); err != nil {
			return nil, err
		}
		err := s.reg.SetModelTags(ctx, q.Name, tags)
		if err == nil {
			s.tellOf(ctx, q.Name, "", "prompt_tag.set", told{"key": q.Key, "value": q.Value})
		}
		return empty{}, err
	})
	rpc(s, "DELETE", base+"delete-tag", func(ctx context.Context, q *modelTag) (any, error) {
		err := s.reg.DeleteModelTag(ctx, q.Name, q.Key)
		if err == nil {
			s.tellOf(ctx, q.Name, "", "prompt_tag.deleted", told{"key": q.Key})
		}
		return empty{}, err
	})
	s.aliasRoutes()
}

func (s *Server) model(ctx context.Context, name string) (any, error) {
	m, err := s.reg.Model(ctx, name)
	return modelAnswer{modelToJSON(m)}, err
}

func (s *Server) createModel(ctx context.Context, q *struct {
	Name        string          `json:"name" need:"1"`
	Tags        []registry.Pair `json:"tags"`
	Description string          `json:"description"`
}) (any, error) {
	if err := checkModelName(q.Name, "name"); err != nil {
		return nil, err
	}
	if err := checkStrictPairs(q.Tags, maxModelTag); err != nil {
		return nil, err
	}
	if err := checkLength("description", q.Description, maxDescription); err != nil {
		return nil, err
	}
	m, err := s.reg.CreateModel(ctx, q.Name, q.Description, q.Tags)
	if err == nil {
		err = s.mine(ctx, auth.Model(q.Name))
	}
	if err == nil {
		s.tellModelCreated(ctx, q.Name, q.Description, q.Tags)
	}
	return modelAnswer{modelToJSON(m)}, err
}

func (s *Server) updateModel(ctx context.Context, q *struct {
	Name        string `json:"name" need:"1"`
	Description string `json:"description"`
}) (any, error) {
	if err := checkLength("description", q.Description, maxDescription); err != nil {
		return nil, err
	}
	if err := s.reg.DescribeModel(ctx, q.Name, q.Description); err != nil {
		return nil, err
	}
	return s.model(ctx, q.Name)
}

func (s *Server) renameModel(ctx context.Context, q *struct {
	Name string `json:"name" need:"1"`
	To   string `json:"new_name" need:"1"`
}) (any, error) {
	if err := checkModelName(q.To, "new_name"); err != nil {
		return nil, err
	}
	if err := s.reg.RenameModel(ctx, q.Name, q.To, audit(ctx)); err != nil {
		return nil, err
	}
	return s.model(ctx, q.To)
}

func (s *Server) searchModels(ctx context.Context, q *modelSearch) (any, error) {
	limit, err := pageSize(q.MaxResults, 100, 1000)
	if err != nil {
		return nil, err
	}
	list, next, err := s.reg.SearchModels(ctx, registry.Query{Filter: q.Filter, OrderBy: q.OrderBy, Limit: limit, PageToken: q.PageToken,
		Visible: auth.From(ctx).Sees(auth.KindModel)})
	if err != nil {
		return nil, err
	}
	answer := struct {
		Models []modelJSON `json:"registered_models,omitempty"`
		Next   string      `json:"next_page_token,omitempty"`
	}{Next: next}
	for _, m := range list {
		answer.Models = append(answer.Models, modelToJSON(m))
	}
	return answer, nil
}

func (s *Server) latestVersions(ctx context.Context, q *struct {
	Name   string   `json:"name" need:"1"`
	Stages []string `json:"stages"`
}) (any, error) {
	for i := range q.Stages {
		var err error
		if q.Stages[i], err = stageName(q.Stages[i]); err != nil {
			return nil, err
		}
	}
	m, err := s.reg.Model(ctx, q.Name)
	if err != nil {
		return nil, err
	}
	answer := versionList{}
	for _, v := range m.Latest {
		if len(q.Stages) == 0 || slices.Contains(q.Stages, v.Stage) {
			answer.Versions = append(answer.Versions, versionToJSON(v))
		}
	}
	return answer, nil
}
