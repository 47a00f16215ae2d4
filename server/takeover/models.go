package takeover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"pipe/registry"
)

type registeredModel struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Tags        []registry.Pair `json:"tags"`
	Aliases     []struct {
		Alias   string `json:"alias"`
		Version number `json:"version"`
	} `json:"aliases"`
}

type modelVersion struct {
	Version     number          `json:"version"`
	Stage       string          `json:"current_stage"`
	Description string          `json:"description"`
	Source      string          `json:"source"`
	RunID       string          `json:"run_id"`
	RunLink     string          `json:"run_link"`
	User        string          `json:"user_id"`
	Tags        []registry.Pair `json:"tags"`
}

func (s *source) takeModels(ctx context.Context) error {
	token := ""
	for {
		var page struct {
			Models []registeredModel `json:"registered_models"`
			Next   string            `json:"next_page_token"`
		}
		q := url.Values{"max_results": {"100"}}
		if token != "" {
			q.Set("page_token", token)
		}
		if err := s.call(ctx, "GET", "registered-models/search", q, nil, &page); err != nil {
			return err
		}
		for _, m := range page.Models {
			s.tell("model " + m.Name)
			if err := s.takeModel(ctx, m); err != nil {
				return fmt.Errorf("model %q: %w", m.Name, err)
			}
		}
		if token = page.Next; token == "" {
			return nil
		}
	}
}

func (s *source) takeModel(ctx context.Context, m registeredModel) error {
	_, err := s.reg.CreateModel(ctx, m.Name, m.Description, m.Tags)
	if errors.Is(err, registry.ErrExists) {
		s.moved.Skipped = append(s.moved.Skipped, m.Name)
		return nil
	}
	if err != nil {
		return err
	}
	s.moved.Models++
	versions, err := s.versionsOf(ctx, m.Name)
	if err != nil {
		return err
	}
	for _, v := range versions {
		source, storage, modelID := s.place(ctx, v)
		_, _, err := s.reg.RegisterVersion(ctx, registry.NewVersion{Model: m.Name, Version: int(v.Version), Source: source, StorageURI: storage, ModelID: modelID, RunID: v.RunID, RunLink: v.RunLink,
			User: v.User, Tags: v.Tags, Description: v.Description})
		if err == nil && v.Stage != "" && v.Stage != "None" {
			err = s.reg.SetStage(ctx, m.Name, int(v.Version), v.Stage, false, why)
		}
		if err != nil {
			return err
		}
		s.moved.Versions++
	}
	for _, a := range m.Aliases {
		if err := s.reg.SetAlias(ctx, m.Name, a.Alias, int(a.Version), why); err != nil {
			return err
		}
	}
	return nil
}

// versionsOf reads all versions of a model, oldest first.
func (s *source) versionsOf(ctx context.Context, name string) (all []modelVersion, err error) {
	token := ""
	for {
		var page struct {
			Versions []modelVersion `json:"model_versions"`
			Next     string         `json:"next_page_token"`
		}
		quote := "'"
		if strings.Contains(name, quote) {
			quote = `"`
		}
		q := url.Values{"filter": {"name = " + quote + name + quote}, "max_results": {"1000"}}
		if token != "" {
			q.Set("page_token", token)
		}
		if err := s.call(ctx, "GET", "model-versions/search", q, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Versions...)
		if token = page.Next; token == "" {
			break
		}
	}
	slices.SortFunc(all, func(a, b modelVersion) int { return cmp.Compare(a.Version, b.Version) })
	return all, nil
}

// place tells where the files of a version are now: in the logged model that
// its source names, or with its run.
func (s *source) place(ctx context.Context, v modelVersion) (source, storage, modelID string) {
	if id, ok := strings.CutPrefix(v.Source, "models:/"); ok {
		m, err := s.reg.LoggedModel(ctx, id)
		if err != nil {
			return v.Source, "", ""
		}
		return v.Source, m.ArtifactURI, id
	}
	_, rest, ok := strings.Cut(v.Source, "/"+v.RunID+"/artifacts")
	if kept(v.Source) != "" || v.RunID == "" || !ok {
		return v.Source, "", ""
	}
	r, err := s.reg.RunByID(ctx, v.RunID)
	if err != nil {
		return v.Source, "", ""
	}
	return r.ArtifactURI + rest, "", ""
}
