package artifacts

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// scanRecord reads the JSON line of a record.
func scanRecord(line string) (*Record, error) {
	s := &scanner{rest: line, total: len(line)}
	r := &Record{Outputs: make(map[string]Ref)}
	s.expect(`{"version":`)
	r.Version = int(s.number())
	s.expect(`,"key":`)
	r.Key = Key(s.text())
	s.expect(`,"kind":`)
	r.Kind = s.text()
	s.expect(`,"outputs":{`)
	for !s.bad && !s.take(`}`) {
		if len(r.Outputs) > 0 {
			s.expect(`,`)
		}
		port := s.text()
		s.expect(`:`)
		r.Outputs[port] = s.ref()
	}
	if s.take(`,"log":`) {
		ref := s.ref()
		r.Log = &ref
	}
	s.expect(`,"started":`)
	r.Started = s.time()
	s.expect(`,"finished":`)
	r.Finished = s.time()
	s.expect(`}`)
	if s.bad || s.rest != "" {
		return nil, fmt.Errorf("record: its line is not in the canonical form at byte %d", s.total-len(s.rest))
	}
	return r, nil
}

// scanner reads JSON of a known form. The first thing that is not as it should
// be makes it bad, and everything after that is ignored.
type scanner struct {
	rest  string
	total int
	bad   bool
}

func (s *scanner) take(literal string) bool {
	rest, ok := strings.CutPrefix(s.rest, literal)
	if ok {
		s.rest = rest
	}
	return ok
}

func (s *scanner) expect(literal string) {
	if !s.take(literal) {
		s.bad = true
	}
}

func (s *scanner) number() int64 {
	end := 0
	for end < len(s.rest) && (s.rest[end] >= '0' && s.rest[end] <= '9' || s.rest[end] == '-') {
		end++
	}
	n, err := strconv.ParseInt(s.rest[:end], 10, 64)
	if err != nil {
		s.bad = true
		return 0
	}
	s.rest = s.rest[end:]
	return n
}

// text reads a string. Only one with an escape is left to encoding/json.
func (s *scanner) text() string {
	s.expect(`"`)
	for i := range len(s.rest) {
		switch s.rest[i] {
		case '"':
			text := s.rest[:i]
			s.rest = s.rest[i+1:]
			return text
		case '\\':
			return s.escaped()
		}
	}
	s.bad = true
	return ""
}

func (s *scanner) escaped() string {
	for i := 0; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '\\':
			i++
		case '"':
			var text string
			if json.Unmarshal([]byte(`"`+s.rest[:i+1]), &text) != nil {
				s.bad = true
			}
			s.rest = s.rest[i+1:]
			return text
		}
	}
	s.bad = true
	return ""
}

func (s *scanner) time() time.Time {
	t, err := time.Parse(time.RFC3339Nano, s.text())
	if err != nil || t.Location() != time.UTC {
		s.bad = true
	}
	return t
}

func (s *scanner) ref() Ref {
	var r Ref
	s.expect(`{"type":`)
	r.Type = Type(s.text())
	s.expect(`,"digest":`)
	r.Digest = Digest(s.text())
	s.expect(`,"size":`)
	r.Size = s.number()
	if s.take(`,"format":`) {
		r.Format = s.text()
	}
	if s.take(`,"rows":`) {
		r.Rows = s.number()
	}
	s.expect(`}`)
	return r
}
