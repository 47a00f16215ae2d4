package mlflow

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"pipe/registry"
)

// fastBatch decodes the body of log-metric and log-batch where it is as
// clients write it: known fields, plain strings, numbers. It reports false for
// everything else, which the general decoder then reads or names as wrong. A
// batch of a thousand points spent most of its time in the general one.
func fastBatch(body []byte, q *logBatch) bool {
	s := scanner{b: body}
	ok := s.object(func(name []byte) bool {
		switch string(name) {
		case "run_id":
			return s.text(&q.ID)
		case "metrics":
			if q.Metrics != nil {
				return false // a name twice means what the general decoder makes of it
			}
			q.Metrics = make([]metricJSON, 0, 1+bytes.Count(body, []byte(`"timestamp"`)))
			return s.array(func() bool {
				q.Metrics = append(q.Metrics, metricJSON{})
				return s.metric(&q.Metrics[len(q.Metrics)-1])
			})
		case "params":
			return s.pairs(&q.Params)
		case "tags":
			return s.pairs(&q.Tags)
		}
		return false
	})
	return ok && s.end()
}

// fastMetric is fastBatch for log-metric.
func fastMetric(body []byte, q *logMetric) bool {
	s := scanner{b: body}
	ok := s.object(func(name []byte) bool {
		switch string(name) {
		case "run_id":
			return s.text(&q.ID)
		case "run_uuid":
			return s.text(&q.UUID)
		}
		return s.metricField(name, &q.metricJSON)
	})
	return ok && s.end()
}

// scanner reads plain JSON.
type scanner struct {
	b []byte
	i int
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\n', '\t', '\r':
			s.i++
		default:
			return
		}
	}
}

// take skips one character after white space.
func (s *scanner) take(c byte) bool {
	s.space()
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

func (s *scanner) end() bool { s.space(); return s.i == len(s.b) }

// str reads a string without escapes, of printable ASCII or valid UTF-8.
func (s *scanner) str() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	from, plain := s.i, true
	for ; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; {
		case c == '"':
			text := s.b[from:s.i]
			s.i++
			return text, plain || utf8.Valid(text)
		case c < ' ' || c == '\\':
			return nil, false
		case c >= utf8.RuneSelf:
			plain = false
		}
	}
	return nil, false
}

func (s *scanner) text(into *string) bool {
	b, ok := s.str()
	*into = string(b)
	return ok
}

// number reads the characters of a JSON number.
func (s *scanner) number() ([]byte, bool) {
	s.space()
	from := s.i
	for s.i < len(s.b) {
		switch c := s.b[s.i]; {
		case '0' <= c && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E':
			s.i++
		default:
			return jsonNumber(s.b[from:s.i])
		}
	}
	return nil, false
}

// jsonNumber refuses what ParseFloat would take and JSON does not.
func jsonNumber(b []byte) ([]byte, bool) {
	digits := b
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || digits[0] < '0' || digits[0] > '9' || len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9' {
		return nil, false
	}
	if dot := bytes.IndexByte(digits, '.'); dot >= 0 && (dot+1 == len(digits) || digits[dot+1] < '0' || digits[dot+1] > '9') {
		return nil, false
	}
	return b, true
}

func (s *scanner) object(field func(name []byte) bool) bool {
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return true
	}
	for {
		name, ok := s.str()
		if !ok || !s.take(':') || !field(name) {
			return false
		}
		if s.take('}') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

func (s *scanner) array(item func() bool) bool {
	if !s.take('[') {
		return false
	}
	if s.take(']') {
		return true
	}
	for {
		if !item() {
			return false
		}
		if s.take(']') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

func (s *scanner) pairs(list *[]registry.Pair) bool {
	if *list != nil {
		return false
	}
	*list = []registry.Pair{}
	return s.array(func() bool {
		var p registry.Pair
		ok := s.object(func(name []byte) bool {
			switch string(name) {
			case "key":
				return s.text(&p.Key)
			case "value":
				return s.text(&p.Value)
			}
			return false
		})
		*list = append(*list, p)
		return ok
	})
}

func (s *scanner) metric(m *metricJSON) bool {
	return s.object(func(name []byte) bool { return s.metricField(name, m) })
}

func (s *scanner) metricField(name []byte, m *metricJSON) bool {
	switch string(name) {
	case "key":
		m.Key = new(string)
		return s.text(m.Key)
	case "value":
		b, ok := s.number()
		if !ok {
			return false
		}
		v, err := strconv.ParseFloat(string(b), 64)
		m.Value = new(float(v))
		return err == nil
	case "timestamp":
		m.Timestamp = new(number)
		return s.int(m.Timestamp)
	case "step":
		return s.int(&m.Step)
	case "model_id":
		return s.text(&m.ModelID)
	case "dataset_name":
		return s.text(&m.Dataset)
	case "dataset_digest":
		return s.text(&m.Digest)
	}
	return false
}

func (s *scanner) int(into *number) bool {
	b, ok := s.number()
	if !ok {
		return false
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	*into = number(n)
	return err == nil
}
