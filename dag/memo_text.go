package dag

import (
	"encoding/binary"
	"errors"

	"pipe/artifacts"
)

// A memo is written as numbers (uvarints) and texts (their lengths, then their
// bytes): the sum, the variables, the count of stages, and of each stage its name, kind, key,
// inputs and files.

// AppendBinary implements encoding.BinaryAppender.
func (m *Memo) AppendBinary(b []byte) ([]byte, error) {
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	number := func(n int) { b = binary.AppendUvarint(b, uint64(n)) }
	texts := func(list []string) {
		number(len(list))
		for _, s := range list {
			text(s)
		}
	}
	b = append(b, m.sum[:]...)
	texts(m.Variables)
	number(len(m.Stages))
	for i := range m.Stages {
		s := &m.Stages[i]
		text(s.Name)
		text(s.Kind)
		text(string(s.Key))
		number(len(s.In))
		for _, e := range s.In {
			text(e.Port)
			number(e.From)
			text(e.FromPort)
		}
		texts(s.Files)
	}
	return b, nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (m *Memo) UnmarshalBinary(b []byte) error {
	r := &memoReader{rest: string(b)}
	copy(m.sum[:], r.take(len(m.sum)))
	m.Variables = r.texts()
	m.Stages = make([]MemoStage, r.count(5)) // of each stage at least a byte for each part
	for i := range m.Stages {
		s := &m.Stages[i]
		s.Name, s.Kind, s.Key = r.text(), r.text(), artifacts.Key(r.text())
		s.In = make([]memoEdge, r.count(3))
		for k := range s.In {
			s.In[k] = memoEdge{Port: r.text(), From: int(r.number()), FromPort: r.text()}
			if s.In[k].From < 0 || s.In[k].From >= i {
				r.bad = true
			}
		}
		s.Files = r.texts()
		if r.bad {
			break
		}
	}
	if r.bad || r.rest != "" {
		return errors.New("memo: it is not in its form")
	}
	return nil
}

// memoReader reads numbers and texts. The first thing that is not as it should
// be makes it bad, and everything after that is empty.
type memoReader struct {
	rest string
	bad  bool
}

func (r *memoReader) take(n int) string {
	if r.bad || n < 0 || n > len(r.rest) {
		r.bad = true
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *memoReader) number() uint64 {
	var n uint64
	for shift := 0; shift < 63; shift += 7 {
		s := r.take(1)
		if r.bad {
			return 0
		}
		n |= uint64(s[0]&0x7f) << shift
		if s[0] < 0x80 {
			return n
		}
	}
	r.bad = true
	return 0
}

// count reads how many things follow that take at least some bytes each, so
// that no number makes room for more than there can be.
func (r *memoReader) count(least int) int {
	n := r.number()
	if n > uint64(len(r.rest)/least) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *memoReader) text() string { return r.take(r.count(1)) }

func (r *memoReader) texts() []string {
	list := make([]string, r.count(1))
	for i := range list {
		list[i] = r.text()
	}
	return list
}
