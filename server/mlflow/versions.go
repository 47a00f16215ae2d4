package mlflow

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"pipe/registry"
	"pipe/server/auth"
)

type versionJSON struct {
	Name          string          `json:"name"`
	Version       string          `json:"version"`
	Created       int64           `json:"creation_timestamp"`
	Updated       int64           `json:"last_updated_timestamp"`
	UserID        string          `json:"user_id,omitempty"`
	Stage         string          `json:"current_stage"`
	Description   string          `json:"description"`
	Source        string          `json:"source"`
	RunID         string          `json:"run_id"`
	Status        string          `json:"status"`
	StatusMessage string          `json:"status_message,omitempty"`
	Tags          []registry.Pair `json:"tags,omitempty"`
	RunLink       string          `json:"run_link"`
	Aliases       []string        `json:"aliases,omitempty"`
	ModelID       string          `json:"model_id,omitempty"`
}

type versionAnswer struct {
	Version versionJSON `json:"model_version"`
}

type versionList struct {
	Versions []versionJSON `json:"model_versions,omitempty"`
	Next     string        `json:"next_page_token,omitempty"`
}

func versionToJSON(v registry.ModelVersion) versionJSON {
	return versionJSON{Name: v.Model, Version: strconv.Itoa(v.Version), Created: v.Created.UnixMilli(), Updated: v.Updated.UnixMilli(), UserID: v.User,
		Stage: v.Stage, Description: v.Description, Source: sourceOf(v), RunID: v.RunID, Status: v.Status, Tags: v.Tags, RunLink: v.RunLink,
		Aliases: v.Aliases, ModelID: v.ModelID}
}

// versionRef names a version.
type versionRef struct {
	Name    string `json:"name" need:"1"`
	Version label  `json:"version" need:"1"`
}

type versionTag struct {
	Name    string `json:"name" need:"1"`
	Version label  `json:"version" need:"1"`
	Key     string `json:"key" need:"1"`
	Value   string `json:"value"`
}

type aliasRef struct {
	Name    string `json:"name" need:"1"`
	Alias   string `json:"alias" need:"1"`
	Version label  `json:"version"`
}

func (s *Server) versionRoutes() {
	const base = "/mlflow/model-versions/"
	rpc(s, "POST", base+"create", s.createVersion)
	rpc(s, "GET", base+"get", onVersion(s.version))
	rpc(s, "PATCH", base+"update", s.describeVersion)
	rpc(s, "POST", base+"transition-stage", s.transitionStage)
	rpc(s, "DELETE", base+"delete", onVersion(func(ctx context.Context, name string, n int) (any, error) {
		return empty{}, versionError(s.reg.DeleteVersion(ctx, name, n, audit(ctx)), name, n)
	}))
	rpc(s, "GET", base+"search", s.searchVersions)
	rpc(s, "POST", base+"search", s.searchVersions)
	rpc(s, "GET", base+"get-download-uri", onVersion(func(ctx context.Context, name string, n int) (any, error) {
		uri, err := s.downloadURI(ctx, name, n)
		return map[string]string{"artifact_uri": uri}, err
	}))
	rpc(s, "POST", base+"set-tag", s.setVersionTag)
	rpc(s, "DELETE", base+"delete-tag", func(ctx context.Context, q *versionTag) (any, error) {
		n, err := versionNumber(q.Version)
		if err != nil {
			return nil, err
		}
		if err := s.reg.DeleteVersionTag(ctx, q.Name, n, q.Key); err != nil {
			return nil, versionError(err, q.Name, n)
		}
		s.tellOf(ctx, q.Name, "model_version_tag.deleted", "prompt_version_tag.deleted", told{"version": strconv.Itoa(n), "key": q.Key})
		return empty{}, nil
	})
}

func (s *Server) aliasRoutes() {
	const path = "/mlflow/registered-models/alias"
	rpc(s, "POST", path, func(ctx context.Context, q *aliasRef) (any, error) {
		if err := checkAlias(q.Alias); err != nil {
			return nil, err
		}
		n, err := versionNumber(q.Version)
		if err != nil {
			return nil, err
		}
		if err := s.reg.SetAlias(ctx, q.Name, q.Alias, n, audit(ctx)); err != nil {
			return nil, versionError(err, q.Name, n)
		}
		s.tellOf(ctx, q.Name, "model_version_alias.created", "prompt_alias.created", told{"alias": q.Alias, "version": strconv.Itoa(n)})
		return empty{}, nil
	})
	rpc(s, "DELETE", path, func(ctx context.Context, q *aliasRef) (any, error) {
		if err := s.reg.DeleteAlias(ctx, q.Name, q.Alias, audit(ctx)); err != nil {
			return nil, err
		}
		s.tellOf(ctx, q.Name, "model_version_alias.deleted", "prompt_alias.deleted", told{"alias": q.Alias})
		return empty{}, nil
	})
	rpc(s, "GET", path, func(ctx context.Context, q *aliasRef) (any, error) {
		if strings.EqualFold(q.Alias, "latest") {
			v, err := s.reg.ResolveModel(ctx, q.Name)
			return versionAnswer{versionToJSON(v)}, err
		}
		v, err := s.reg.VersionByAlias(ctx, q.Name, q.Alias)
		return versionAnswer{versionToJSON(v)}, err
	})
}

var aliasName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\w\-]*$`) })

func checkAlias(alias string) error {
	switch {
	case !aliasName().MatchString(alias):
		return invalid("Invalid alias name: '%s'. Names may only contain alphanumerics, underscores (_), and dashes (-).", clip(alias))
	case len(alias) > 255:
		return tooManyCharacters("Registered model alias name", 255)
	case strings.EqualFold(alias, "latest"):
		return invalid("'latest' alias name (case insensitive) is reserved.")
	case regexp.MustCompile(`^[vV]\d+$`).MatchString(alias):
		return invalid("Version alias name '%s' is reserved.", alias)
	}
	return nil
}

// onVersion is a call about a version.
func onVersion(do func(ctx context.Context, name string, n int) (any, error)) func(context.Context, *versionRef) (any, error) {
	return func(ctx context.Context, q *versionRef) (any, error) {
		n, err := versionNumber(q.Version)
		if err != nil {
			return nil, err
		}
		return do(ctx, q.Name, n)
	}
}

// versionError words a missing version, also of a missing model, as MLflow.
func versionError(err error, name string, n int) error {
	return as(err, registry.ErrNotFound, "Model Version (name=%s, version=%d) not found", clip(name), n)
}

func (s *Server) version(ctx context.Context, name string, n int) (any, error) {
	v, err := s.reg.Version(ctx, name, n)
	return versionAnswer{versionToJSON(v)}, versionError(err, name, n)
}

// downloadURI is where a version's files are.
func (s *Server) downloadURI(ctx context.Context, name string, n int) (string, error) {
	v, err := s.reg.Version(ctx, name, n)
	if err != nil {
		return "", versionError(err, name, n)
	}
	if v.StorageURI != "" {
		return v.StorageURI, nil
	}
	return sourceOf(v), nil
}

type createVersion struct {
	Name        string          `json:"name" need:"1"`
	Source      string          `json:"source" need:"1"`
	RunID       string          `json:"run_id"`
	Tags        []registry.Pair `json:"tags"`
	RunLink     string          `json:"run_link"`
	Description string          `json:"description"`
	ModelID     string          `json:"model_id"`
}

func (s *Server) createVersion(ctx context.Context, q *createVersion) (any, error) {
	if err := checkModelName(q.Name, "name"); err != nil {
		return nil, err
	}
	if err := checkStrictPairs(q.Tags, maxModelTag); err != nil {
		return nil, err
	}
	for _, l := range []struct {
		what, value string
		max         int
	}{{"source", q.Source, maxSource}, {"run_link", q.RunLink, maxSource}, {"description", q.Description, maxDescription}} {
		if err := checkLength(l.what, l.value, l.max); err != nil {
			return nil, err
		}
	}
	if _, err := s.reg.Model(ctx, q.Name); err != nil {
		return nil, err
	}
	storage, err := s.checkSource(ctx, q)
	if err != nil {
		return nil, err
	}
	v, _, err := s.reg.RegisterVersion(ctx, registry.NewVersion{Model: q.Name, Source: q.Source, StorageURI: storage, RunID: q.RunID,
		RunLink: q.RunLink, ModelID: q.ModelID, Tags: q.Tags, Description: q.Description})
	if err == nil && q.ModelID != "" {
		err = s.tagLogged(ctx, q.ModelID, q.Name, v.Version)
	}
	if err == nil {
		s.tellVersionCreated(ctx, v)
	}
	return versionAnswer{versionToJSON(v)}, err
}

func (s *Server) describeVersion(ctx context.Context, q *struct {
	Name        string `json:"name" need:"1"`
	Version     label  `json:"version" need:"1"`
	Description string `json:"description"`
}) (any, error) {
	n, err := versionNumber(q.Version)
	if err == nil {
		err = checkLength("description", q.Description, maxDescription)
	}
	if err != nil {
		return nil, err
	}
	if err := s.reg.DescribeVersion(ctx, q.Name, n, q.Description); err != nil {
		return nil, versionError(err, q.Name, n)
	}
	return s.version(ctx, q.Name, n)
}

// stageName reads a stage in any case.
func stageName(stage string) (string, error) {
	for _, known := range []string{"None", "Staging", "Production", "Archived"} {
		if strings.EqualFold(stage, known) {
			return known, nil
		}
	}
	return "", invalid("Invalid Model Version stage: %s. Value must be one of None, Staging, Production, Archived.", clip(stage))
}

func (s *Server) transitionStage(ctx context.Context, q *struct {
	Name    string `json:"name" need:"1"`
	Version label  `json:"version" need:"1"`
	Stage   string `json:"stage" need:"1"`
	Archive bool   `json:"archive_existing_versions"`
}) (any, error) {
	n, err := versionNumber(q.Version)
	if err != nil {
		return nil, err
	}
	stage, err := stageName(q.Stage)
	if err != nil {
		return nil, err
	}
	if q.Archive && stage != "Staging" && stage != "Production" {
		return nil, invalid("Model version transition cannot archive existing model versions because '%s' is not an Active stage. Valid stages are Staging, Production", stage)
	}
	if err := s.reg.SetStage(ctx, q.Name, n, stage, q.Archive, audit(ctx)); err != nil {
		return nil, versionError(err, q.Name, n)
	}
	return s.version(ctx, q.Name, n)
}

func (s *Server) searchVersions(ctx context.Context, q *modelSearch) (any, error) {
	limit, err := pageSize(q.MaxResults, 10_000, 200_000)
	if err != nil {
		return nil, err
	}
	list, next, err := s.reg.SearchVersions(ctx, registry.Query{Filter: q.Filter, OrderBy: q.OrderBy, Limit: limit, PageToken: q.PageToken,
		Visible: auth.From(ctx).Sees(auth.KindModel)})
	if err != nil {
		return nil, err
	}
	answer := versionList{Next: next}
	for _, v := range list {
		v.Aliases = nil // as MLflow, which gives them for single versions only
		answer.Versions = append(answer.Versions, versionToJSON(v))
	}
	return answer, nil
}

func (s *Server) setVersionTag(ctx context.Context, q *versionTag) (any, error) {
	n, err := versionNumber(q.Version)
	if err != nil {
		return nil, err
	}
	tags := []registry.Pair{{Key: q.Key, Value: q.Value}}
	if err := checkStrictPairs(tags, maxModelTag); err != nil {
		return nil, err
	}
	if err := s.reg.SetVersionTags(ctx, q.Name, n, tags); err != nil {
		return nil, versionError(err, q.Name, n)
	}
	s.tellOf(ctx, q.Name, "model_version_tag.set", "prompt_version_tag.set", told{"version": strconv.Itoa(n), "key": q.Key, "value": q.Value})
	return empty{}, nil
}

// tagLogged notes on a logged model which versions were made of it, as MLflow
// does for its UI.
func (s *Server) tagLogged(ctx context.Context, id, name string, version int) error {
	const tag = "mlflow.modelVersions"
	m, err := s.reg.LoggedModel(ctx, id)
	if err != nil {
		return err
	}
	entry := fmt.Sprintf(`{"name": %q, "version": %d}]`, name, version)
	if old, ok := registry.Value(m.Tags, tag); ok && strings.HasSuffix(old, "}]") {
		entry = strings.TrimSuffix(old, "]") + ", " + entry
	} else {
		entry = "[" + entry
	}
	return s.reg.SetLoggedModelTags(ctx, id, []registry.Pair{{Key: tag, Value: entry}})
}
