package inference

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"pipe/registry"
	"pipe/stages/policy"
)

// guardEvery is how often live traffic is held against the limits.
const guardEvery = time.Second

// guard goes back where the live traffic of a version passes a limit of its
// policy: a canary ends, and of the main version the alias is rolled back.
func (s *Server) guard(ctx context.Context, now time.Time) {
	for _, e := range *s.endpoints.Load() {
		r := e.route.Load()
		if r == nil {
			continue
		}
		if r.canary != nil {
			if why := cmp.Or(beyond(r.policy.Rollback, r.canary.stats, now), s.guardDrift(e, r, r.canary, now)); why != "" {
				s.endCanary(ctx, e, r, why)
				continue
			}
		}
		drift := s.guardDrift(e, r, r.main, now)
		if why := beyond(r.policy.Rollback, r.main.stats, now); why != "" {
			s.goBack(ctx, e, r, why)
		} else if drift != "" {
			s.goBackFrom(ctx, e, r, drift)
		}
	}
}

// beyond says which limit the last window of a version passes, "" for none.
func beyond(limits *policy.Rollback, v *versionStats, now time.Time) string {
	if limits == nil {
		return ""
	}
	t := v.recent.since(now, time.Duration(limits.Window))
	if t.requests < int64(limits.MinRequests) {
		return ""
	}
	if rate := float64(t.failed) / float64(t.requests); limits.ErrorRate > 0 && rate > limits.ErrorRate {
		return fmt.Sprintf("%.3g of %d requests failed, the limit is %.3g", rate, t.requests, limits.ErrorRate)
	}
	if p99 := quantile(t.counts, 0.99); limits.P99 > 0 && p99 > time.Duration(limits.P99) {
		return fmt.Sprintf("99 of 100 of %d requests took up to %v, the limit is %v", t.requests, p99.Round(10*time.Microsecond), limits.P99)
	}
	return ""
}

// guardian is who the audit log names for what the server does by itself.
const guardian = "pipe (automatic rollback)"

func (s *Server) endCanary(ctx context.Context, e *endpoint, r *route, why string) {
	d := r.deployment
	p := *r.policy
	version := r.canary.version().Version
	p.Canary = nil
	policyJSON, err := json.Marshal(p)
	if err == nil && s.o.Only == nil {
		d.Policy = policyJSON
		_, err = s.o.Registry.SetDeployment(ctx, d, registry.Audit{Who: guardian, Why: fmt.Sprintf("canary version %d: %s", version, why)})
	}
	if err != nil {
		s.log.Error("end a canary", "deployment", e.name, "error", err)
		return
	}
	// The requests that come before the registry is asked again are spared, too.
	spared := *r
	spared.canary = nil
	e.route.CompareAndSwap(r, &spared)
	s.alert("The canary of "+e.name+" has ended", fmt.Sprintf("Version %d: %s.", version, why))
	s.log.Warn("canary ended", "deployment", e.name, "version", version, "why", why)
}

func (s *Server) goBack(ctx context.Context, e *endpoint, r *route, why string) {
	alias, ok := strings.CutPrefix(r.deployment.Target, "@")
	if !ok {
		s.trouble(e, fmt.Errorf("version %d: %s; a deployment of a fixed version cannot go back by itself", r.main.version().Version, why))
		r.main.stats.recent.reset()
		r.main.stats.watch.reset()
		return
	}
	from, to, err := s.o.Registry.Rollback(ctx, r.deployment.Model, alias, registry.Audit{Who: guardian, Why: why})
	// It is judged anew, whether it could go back or not.
	r.main.stats.recent.reset()
	r.main.stats.watch.reset()
	switch {
	case errors.Is(err, registry.ErrConflict):
		s.trouble(e, fmt.Errorf("version %d: %s; and there is no version to go back to", r.main.version().Version, why))
	case err != nil:
		s.log.Error("go back", "deployment", e.name, "error", err)
	default:
		s.alert("Model "+e.name+" was rolled back", fmt.Sprintf("From version %d to %d: %s.", from, to, why))
		s.log.Warn("rolled back", "deployment", e.name, "from", from, "to", to, "why", why)
	}
}
