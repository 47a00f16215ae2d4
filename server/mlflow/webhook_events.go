package mlflow

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"pipe/registry"
)

// Prompts of MLflow 3 are registered models with a tag; what happens to them
// has events of its own, in which that tag is not told.
const (
	promptTag     = "mlflow.prompt.is_prompt"
	promptTypeTag = "_mlflow_prompt_type"
	promptTextTag = "mlflow.prompt.text"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// isPrompt tells by the tags, of which the last of a key counts.
func isPrompt(tags []registry.Pair) bool {
	value := ""
	for _, t := range tags {
		if t.Key == promptTag {
			value = t.Value
		}
	}
	return strings.EqualFold(value, "true")
}

func (s *Server) isPromptModel(ctx context.Context, name string) bool {
	m, err := s.reg.Model(ctx, name)
	return err == nil && isPrompt(m.Tags)
}

// told is what an event says.
type told map[string]any

func tagMap(tags []registry.Pair, without ...string) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		if !slices.Contains(without, t.Key) {
			m[t.Key] = t.Value
		}
	}
	return m
}

// orNil is an absent text, which JSON has a word for.
func orNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func (s *Server) tellModelCreated(ctx context.Context, name, description string, tags []registry.Pair) {
	if isPrompt(tags) {
		s.hooks.tell(ctx, "prompt.created", told{"name": name, "description": description, "tags": tagMap(tags, promptTag, promptTypeTag)})
		return
	}
	s.hooks.tell(ctx, "registered_model.created", told{"name": name, "description": description, "tags": tagMap(tags)})
}

func (s *Server) tellVersionCreated(ctx context.Context, v registry.ModelVersion) {
	number := strconv.Itoa(v.Version)
	if isPrompt(v.Tags) {
		template, found := registry.Value(v.Tags, promptTextTag)
		data := told{"name": v.Model, "version": number, "template": template, "description": orNil(v.Description),
			"tags": tagMap(v.Tags, promptTag, promptTypeTag, promptTextTag)}
		if !found {
			data["template"] = nil
		}
		s.hooks.tell(ctx, "prompt_version.created", data)
		return
	}
	s.hooks.tell(ctx, "model_version.created", told{"name": v.Model, "version": number, "source": v.Source, "run_id": orNil(v.RunID),
		"tags": tagMap(v.Tags), "description": orNil(v.Description)})
}

// tellOf tells an event of a model, or the one of the same kind of a prompt;
// models have none for some of those that prompts have.
func (s *Server) tellOf(ctx context.Context, model, ofModel, ofPrompt string, data told) {
	data["name"] = model
	event := ofModel
	if s.isPromptModel(ctx, model) {
		event = ofPrompt
	}
	if event != "" {
		s.hooks.tell(ctx, event, data)
	}
}

// webhookExamples are what a test sends.
var webhookExamples = map[string]told{
	"registered_model.created": {"name": "example_model", "tags": map[string]string{"example_key": "example_value"}, "description": "An example registered model"},
	"model_version.created": {"name": "example_model", "version": "1", "source": "models:/123", "run_id": "abcd1234abcd5678",
		"tags": map[string]string{"example_key": "example_value"}, "description": "An example model version"},
	"model_version_tag.set":       {"name": "example_model", "version": "1", "key": "example_key", "value": "example_value"},
	"model_version_tag.deleted":   {"name": "example_model", "version": "1", "key": "example_key"},
	"model_version_alias.created": {"name": "example_model", "alias": "example_alias", "version": "1"},
	"model_version_alias.deleted": {"name": "example_model", "alias": "example_alias"},
	"prompt.created":              {"name": "example_prompt", "tags": map[string]string{"example_key": "example_value"}, "description": "An example prompt"},
	"prompt_version.created": {"name": "example_prompt", "version": "1", "template": "Hello {{name}}!",
		"tags": map[string]string{"example_key": "example_value"}, "description": "An example prompt version"},
	"prompt_tag.set":             {"name": "example_prompt", "key": "example_key", "value": "example_value"},
	"prompt_tag.deleted":         {"name": "example_prompt", "key": "example_key"},
	"prompt_version_tag.set":     {"name": "example_prompt", "version": "1", "key": "example_key", "value": "example_value"},
	"prompt_version_tag.deleted": {"name": "example_prompt", "version": "1", "key": "example_key"},
	"prompt_alias.created":       {"name": "example_prompt", "alias": "example_alias", "version": "1"},
	"prompt_alias.deleted":       {"name": "example_prompt", "alias": "example_alias"},
}
