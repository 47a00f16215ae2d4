package inference

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"pipe/registry"
	"pipe/stages/policy"
)

// refresh looks whether the registry has changed and brings every endpoint to
// what it says. A swap goes on beside the answers of the version before.
func (s *Server) refresh(ctx context.Context) error {
	s.refreshed.Lock()
	defer s.refreshed.Unlock()
	last, err := s.o.Registry.Changes(ctx)
	if err != nil || last == s.seen {
		return err
	}
	wanted, err := s.wanted(ctx)
	if err != nil {
		return err
	}
	all := maps.Clone(*s.endpoints.Load())
	for name := range all {
		if _, ok := wanted[name]; !ok {
			delete(all, name)
			s.log.Info("deployment ended", "deployment", name)
		}
	}
	for name, d := range wanted {
		e := all[name]
		if e == nil {
			e = &endpoint{name: name}
			all[name] = e
		}
		p, err := s.resolve(ctx, d)
		if err != nil {
			s.trouble(e, err)
			continue
		}
		if e.route.Load() == nil && p.canary == nil && p.shadow == nil {
			// Nobody answers yet, so there is nothing to keep: load when asked.
			e.route.Store(s.build(e, p))
			continue
		}
		number := e.wanted.Add(1)
		s.swaps.Go(func() { s.swap(e, p, number) })
	}
	for name, e := range all {
		if e.route.Load() == nil && e.wanted.Load() == 0 && wanted[name] == nil {
			delete(all, name)
		}
	}
	s.endpoints.Store(&all)
	s.seen = last
	return nil
}

// wanted is what should be deployed.
func (s *Server) wanted(ctx context.Context) (map[string]*registry.Deployment, error) {
	if s.o.Only != nil {
		return map[string]*registry.Deployment{s.o.Only.Name: s.o.Only}, nil
	}
	list, err := s.o.Registry.Deployments(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[string]*registry.Deployment, len(list))
	for i := range list {
		out[list[i].Name] = &list[i]
	}
	return out, nil
}

// plan is a deployment with its targets resolved.
type plan struct {
	deployment     registry.Deployment
	policy         *policy.Policy
	main           registry.ModelVersion
	canary, shadow *registry.ModelVersion
}

func (s *Server) resolve(ctx context.Context, d *registry.Deployment) (*plan, error) {
	pol, err := policy.Parse(d.Policy)
	if err != nil {
		return nil, err
	}
	p := &plan{deployment: *d, policy: pol}
	if p.main, err = s.o.Registry.ResolveModel(ctx, d.Model+d.Target); err != nil {
		return nil, err
	}
	side := func(target string) *registry.ModelVersion {
		v, err := s.o.Registry.ResolveModel(ctx, d.Model+target)
		if err != nil || v.Version == p.main.Version {
			return nil // a canary that has been promoted is the main version
		}
		return &v
	}
	if pol.Canary != nil {
		p.canary = side(pol.Canary.Target)
	}
	if pol.Shadow != "" {
		p.shadow = side(pol.Shadow)
	}
	return p, nil
}

// build makes the route of a plan.
func (s *Server) build(e *endpoint, p *plan) *route {
	r := &route{deployment: p.deployment, policy: p.policy, main: s.arm(e, p.policy, p.main, "main")}
	if p.canary != nil {
		r.canary = s.arm(e, p.policy, *p.canary, "canary")
	}
	if p.shadow != nil {
		r.shadow = s.arm(e, p.policy, *p.shadow, "shadow")
	}
	return r
}

// swap brings an endpoint to a plan. Each version is loaded and tried first; one
// that fails never gets traffic, and the version before stays.
func (s *Server) swap(e *endpoint, p *plan, number int64) {
	e.changing.Lock()
	defer e.changing.Unlock()
	if e.wanted.Load() != number {
		return // a newer plan waits
	}
	before := e.route.Load()
	r := s.build(e, p)
	var troubles []error
	if before == nil || before.main.instance != r.main.instance {
		if _, err := s.instances.get(s.life, r.main.instance); err != nil {
			troubles = append(troubles, err)
			if before == nil {
				s.trouble(e, errors.Join(troubles...))
				return
			}
			r.main = s.arm(e, p.policy, *before.main.version(), "main")
		} else {
			r.main.stats.recent.reset()
			r.main.stats.watch.reset()
		}
	}
	for _, side := range []**arm{&r.canary, &r.shadow} {
		if *side == nil {
			continue
		}
		if _, err := s.instances.get(s.life, (*side).instance); err != nil {
			troubles = append(troubles, fmt.Errorf("%s: %w", (*side).role, err))
			*side = nil
		}
	}
	e.route.Store(r)
	s.trouble(e, errors.Join(troubles...))
	if before == nil || before.main.version().Version != r.main.version().Version {
		s.log.Info("version answers", "deployment", e.name, "model", r.main.version().Model, "version", r.main.version().Version, "digest", r.main.version().Ref.Digest.Short())
	}
	s.tidy(e, r)
}

// tidy forgets what no route needs.
func (s *Server) tidy(e *endpoint, r *route) {
	routed := map[int]bool{}
	for _, a := range []*arm{r.main, r.canary, r.shadow} {
		if a != nil {
			routed[a.version().Version] = true
		}
	}
	e.stats.prune(routed)
	named := map[*instance]bool{}
	for _, e := range *s.endpoints.Load() {
		if r := e.route.Load(); r != nil {
			for _, a := range []*arm{r.main, r.canary, r.shadow} {
				if a != nil {
					named[a.instance] = true
				}
			}
		}
	}
	for _, a := range []*arm{r.main, r.canary, r.shadow} {
		if a != nil {
			named[a.instance] = true
		}
	}
	s.instances.keep(named)
}

// trouble keeps and logs why a version does not answer; nil ends it.
func (s *Server) trouble(e *endpoint, err error) {
	if err == nil {
		e.trouble.Store(nil)
		return
	}
	text := err.Error()
	if before := e.trouble.Swap(&text); before == nil || *before != text {
		s.alert("Model "+e.name+" is in trouble", text)
	}
	s.log.Error("a version that should answer does not", "deployment", e.name, "error", err)
}
