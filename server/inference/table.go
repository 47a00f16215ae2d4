package inference

// table is the table of contents: every pattern, and what answers it.
func (s *Server) table() []handled {
	return []handled{
		{"POST /predict/{name}", s.answerPredict},
	}
}
