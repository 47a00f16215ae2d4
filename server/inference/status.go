package inference

import "time"

// Status is how a deployment answers, in this process and since it began.
type Status struct {
	Trouble  string // why a version that should answer does not; "" for none
	Waiting  int    // rows in the queue
	Answers  int    // the version on the main arm; 0 while there is none
	Versions []VersionStatus
}

// VersionStatus is what a version of a deployment has answered.
type VersionStatus struct {
	Model                      string
	Version                    int
	Requests, Failed, Rejected int64
	Rows                       int64
	Shadowed, Disagreed        int64 // rows that it answered in the shadow, and those answered otherwise
	// Median, P95 and P99 are upper bounds of the latency of so many requests, to
	// a quarter; 0 where there were none.
	Median, P95, P99 time.Duration
}

// Status tells how a deployment is; ok is false for one that is not here.
func (s *Server) Status(name string) (st Status, ok bool) {
	e, ok := (*s.endpoints.Load())[name]
	if !ok {
		return st, false
	}
	if t := e.trouble.Load(); t != nil {
		st.Trouble = *t
	}
	if r := e.route.Load(); r != nil {
		st.Answers, st.Waiting = r.main.version().Version, r.main.queue.depth()
	}
	for _, v := range sorted(e.stats.list()) {
		counts := v.latency.read()
		st.Versions = append(st.Versions, VersionStatus{Model: v.model, Version: v.version, Requests: v.requests.Load(), Failed: v.failed.Load(), Rejected: v.rejected.Load(),
			Rows: v.rows.Load(), Shadowed: v.shadowed.Load(), Disagreed: v.disagreed.Load(),
			Median: quantile(counts, 0.5), P95: quantile(counts, 0.95), P99: quantile(counts, 0.99)})
	}
	return st, true
}
