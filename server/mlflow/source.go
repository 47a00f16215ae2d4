package mlflow

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"pipe/registry"
	"pipe/server/auth"
)

// promptSources are what MLflow's prompts have in place of a source.
var promptSources = map[string]bool{"dummy-source": true, "prompt-template": true}

// checkSource refuses a source that is on the server's own file system, and returns where the
// files are when the source does not say it itself.
func (s *Server) checkSource(ctx context.Context, q *createVersion) (storage string, err error) {
	if p, ok := registry.Value(q.Tags, "mlflow.prompt.is_prompt"); ok && p == "true" && promptSources[q.Source] {
		return "", nil
	}
	if err := checkLocation(q.Source, "model version source"); err != nil {
		return "", err
	}
	u, err := url.Parse(q.Source)
	if err != nil {
		return "", invalid("Invalid model version source: '%s'.", clip(q.Source))
	}
	switch u.Scheme {
	case "runs":
		return s.runSource(ctx, u)
	case "models":
		return s.modelSource(ctx, u, q)
	case "mlflow-artifacts":
		return "", s.mayFile(ctx, auth.Read, strings.Trim(u.Path, "/"))
	}
	return "", nil
}

// modelSource resolves models:/m-ID to the files of that logged model.
func (s *Server) modelSource(ctx context.Context, u *url.URL, q *createVersion) (string, error) {
	id := strings.Trim(u.Path, "/")
	if u.Host != "" || !strings.HasPrefix(id, "m-") || strings.Contains(id, "/") || q.ModelID != "" && q.ModelID != id {
		if v, err := s.reg.ResolveModel(ctx, id); err == nil && u.Host == "" && q.ModelID == "" {
			if err := may(ctx, auth.Read, auth.Model(v.Model)); err != nil {
				return "", err
			}
			if v.StorageURI != "" {
				return v.StorageURI, nil
			}
			return v.Source, nil
		}
		return "", invalid("Invalid model version source: '%s'. It does not belong to the model in model_id.", clip(q.Source))
	}
	m, err := s.reg.LoggedModel(ctx, id)
	if err == nil {
		err = may(ctx, auth.Read, auth.Experiment(m.Experiment))
	}
	if err != nil {
		return "", err
	}
	q.ModelID = id
	if q.RunID == "" {
		q.RunID = m.SourceRun
	}
	return m.ArtifactURI, nil
}

// runSource resolves runs:/ID/path to the files of that run. A run that is not
// here may be one of another server: then nothing is resolved.
func (s *Server) runSource(ctx context.Context, u *url.URL) (string, error) {
	id, rest, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	r, err := s.reg.RunByID(ctx, id)
	if errors.Is(err, registry.ErrNotFound) {
		return "", nil
	}
	if err == nil {
		err = may(ctx, auth.Read, auth.Experiment(r.Experiment))
	}
	return r.ArtifactURI + "/" + rest, err
}
