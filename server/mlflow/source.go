package mlflow

import (
	"context"
	"net/url"
	"strings"

	"pipe/registry"
	"pipe/server/auth"
)

// promptSources are what MLflow's prompts have in place of a source.
var promptSources = map[string]bool{"dummy-source": true, "prompt-template": true}

// checkSource refuses a source that is on the server's own file system or does
// not belong to the run or model that the request names, and returns where the
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
		run, rest, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
		if u.Host != "" || q.RunID != "" && run != q.RunID {
			return "", invalid("Invalid model version source: '%s'. It does not belong to the run in run_id.", clip(q.Source))
		}
		r, err := s.reg.RunByID(ctx, run)
		if err == nil {
			err = may(ctx, auth.Read, auth.Experiment(r.Experiment))
		}
		if err != nil {
			return "", err
		}
		return r.ArtifactURI + "/" + rest, nil
	case "models":
		return s.modelSource(ctx, u, q)
	case "mlflow-artifacts":
		if _, ok := proxied(q.Source); !ok {
			return "", invalid("Invalid model version source: '%s'.", clip(q.Source))
		}
		return "", s.checkOwner(ctx, q)
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

// checkOwner makes sure that a proxied source is inside the run or the logged
// model that the request names.
func (s *Server) checkOwner(ctx context.Context, q *createVersion) error {
	source, _ := proxied(q.Source)
	var roots []string
	if q.ModelID != "" {
		m, err := s.reg.LoggedModel(ctx, q.ModelID)
		if err != nil {
			return err
		}
		roots = append(roots, m.ArtifactURI)
	}
	if q.RunID != "" {
		run, err := s.reg.RunByID(ctx, q.RunID)
		if err != nil {
			return err
		}
		roots = append(roots, run.ArtifactURI)
		for _, m := range run.ModelOutputs {
			if m, err := s.reg.LoggedModel(ctx, m.ModelID); err == nil {
				roots = append(roots, m.ArtifactURI)
			}
		}
	}
	for _, root := range roots {
		if base, ok := proxied(root); ok && (source == base || strings.HasPrefix(source, base+"/")) {
			return nil
		}
	}
	return invalid("Invalid model version source: '%s'. To use a path of this server as a model version source, run_id or model_id must name the run or model that it belongs to.", clip(q.Source))
}
