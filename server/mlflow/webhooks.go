package mlflow

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"pipe/notify"
	"pipe/registry"
)

// webhookActions are the events that there are, by entity. MLflow has one more,
// of its gateway's budgets, which are not here.
var webhookActions = map[string][]string{
	"registered_model": {"created"}, "model_version": {"created"}, "model_version_tag": {"deleted", "set"}, "model_version_alias": {"created", "deleted"},
	"prompt": {"created"}, "prompt_version": {"created"}, "prompt_tag": {"deleted", "set"}, "prompt_version_tag": {"deleted", "set"}, "prompt_alias": {"created", "deleted"},
}

// webhookEvent is an event as the API writes it, in capital letters.
type webhookEvent struct {
	Entity string `json:"entity"`
	Action string `json:"action"`
}

func (e webhookEvent) name() (string, error) {
	entity, action := strings.ToLower(e.Entity), strings.ToLower(e.Action)
	actions, ok := webhookActions[entity]
	if !ok {
		return "", invalid("'%s' is no entity of webhook events. Valid ones are: %s", clip(e.Entity), strings.Join(sortedKeys(webhookActions), ", "))
	}
	if !slices.Contains(actions, action) {
		return "", invalid("Invalid action '%s' for entity '%s'. Valid actions are: ['%s']", clip(action), entity, strings.Join(actions, "', '"))
	}
	return entity + "." + action, nil
}

func eventNames(list []webhookEvent) (names []string, err error) {
	if len(list) == 0 {
		return nil, invalid("Webhook events must be a non-empty list.")
	}
	for _, e := range list {
		name, err := e.name()
		if err != nil {
			return nil, err
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

type webhookJSON struct {
	ID          string         `json:"webhook_id"`
	Name        string         `json:"name"`
	Description string         `json:"description,omitempty"`
	URL         string         `json:"url"`
	Events      []webhookEvent `json:"events"`
	Status      string         `json:"status"`
	Created     int64          `json:"creation_timestamp"`
	Updated     int64          `json:"last_updated_timestamp"`
}

type webhookAnswer struct {
	Webhook webhookJSON `json:"webhook"`
}

// webhookToJSON leaves out the secret: it is never shown again.
func webhookToJSON(w registry.Webhook) webhookJSON {
	j := webhookJSON{ID: w.ID, Name: w.Name, Description: w.Description, URL: w.URL, Status: "ACTIVE", Created: w.Created.UnixMilli(), Updated: w.Updated.UnixMilli()}
	if w.Disabled {
		j.Status = "DISABLED"
	}
	for _, e := range w.Events {
		entity, action, _ := strings.Cut(strings.ToUpper(e), ".")
		j.Events = append(j.Events, webhookEvent{entity, action})
	}
	return j
}

type webhookRef struct {
	ID string `json:"webhook_id" need:"1"`
}

func (s *Server) webhookRoutes() {
	const base, one = "/mlflow/webhooks", "/mlflow/webhooks/{webhook_id}"
	rpc(s, "POST", base, s.createWebhook)
	rpc(s, "GET", base, s.listWebhooks)
	rpc(s, "PATCH", one, s.updateWebhook)
	rpc(s, "GET", one, func(ctx context.Context, q *webhookRef) (any, error) {
		w, err := s.reg.Webhook(ctx, q.ID)
		return webhookAnswer{webhookToJSON(w)}, webhookError(err, q.ID)
	})
	rpc(s, "DELETE", one, func(ctx context.Context, q *webhookRef) (any, error) {
		return empty{}, webhookError(s.reg.DeleteWebhook(ctx, q.ID, audit(ctx)), q.ID)
	})
	rpc(s, "POST", one+"/test", s.testWebhook)
}

func webhookError(err error, id string) error {
	return as(err, registry.ErrNotFound, "Webhook with ID %s not found.", clip(id))
}

func (s *Server) createWebhook(ctx context.Context, q *struct {
	Name        string         `json:"name" need:"1"`
	Description string         `json:"description"`
	URL         string         `json:"url" need:"1"`
	Events      []webhookEvent `json:"events" need:"1"`
	Secret      string         `json:"secret"`
	Status      string         `json:"status"`
}) (any, error) {
	w := registry.Webhook{Name: q.Name, Description: q.Description, URL: q.URL, Secret: q.Secret}
	var err error
	if w.Events, err = eventNames(q.Events); err != nil {
		return nil, err
	}
	if w.Disabled, err = disabled(q.Status); err != nil {
		return nil, err
	}
	if err := s.checkWebhook(w); err != nil {
		return nil, err
	}
	w, err = s.reg.PutWebhook(ctx, w, audit(ctx))
	return webhookAnswer{webhookToJSON(w)}, err
}

func (s *Server) updateWebhook(ctx context.Context, q *struct {
	ID          string         `json:"webhook_id" need:"1"`
	Name        string         `json:"name"`
	Description *string        `json:"description"`
	URL         string         `json:"url"`
	Events      []webhookEvent `json:"events"`
	Secret      *string        `json:"secret"`
	Status      string         `json:"status"`
}) (any, error) {
	w, err := s.reg.Webhook(ctx, q.ID)
	if err != nil {
		return nil, webhookError(err, q.ID)
	}
	if q.Name != "" {
		w.Name = q.Name
	}
	if q.Description != nil {
		w.Description = *q.Description
	}
	if q.URL != "" {
		w.URL = q.URL
	}
	if q.Secret != nil {
		w.Secret = *q.Secret
	}
	if q.Events != nil {
		if w.Events, err = eventNames(q.Events); err != nil {
			return nil, err
		}
	}
	if q.Status != "" {
		if w.Disabled, err = disabled(q.Status); err != nil {
			return nil, err
		}
	}
	if err := s.checkWebhook(w); err != nil {
		return nil, err
	}
	w, err = s.reg.PutWebhook(ctx, w, audit(ctx))
	return webhookAnswer{webhookToJSON(w)}, err
}

func disabled(status string) (bool, error) {
	switch strings.ToUpper(status) {
	case "", "ACTIVE":
		return false, nil
	case "DISABLED":
		return true, nil
	}
	return false, invalid("'%s' is no status of a webhook. Valid ones are: ACTIVE, DISABLED", clip(status))
}

var webhookName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._-]{0,61}[a-zA-Z0-9])?$`) })

const maxWebhookURL = 500

func (s *Server) checkWebhook(w registry.Webhook) error {
	if !webhookName().MatchString(w.Name) {
		return invalid("Webhook name '%s' is invalid. It must start and end with a letter or digit, be less than 63 characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-).", clip(w.Name))
	}
	for _, l := range []struct {
		what, value string
		max         int
	}{{"url", w.URL, maxWebhookURL}, {"description", w.Description, 1000}, {"secret", w.Secret, 1000}} {
		if err := checkLength(l.what, l.value, l.max); err != nil {
			return err
		}
	}
	return s.checkWebhookURL(w.URL)
}

// checkWebhookURL refuses what the server may not call. What the name resolves
// to is looked at again with every request.
func (s *Server) checkWebhookURL(address string) error {
	if strings.TrimSpace(address) == "" {
		return invalid("Webhook URL cannot be empty or just whitespace: '%s'", clip(address))
	}
	u, err := url.Parse(address)
	if err != nil {
		return invalid("Invalid webhook URL '%s': it cannot be read", clip(address))
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !s.opt.PrivateWebhooks) {
		return invalid("Invalid webhook URL scheme: '%s'. Allowed schemes are: https.", clip(u.Scheme))
	}
	if u.Hostname() == "" {
		return invalid("Webhook URL must include a hostname: '%s'", clip(address))
	}
	return refusedAddress(notify.CheckAddress(address, s.opt.PrivateWebhooks))
}

// refusedAddress says who could allow an address.
func refusedAddress(err error) error {
	var private *notify.PrivateError
	if errors.As(err, &private) {
		return invalid("Webhook URL must not resolve to a non-public IP address: %s is one of this machine, of a private network or of a cloud's metadata service. The server calls such only when it was started with --private-webhooks.", clip(private.Address))
	}
	if err != nil {
		return invalid("Invalid webhook URL: %v", err)
	}
	return nil
}

func (s *Server) listWebhooks(ctx context.Context, q *struct {
	MaxResults *number `json:"max_results"`
	PageToken  string  `json:"page_token"`
}) (any, error) {
	limit := 100
	if q.MaxResults != nil && *q.MaxResults != 0 {
		if limit = int(*q.MaxResults); limit < 1 || limit > 1000 {
			return nil, invalid("max_results must be between 1 and 1000.")
		}
	}
	list, next, err := s.reg.Webhooks(ctx, q.PageToken, limit)
	answer := struct {
		Webhooks []webhookJSON `json:"webhooks,omitempty"`
		Next     string        `json:"next_page_token,omitempty"`
	}{Next: next}
	for _, w := range list {
		answer.Webhooks = append(answer.Webhooks, webhookToJSON(w))
	}
	return answer, err
}

// testWebhook sends an example of an event and tells what was answered.
func (s *Server) testWebhook(ctx context.Context, q *struct {
	ID    string        `json:"webhook_id" need:"1"`
	Event *webhookEvent `json:"event"`
}) (any, error) {
	w, err := s.reg.Webhook(ctx, q.ID)
	if err != nil {
		return nil, webhookError(err, q.ID)
	}
	var event string
	if len(w.Events) > 0 {
		event = w.Events[0]
	}
	if q.Event != nil {
		if event, err = q.Event.name(); err != nil {
			return nil, err
		}
	}
	if event == "" {
		return nil, invalid("The webhook has no events: name one to test.")
	}
	result := map[string]any{}
	status, body, err := s.hooks.send(ctx, w, event, webhookExamples[event], time.Now())
	if err != nil {
		result["success"], result["error_message"] = false, "Failed to test webhook: "+err.Error()
	} else {
		result["success"], result["response_status"], result["response_body"] = status < 400, status, body
	}
	return map[string]any{"result": result}, nil
}
