package registry

import "context"

// History returns the points of a series from offset on, at most limit (0:
// all), by time, step and value, and whether there are more.
func (r *Registry) History(ctx context.Context, id, key string, offset, limit int) (list []Metric, more bool, err error) {
	more, err = r.eachPoint(ctx, id, key, offset, limit, func(m Metric) error {
		list = append(list, m)
		return nil
	})
	return list, more, err
}

// EachPoint calls do for the points of a series, by time, step and value: for
// all with limit 0, otherwise for a page, and returns the token of the next.
// The points come as they are read, so a long series is never held in memory.
func (r *Registry) EachPoint(ctx context.Context, id, key, token string, limit int, do func(Metric) error) (next string, err error) {
	offset, err := parseToken(token)
	if err != nil {
		return "", err
	}
	more, err := r.eachPoint(ctx, id, key, offset, limit, do)
	if more {
		next = pageToken(offset + limit)
	}
	return next, err
}

func (r *Registry) eachPoint(ctx context.Context, id, key string, offset, limit int, do func(Metric) error) (more bool, err error) {
	err = r.view(ctx, func(t *tx) error {
		series, err := seriesOf(t, id, key)
		if err != nil || series == 0 {
			return err
		}
		n := 0
		return eachOf(t, series, offset, func(p point) (bool, error) {
			if n++; limit > 0 && n > limit {
				more = true
				return false, nil
			}
			return true, do(p.metric(key))
		})
	})
	return more, err
}
