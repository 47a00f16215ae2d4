package registry

import "context"

// LastFinished returns the newest run of a pipeline that has finished;
// ErrNotFound where there is none.
func (r *Registry) LastFinished(ctx context.Context, pipeline string) (Run, error) {
	return r.lastRun(ctx, pipeline, "status = 'FINISHED'")
}

// LastRun returns the newest run of a pipeline, however it stands.
func (r *Registry) LastRun(ctx context.Context, pipeline string) (Run, error) {
	return r.lastRun(ctx, pipeline, "1")
}

func (r *Registry) lastRun(ctx context.Context, pipeline, where string) (Run, error) {
	var id string
	err := r.view(ctx, func(t *tx) error {
		rows, err := t.query("SELECT id FROM runs WHERE pipeline = ? AND pipeline <> '' AND deleted = 0 AND "+where+" ORDER BY seq DESC LIMIT 1", pipeline)
		list, err := collect(rows, err, func(scan scanner) (s string, err error) { return s, scan(&s) })
		if err == nil && len(list) == 0 {
			err = notFound("a run of pipeline", pipeline)
		}
		if err == nil {
			id = list[0]
		}
		return err
	})
	if err != nil {
		return Run{}, err
	}
	d, err := r.Run(ctx, id)
	return d.Run, err
}
