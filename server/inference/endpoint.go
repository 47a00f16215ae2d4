package inference

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"pipe/registry"
	"pipe/stages/model"
	"pipe/stages/policy"
)

// answer is what a row gets.
type answer = model.Answer

// endpoint is a deployment's name. What it does is its route, which a swap
// replaces as a whole.
type endpoint struct {
	name  string
	route atomic.Pointer[route]

	// changing serialises swaps; wanted counts them, so that one that waits behind
	// a newer one gives up.
	changing sync.Mutex
	wanted   atomic.Int64
	// trouble says why a version that should answer does not; "" for none.
	trouble atomic.Pointer[string]

	stats statistics
	log   requestLog

	// refuge is the version that was gone back to when another had drifted; guard
	// alone uses it.
	refuge int
}

// route is what an endpoint does with a request.
type route struct {
	deployment registry.Deployment
	policy     *policy.Policy
	main       *arm
	canary     *arm // nil: none
	shadow     *arm // nil: none
}

// arm is a version on a route, and its queue.
type arm struct {
	instance *instance
	queue    *queue
	role     string // "main", "canary" or "shadow"
	stats    *versionStats
	waiting  atomic.Int64 // for a place, with work that makes no batches
}

func (a *arm) version() *registry.ModelVersion { return &a.instance.version }

// choose returns the arm for a request with the sticky key, "" for none; draw is
// a random number below 1.
func (r *route) choose(key string, draw float64) *arm {
	if r.canary == nil {
		return r.main
	}
	if key != "" {
		draw = float64(maphash.String(stickySeed, r.deployment.Name+"\x00"+key)>>11) / (1 << 53)
	}
	if draw*100 < r.policy.Canary.Percent {
		return r.canary
	}
	return r.main
}

// stickySeed makes a key choose the same arm as long as the process lives.
var stickySeed = maphash.MakeSeed()

// arm makes the arm of a version.
func (s *Server) arm(e *endpoint, p *policy.Policy, v registry.ModelVersion, role string) *arm {
	in := s.instances.of(v)
	a := &arm{instance: in, role: role, stats: e.stats.of(v)}
	a.queue = &queue{pool: s.pool, maxRows: p.MaxBatch, maxDelay: time.Duration(p.MaxDelay), limit: p.Queue}
	a.queue.run = func(batch []*job) { s.compute(a, batch) }
	return a
}

// compute answers a batch. Where one row is to blame only its request fails.
func (s *Server) compute(a *arm, batch []*job) {
	live := batch[:0:0]
	rows := 0
	for _, j := range batch {
		if err := context.Cause(j.ctx); err != nil {
			j.err = err
			continue
		}
		live = append(live, j)
		rows += len(j.rows)
	}
	if len(live) == 0 {
		return
	}
	a.stats.batch(rows)
	end := spanOfBatch(a, live, rows)
	if len(live) == 1 {
		j := live[0]
		j.answers, j.err = s.predict(j.ctx, a, j.rows)
		end(j.err)
		return
	}
	all := make([]map[string]any, 0, rows)
	for _, j := range live {
		all = append(all, j.rows...)
	}
	answers, err := s.predict(s.life, a, all)
	end(err)
	if err != nil {
		for _, j := range live {
			j.answers, j.err = s.predict(j.ctx, a, j.rows)
		}
		return
	}
	for _, j := range live {
		j.answers, answers = answers[:len(j.rows)], answers[len(j.rows):]
	}
}

func (s *Server) predict(ctx context.Context, a *arm, rows []map[string]any) (answers []*answer, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &panicked{r}
		}
	}()
	l, err := s.instances.get(ctx, a.instance)
	if err != nil {
		return nil, unavailable(err)
	}
	m, ok := l.model.(model.Predictor)
	if !ok {
		return nil, badRequest("", "the model %s does not answer rows", a.version().Model)
	}
	answers, err = m.PredictRows(ctx, rows)
	if err == nil && len(answers) != len(rows) {
		err = fmt.Errorf("the model gave %d answers to %d rows", len(answers), len(rows))
	}
	return answers, err
}

// unavailable is a model that cannot be loaded: the client can do nothing about
// it but come again.
func unavailable(err error) error {
	return &problem{status: 503, text: "the model cannot be loaded; the server's log tells why", retryAfter: 10, cause: err}
}
