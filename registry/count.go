package registry

import "context"

// CountRuns returns how many runs a query selects, whatever its page and order.
func (r *Registry) CountRuns(ctx context.Context, q RunQuery) (n int, err error) {
	p, err := newRunPlan(RunQuery{Experiments: q.Experiments, Filter: q.Filter, View: q.View})
	if err != nil {
		return 0, err
	}
	err = r.view(ctx, func(t *tx) error {
		driver, err := p.driver(t)
		if err != nil {
			return err
		}
		s := p.statement(driver)
		return t.row("SELECT count(*) FROM ("+s.String()+")", s.args...).Scan(&n)
	})
	return n, err
}
