package dag

import (
	"container/heap"
	"fmt"
	"slices"
)

// fail takes in a failure: the run ends with what is under way, unless it was
// told to go on, for all stages or for this one.
func (r *runner) fail(s *Stage, err error) {
	r.result.Failures = append(r.result.Failures, StageError{Stage: s.Name, Err: err})
	if !r.options.KeepGoing && !s.ContinueOnError {
		r.stopped = true
	}
	r.skipUsers(s, fmt.Sprintf("stage %q failed", s.Name))
}

func (r *runner) skipUsers(s *Stage, why string) {
	for _, u := range s.users {
		if _, takesPart := r.waiting[u]; takesPart && !r.ended[u] {
			r.skip(u, why)
			r.skipUsers(u, why)
		}
	}
}

// leaveOut skips a stage that is not wanted, with those that cannot do without
// it.
func (r *runner) leaveOut(s *Stage, why string) {
	r.skip(s, why)
	for _, u := range s.users { // once for each edge
		n, takesPart := r.waiting[u]
		switch {
		case !takesPart || r.ended[u]:
		case u.needs(s, r.gone):
			r.leaveOut(u, fmt.Sprintf("stage %q was skipped", s.Name))
		default:
			if r.waiting[u] = n - 1; n == 1 {
				heap.Push(&r.ready, u)
			}
		}
	}
}

// gone tells whether a stage has ended and given nothing.
func (r *runner) gone(s *Stage) bool { return r.ended[s] && r.outputs[s] == nil }

// needs tells whether s cannot do without a stage that was skipped. Of the list
// on a port with NeedsSome, one that is left is enough; gone tells which are not.
func (s *Stage) needs(from *Stage, gone func(*Stage) bool) bool {
	ports, _ := s.Kind.Ports()
	for _, e := range s.In {
		if e.From != from {
			continue
		}
		p, _ := findPort(ports, e.Port)
		left := func(o Edge) bool { return o.Port == e.Port && !gone(o.From) }
		if p.Lack == NeedsAll || p.Lack == NeedsSome && !slices.ContainsFunc(s.In, left) {
			return true
		}
	}
	return false
}

func (r *runner) skip(s *Stage, why string) {
	r.ended[s] = true
	r.emit(Event{Time: r.options.Now(), Type: StageSkipped, Stage: s.Name, Kind: s.Info.Name, Text: why})
}
