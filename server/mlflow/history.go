package mlflow

import (
	"bufio"
	"math"
	"net/http"
	"slices"
	"strconv"

	"pipe/registry"
	"pipe/server/auth"
)

// history streams a series: its first points leave before its last are read.
func (s *Server) history(w http.ResponseWriter, r *http.Request) {
	q := struct {
		ID         string  `json:"run_id"`
		UUID       string  `json:"run_uuid"`
		Key        string  `json:"metric_key" need:"1"`
		PageToken  string  `json:"page_token"`
		MaxResults *number `json:"max_results"`
	}{}
	err := decode(w, r, &q)
	var id string
	if err == nil {
		id, err = (&runRef{q.ID, q.UUID}).id()
	}
	limit := 0
	if err == nil && q.MaxResults != nil {
		if limit = int(*q.MaxResults); limit <= 0 {
			err = invalid("Invalid value %d for parameter 'max_results' supplied. It must be a positive integer.", limit)
		}
	}
	if err == nil {
		err = s.mayRuns(r.Context(), auth.Read, id)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	out := &pointStream{w: w}
	next, err := s.reg.EachPoint(r.Context(), id, q.Key, q.PageToken, limit, out.point)
	out.end(s, r, next, err)
}

// pointStream writes points as they come.
type pointStream struct {
	w     http.ResponseWriter
	out   *bufio.Writer
	began bool
	buf   []byte
}

func (p *pointStream) point(m registry.Metric) error {
	p.buf = p.buf[:0]
	if !p.began {
		p.began = true
		p.w.Header().Set("Content-Type", "application/json")
		p.out = bufio.NewWriterSize(p.w, 64<<10)
		p.buf = append(p.buf, `{"metrics":[`...)
	} else {
		p.buf = append(p.buf, ',')
	}
	p.buf = appendMetric(p.buf, m)
	_, err := p.out.Write(p.buf)
	return err
}

// end closes the list. An error after the first byte can only break the
// connection: the client must not take a part for the whole.
func (p *pointStream) end(s *Server, r *http.Request, next string, err error) {
	switch {
	case err != nil && p.began:
		s.opt.Log.Error("mlflow api", "path", r.URL.Path, "error", err)
		panic(http.ErrAbortHandler)
	case err != nil:
		s.fail(p.w, r, err)
	case !p.began:
		s.reply(p.w, r, empty{})
	default:
		tail := []byte("]")
		if next != "" {
			tail = appendString(append(tail, `,"next_page_token":`...), next)
		}
		_, _ = p.out.Write(append(tail, '}')) // the client went away
		_ = p.out.Flush()
	}
}

// historyBulk is what MLflow's own UI asks for.
func (s *Server) historyBulk(w http.ResponseWriter, r *http.Request) {
	const most = 25_000
	q := r.URL.Query()
	ids, key := slices.Sorted(slices.Values(q["run_id"])), q.Get("metric_key")
	limit, err := most, error(nil)
	if v := q.Get("max_results"); v != "" {
		if limit, err = strconv.Atoi(v); err != nil || limit < 0 {
			err = invalid("max_results must be a positive integer, got %q", clip(v))
		}
		limit = min(limit, most)
	}
	switch {
	case err != nil:
	case len(ids) == 0:
		err = invalid("GetMetricHistoryBulk request must specify at least one run_id.")
	case len(ids) > 100:
		err = invalid("GetMetricHistoryBulk request cannot specify more than 100 run_ids. Received %d run_ids.", len(ids))
	case key == "":
		err = invalid("GetMetricHistoryBulk request must specify a metric_key.")
	}
	if err == nil {
		err = s.mayRuns(r.Context(), auth.Read, ids...)
	}
	s.bulk(w, r, err, ids, key, func(id string, have int) ([]registry.Metric, error) {
		if have >= limit {
			return nil, nil
		}
		list, _, err := s.reg.History(r.Context(), id, key, 0, limit-have)
		return list, err
	})
}

func (s *Server) historyInterval(w http.ResponseWriter, r *http.Request) {
	q := struct {
		IDs        []string `json:"run_ids" need:"1"`
		Key        string   `json:"metric_key" need:"1"`
		Start      *number  `json:"start_step"`
		End        *number  `json:"end_step"`
		MaxResults *number  `json:"max_results"`
	}{}
	err := decode(w, r, &q)
	limit := 2500
	first, last := int64(math.MinInt64), int64(math.MaxInt64)
	switch {
	case err != nil:
	case len(q.IDs) > 100:
		err = invalid("GetMetricHistoryBulkInterval request must specify at most 100 run_ids. Received %d run_ids.", len(q.IDs))
	case q.MaxResults != nil && (*q.MaxResults < 1 || *q.MaxResults > 2500):
		err = invalid("max_results must be between 1 and 2500.")
	case (q.Start == nil) != (q.End == nil):
		err = invalid("If either start step or end step are specified, both must be specified.")
	case q.Start != nil && *q.Start > *q.End:
		err = invalid("end_step must be greater than start_step. Found start_step=%d and end_step=%d.", *q.Start, *q.End)
	case q.Start != nil:
		first, last = int64(*q.Start), int64(*q.End)
	}
	if q.MaxResults != nil {
		limit = int(*q.MaxResults)
	}
	if err == nil {
		err = s.mayRuns(r.Context(), auth.Read, q.IDs...)
	}
	var sampled map[string][]registry.Metric
	if err == nil {
		sampled, err = s.reg.HistorySampled(r.Context(), q.IDs, q.Key, first, last, limit)
	}
	s.bulk(w, r, err, q.IDs, q.Key, func(id string, _ int) ([]registry.Metric, error) { return sampled[id], nil })
}

// bulk answers with the points of several runs.
func (s *Server) bulk(w http.ResponseWriter, r *http.Request, err error, ids []string, key string, read func(id string, have int) ([]registry.Metric, error)) {
	b, n := []byte(`{"metrics":[`), 0
	for _, id := range ids {
		if err != nil {
			break
		}
		var list []registry.Metric
		if list, err = read(id, n); err != nil {
			break
		}
		for _, m := range list {
			if n++; n > 1 {
				b = append(b, ',')
			}
			b = append(appendString(append(metricFields(b, m), `,"run_id":`...), id), '}')
		}
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if n == 0 {
		s.reply(w, r, empty{})
		return
	}
	s.reply(w, r, raw(append(b, ']', '}')))
}

// raw is JSON as it is.
type raw []byte

func (a raw) appendJSON(b []byte) []byte { return append(b, a...) }
