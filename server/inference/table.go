package inference

import "slices"

// table is the table of contents: every pattern, and what answers it.
func (s *Server) table() []handled {
	return slices.Concat([]handled{
		{"POST /predict/{name}", s.answerPredict},
	}, s.v2Routes(), s.scoringRoutes(), s.openaiRoutes(), s.openapiRoutes(), s.metricRoutes(), s.driftRoutes())
}
