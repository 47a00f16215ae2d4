package inference

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

func (s *Server) metricRoutes() []handled {
	return []handled{{"GET /metrics", s.answerMetrics}}
}

// answerMetrics tells Prometheus how the deployments are, in its text format
// (version 0.0.4).
func (s *Server) answerMetrics(w http.ResponseWriter, _ *http.Request) {
	var m exposition
	all := *s.endpoints.Load()
	names := slices.Sorted(maps.Keys(all))
	counter := func(name, help string, value func(*versionStats) int64) {
		m.head(name, "counter", help)
		for _, n := range names {
			for _, v := range sorted(all[n].stats.list()) {
				m.line(name, labels(n, v), float64(value(v)))
			}
		}
	}
	counter("pipe_requests_total", "Requests that a version has answered.", func(v *versionStats) int64 { return v.requests.Load() })
	counter("pipe_requests_failed_total", "Requests that failed in the server (5xx).", func(v *versionStats) int64 { return v.failed.Load() })
	counter("pipe_requests_refused_total", "Requests that were wrong or too many (4xx).", func(v *versionStats) int64 { return v.rejected.Load() })
	counter("pipe_rows_total", "Rows that went through the model.", func(v *versionStats) int64 { return v.rows.Load() })
	counter("pipe_batches_total", "Batches that went through the model.", func(v *versionStats) int64 { return v.batches.Load() })
	counter("pipe_shadow_rows_total", "Rows that were answered in the shadow.", func(v *versionStats) int64 { return v.shadowed.Load() })
	counter("pipe_shadow_disagreed_total", "Rows whose shadow answer was another.", func(v *versionStats) int64 { return v.disagreed.Load() })
	m.head("pipe_request_seconds", "histogram", "How long requests took.")
	for _, n := range names {
		for _, v := range sorted(all[n].stats.list()) {
			m.histogram("pipe_request_seconds", labels(n, v), &v.latency)
		}
	}
	m.head("pipe_queue_rows", "gauge", "Rows that wait.")
	for _, n := range names {
		if r := all[n].route.Load(); r != nil {
			m.line("pipe_queue_rows", fmt.Sprintf(`deployment=%q`, n), float64(r.main.queue.depth()))
		}
	}
	m.head("pipe_deployment_version", "gauge", "The version that answers.")
	for _, n := range names {
		if r := all[n].route.Load(); r != nil {
			m.line("pipe_deployment_version", fmt.Sprintf(`deployment=%q,model=%q`, n, r.main.version().Model), float64(r.main.version().Version))
		}
	}
	m.head("pipe_deployment_trouble", "gauge", "1 where a version that should answer does not.")
	for _, n := range names {
		trouble := 0.0
		if all[n].trouble.Load() != nil {
			trouble = 1
		}
		m.line("pipe_deployment_trouble", fmt.Sprintf(`deployment=%q`, n), trouble)
	}
	s.driftMetrics(&m, names)
	m.head("pipe_models_bytes", "gauge", "Memory of the loaded models.")
	m.line("pipe_models_bytes", "", float64(s.instances.bytes()))
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write([]byte(m.String())) // the client went away
}

func sorted(list []*versionStats) []*versionStats {
	slices.SortFunc(list, func(a, b *versionStats) int { return cmp.Compare(a.version, b.version) })
	return list
}

func labels(deployment string, v *versionStats) string {
	return fmt.Sprintf(`deployment=%q,model=%q,version="%d"`, deployment, v.model, v.version)
}

// exposition is a page of metrics. Names of deployments and models need no more
// escaping than %q does: they have letters, digits, _, . and -.
type exposition struct{ strings.Builder }

func (m *exposition) head(name, kind, help string) {
	fmt.Fprintf(m, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func (m *exposition) line(name, labels string, value float64) {
	if labels != "" {
		labels = "{" + labels + "}"
	}
	fmt.Fprintf(m, "%s%s %v\n", name, labels, value)
}

// histogram writes every fourth class, so that a version is about twenty lines.
func (m *exposition) histogram(name, labels string, h *histogram) {
	counts := h.read()
	total := int64(0)
	for i, c := range counts[:len(latencyBounds)] {
		total += c
		if i%4 == 3 {
			m.line(name+"_bucket", fmt.Sprintf(`%s,le="%.6g"`, labels, latencyBounds[i].Seconds()), float64(total))
		}
	}
	total += counts[len(latencyBounds)]
	m.line(name+"_bucket", labels+`,le="+Inf"`, float64(total))
	m.line(name+"_sum", labels, float64(h.sum.Load())/1e9)
	m.line(name+"_count", labels, float64(total))
}
