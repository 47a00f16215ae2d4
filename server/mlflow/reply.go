package mlflow

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"unicode/utf8"

	"pipe/registry"
)

// empty is the answer of calls that answer nothing.
type empty struct{}

// appender writes itself as JSON. Runs do, because a page of a thousand runs
// is mostly spent in encoding otherwise.
type appender interface{ appendJSON(b []byte) []byte }

// reply writes a result as JSON.
func (s *Server) reply(w http.ResponseWriter, r *http.Request, res any) {
	var body []byte
	switch res := res.(type) {
	case empty:
		body = []byte("{}")
	case appender:
		body = res.appendJSON(nil)
	default:
		var err error
		if body, err = json.Marshal(res); err != nil {
			s.fail(w, r, err)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the client went away
}

// appendString appends a JSON string.
func appendString(b []byte, s string) []byte {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			plain = false
			break
		}
	}
	if plain {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings always marshal
	}
	return append(b, text...)
}

// appendFloat appends a metric's value. MLflow's store keeps infinities as the
// greatest finite numbers, and Protocol Buffers' JSON writes NaN as a string.
func appendFloat(b []byte, x float64) []byte {
	switch {
	case math.IsNaN(x):
		return append(b, `"NaN"`...)
	case math.IsInf(x, 1):
		x = math.MaxFloat64
	case math.IsInf(x, -1):
		x = -math.MaxFloat64
	}
	if math.Abs(x) < 1e15 && x == math.Trunc(x) {
		return append(strconv.AppendInt(b, int64(x), 10), ".0"...)
	}
	return strconv.AppendFloat(b, x, 'g', -1, 64)
}

// field appends `"name":` after a comma where one is needed.
func field(b []byte, name string) []byte {
	if c := b[len(b)-1]; c != '{' && c != '[' {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

// list appends `"name":[…]`, nothing for an empty list.
func list[T any](b []byte, name string, items []T, one func([]byte, T) []byte) []byte {
	if len(items) == 0 {
		return b
	}
	b = append(field(b, name), '[')
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = one(b, item)
	}
	return append(b, ']')
}

func appendPair(b []byte, p registry.Pair) []byte {
	b = appendString(append(b, `{"key":`...), p.Key)
	b = appendString(append(b, `,"value":`...), p.Value)
	return append(b, '}')
}

func appendMetric(b []byte, m registry.Metric) []byte {
	return append(metricFields(b, m), '}')
}

// metricFields leaves the object open.
func metricFields(b []byte, m registry.Metric) []byte {
	b = appendString(append(b, `{"key":`...), m.Key)
	b = appendFloat(append(b, `,"value":`...), m.Value)
	b = strconv.AppendInt(append(b, `,"timestamp":`...), m.Time.UnixMilli(), 10)
	return strconv.AppendInt(append(b, `,"step":`...), m.Step, 10)
}
