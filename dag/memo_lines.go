package dag

import "time"

// write gives a journal the lines of all stages, as Journal.Event would write
// them for Events, without making the events: they were all found at once.
func (m *Memo) write(j *Journal, run string, found time.Time) {
	head := appendString(append(found.AppendFormat([]byte(`{"time":"`), time.RFC3339Nano), `","type":`...), string(StageCached))
	if run != "" {
		head = appendString(append(head, `,"run":`...), run)
	}
	for i := range m.Stages {
		if j.err != nil {
			return
		}
		line, err := m.appendLine(append(j.line[:0], head...), &m.Stages[i])
		j.write(line, err)
	}
}

// appendLine writes what comes behind the run in the event of a stage.
func (m *Memo) appendLine(b []byte, s *MemoStage) ([]byte, error) {
	b = appendString(append(b, `,"stage":`...), s.Name)
	b = appendString(append(b, `,"kind":`...), s.Kind)
	b = appendString(append(b, `,"key":`...), string(s.Key))
	b = m.appendPorts(b, `,"inputs":{`, s.in)
	b = m.appendPorts(b, `,"outputs":{`, s.out)
	if len(s.files) > 0 {
		var err error
		if b, err = appendAny(append(b, `,"externals":`...), s.files); err != nil {
			return b, err
		}
	}
	b = append(b, `,"replayed":true`...)
	if s.metrics != "" {
		b = append(append(b, `,"metrics":`...), s.metrics...)
	}
	return append(b, '}'), nil
}

func (m *Memo) appendPorts(b []byte, name string, list []memoPort) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(b, name...)
	for i, p := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendRef(append(appendString(b, p.name), ':'), m.refs[p.ref])
	}
	return append(b, '}')
}
