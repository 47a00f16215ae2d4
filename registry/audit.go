package registry

import (
	"context"
	"time"
)

// audit appends to the log in the transaction of the change itself.
func audit(t *tx, a Audit, action, subject, before, after string) error {
	return t.exec("INSERT INTO audit (time, who, why, run_id, action, subject, before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		t.now.UnixMilli(), a.Who, a.Why, a.RunID, action, subject, before, after)
}

// AuditLog returns the newest entries first, at most limit; of one subject
// ("model@alias", "model/3", a run's id) or, with an empty one, of all.
func (r *Registry) AuditLog(ctx context.Context, subject string, limit int) (list []AuditEntry, err error) {
	err = r.view(ctx, func(t *tx) error {
		rows, err := t.query(`SELECT time, who, why, run_id, action, subject, before, after FROM audit
			WHERE ?1 = '' OR subject = ?1 ORDER BY id DESC LIMIT ?2`, subject, limit)
		list, err = collect(rows, err, func(scan scanner) (e AuditEntry, err error) {
			var ms int64
			err = scan(&ms, &e.Who, &e.Why, &e.RunID, &e.Action, &e.Subject, &e.Before, &e.After)
			e.Time = time.UnixMilli(ms).UTC()
			return e, err
		})
		return err
	})
	return list, err
}
