package takeover

import (
	"context"
	"path/filepath"
	"strings"

	"pipe/registry"
)

type loggedModel struct {
	Info struct {
		ID          string          `json:"model_id"`
		Name        string          `json:"name"`
		Type        string          `json:"model_type"`
		Status      string          `json:"status"`
		SourceRun   string          `json:"source_run_id"`
		ArtifactURI string          `json:"artifact_uri"`
		Tags        []registry.Pair `json:"tags"`
	} `json:"info"`
	Data struct {
		Params []registry.Pair `json:"params"`
	} `json:"data"`
}

// takeLogged brings the logged models of an experiment. A server of MLflow 2
// has none, and says that it does not know the call.
func (s *source) takeLogged(ctx context.Context, id string, ours registry.Experiment) error {
	token := ""
	for {
		var page struct {
			Models []loggedModel `json:"models"`
			Next   string        `json:"next_page_token"`
		}
		body := map[string]any{"experiment_ids": []string{id}, "max_results": 50}
		if token != "" {
			body["page_token"] = token
		}
		if err := s.call(ctx, "POST", "logged-models/search", nil, body, &page); err != nil {
			if strings.Contains(err.Error(), ": 404 ") || strings.Contains(err.Error(), ": 405 ") {
				return nil
			}
			return err
		}
		for _, m := range page.Models {
			if _, err := s.reg.LoggedModel(ctx, m.Info.ID); err == nil || ours.Deleted {
				continue
			}
			made, err := s.reg.CreateLoggedModel(ctx, registry.NewLoggedModel{ID: m.Info.ID, Experiment: ours.ID, Name: m.Info.Name, Type: m.Info.Type,
				SourceRun: m.Info.SourceRun, Params: m.Data.Params, Tags: m.Info.Tags})
			if err != nil {
				return err
			}
			s.moved.LoggedModels++
			if s.o.Files != "" && kept(m.Info.ArtifactURI) == "" {
				if err := s.takeFiles(ctx, s.loggedFiles(m.Info.ID), "", filepath.Join(s.o.Files, strings.TrimPrefix(made.ArtifactURI, "mlflow-artifacts:/"))); err != nil {
					return err
				}
			}
			if status := strings.TrimPrefix(m.Info.Status, "LOGGED_MODEL_"); status != "PENDING" {
				if _, err := s.reg.SetLoggedModelStatus(ctx, m.Info.ID, status); err != nil {
					return err
				}
			}
			if m.Info.SourceRun != "" {
				// The run's output, which the run itself does not tell in every release.
				_ = s.reg.LogRunModels(ctx, m.Info.SourceRun, true, []registry.RunModel{{ModelID: m.Info.ID}})
			}
		}
		if token = page.Next; token == "" {
			return nil
		}
	}
}
