package registry

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"
)

// Webhook is an address that is told of changes to models.
type Webhook struct {
	ID          string
	Name        string
	Description string
	URL         string
	Events      []string // "registered_model.created"
	Secret      string
	Disabled    bool
	Created     time.Time
	Updated     time.Time
}

const webhookColumns = "SELECT id, name, description, url, events, secret, disabled, created, updated FROM webhooks"

func scanWebhook(scan scanner) (w Webhook, err error) {
	var events string
	var created, updated int64
	if err := scan(&w.ID, &w.Name, &w.Description, &w.URL, &events, &w.Secret, &w.Disabled, &created, &updated); err != nil {
		return w, err
	}
	w.Created, w.Updated = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	return w, json.Unmarshal([]byte(events), &w.Events)
}

// PutWebhook adds a webhook, whose id it draws, or replaces that of the same id.
func (r *Registry) PutWebhook(ctx context.Context, w Webhook, why Audit) (Webhook, error) {
	action := "webhook.update"
	if w.ID == "" {
		action = "webhook.create"
		id, err := r.newID()
		if err != nil {
			return w, err
		}
		w.ID = id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
	}
	events, err := json.Marshal(w.Events)
	if err != nil {
		return w, err
	}
	err = r.update(ctx, func(t *tx) error {
		w.Updated = t.now
		if w.Created.IsZero() {
			w.Created = t.now
		}
		if err := t.exec(`INSERT INTO webhooks (id, name, description, url, events, secret, disabled, created, updated)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description, url = excluded.url,
			events = excluded.events, secret = excluded.secret, disabled = excluded.disabled, updated = excluded.updated`, w.ID, w.Name, w.Description, w.URL, string(events), w.Secret, w.Disabled, w.Created.UnixMilli(), w.Updated.UnixMilli()); err != nil {
			return err
		}
		return audit(t, why, action, w.Name, "", w.URL)
	})
	return w, err
}

// Webhook returns a webhook; ErrNotFound where there is none of that id.
func (r *Registry) Webhook(ctx context.Context, id string) (w Webhook, err error) {
	err = r.view(ctx, func(t *tx) error {
		w, err = scanWebhook(t.row(webhookColumns+" WHERE id = ?", id).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			err = notFound("webhook", id)
		}
		return err
	})
	return w, err
}

// Webhooks lists webhooks, the newest first, at most limit of them (0: all), and
// the token of the next page.
func (r *Registry) Webhooks(ctx context.Context, token string, limit int) (list []Webhook, next string, err error) {
	offset, err := parseToken(token)
	if err != nil {
		return nil, "", err
	}
	most := -1 // SQLite: no limit
	if limit > 0 {
		most = limit + 1
	}
	err = r.view(ctx, func(t *tx) error {
		rows, err := t.query(webhookColumns+" ORDER BY created DESC, rowid DESC LIMIT ? OFFSET ?", most, offset)
		list, err = collect(rows, err, scanWebhook)
		return err
	})
	if limit > 0 && len(list) > limit {
		list, next = list[:limit], pageToken(offset+limit)
	}
	return list, next, err
}

// DeleteWebhook removes a webhook; ErrNotFound where there is none of that id.
func (r *Registry) DeleteWebhook(ctx context.Context, id string, why Audit) error {
	return r.update(ctx, func(t *tx) error {
		var name, url string
		err := t.row("DELETE FROM webhooks WHERE id = ? RETURNING name, url", id).Scan(&name, &url)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("webhook", id)
		}
		if err != nil {
			return err
		}
		return audit(t, why, "webhook.delete", name, url, "")
	})
}
