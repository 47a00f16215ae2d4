package inference

import (
	"context"
	"maps"
	"reflect"
	"time"

	"pipe/stages/model"
)

// maxShadows bounds the requests that shadows still work on; further ones are not
// given to them, so that a slow shadow costs the answers nothing but its share of
// the processor.
const maxShadows = 64

// shade gives the rows to the shadow, too, after they have been answered, and
// compares the answers.
func (s *Server) shade(q *request) {
	a := q.route.shadow
	if a == nil || len(q.answers) == 0 {
		return
	}
	if s.shading.Add(1) > maxShadows {
		s.shading.Add(-1)
		return
	}
	rows, given := make([]map[string]any, len(q.rows)), q.answers
	for i, row := range q.rows {
		rows[i] = maps.Clone(row)
	}
	timeout := time.Duration(q.route.policy.Timeout)
	s.shadows.Go(func() {
		defer s.shading.Add(-1)
		ctx, cancel := context.WithTimeout(s.life, timeout)
		defer cancel()
		j := &job{ctx: ctx, rows: rows}
		if err := a.queue.do(j); err != nil {
			a.stats.shadowFailed.Add(1)
			return
		}
		for i, x := range j.answers {
			a.stats.shadowed.Add(1)
			if !same(x, given[i]) {
				a.stats.disagreed.Add(1)
			}
		}
	})
}

// same tells whether two answers say the same; the numbers of a regression may
// differ by a hundredth.
func same(a, b *model.Answer) bool {
	x, ok1 := a.Prediction.(float64)
	y, ok2 := b.Prediction.(float64)
	if ok1 && ok2 {
		d, scale := x-y, max(x, -x, y, -y)
		return max(d, -d) <= 0.01*scale
	}
	return reflect.DeepEqual(a.Prediction, b.Prediction)
}
