package dag

import (
	"encoding/binary"
	"errors"

	"pipe/artifacts"
)

// A memo is written as numbers (uvarints) and texts (their lengths, then their
// bytes): the digest of the variables' values, the variables, the artifacts, the
// count of stages, and of each stage its name, kind, key, sight, log, inputs,
// outputs, metrics and files.

// AppendBinary implements encoding.BinaryAppender.
func (m *Memo) AppendBinary(b []byte) ([]byte, error) {
	number := func(n int) { b = binary.AppendUvarint(b, uint64(n)) }
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	ports := func(list []memoPort) {
		number(len(list))
		for _, p := range list {
			text(p.name)
			number(p.ref)
		}
	}
	b = append(b, m.values[:]...)
	number(len(m.Variables))
	for _, name := range m.Variables {
		text(name)
	}
	number(len(m.refs))
	for _, r := range m.refs {
		text(string(r.Type))
		text(string(r.Digest))
		number(int(r.Size))
		text(r.Format)
		number(int(r.Rows))
	}
	number(len(m.Stages))
	for i := range m.Stages {
		s := &m.Stages[i]
		text(s.Name)
		text(s.Kind)
		text(string(s.Key))
		text(string(s.sight))
		number(len(s.log))
		for _, ref := range s.log {
			number(ref)
		}
		ports(s.in)
		ports(s.out)
		text(s.metrics)
		number(len(s.files))
		for _, f := range s.files {
			text(f.Path)
			text(string(f.Digest))
			number(int(f.Size))
			number(f.Files)
		}
	}
	return b, nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. Whether digests are
// digests is for the store to find out.
func (m *Memo) UnmarshalBinary(b []byte) error {
	r := &memoReader{rest: string(b)}
	copy(m.values[:], r.take(len(m.values)))
	m.Variables = make([]string, r.count(1))
	for i := range m.Variables {
		m.Variables[i] = r.text()
	}
	m.refs = make([]artifacts.Ref, r.count(5)) // each takes at least a byte for each part
	for i := range m.refs {
		m.refs[i] = artifacts.Ref{Type: artifacts.Type(r.text()), Digest: artifacts.Digest(r.text()), Size: int64(r.number()), Format: r.text(), Rows: int64(r.number())}
	}
	ref := func() int {
		n := r.number()
		if n >= uint64(len(m.refs)) {
			r.bad = true
			return 0
		}
		return int(n)
	}
	ports := func() []memoPort {
		list := make([]memoPort, r.count(2))
		for i := range list {
			list[i] = memoPort{name: r.text(), ref: ref()}
		}
		return list
	}
	m.Stages = make([]MemoStage, r.count(9))
	for i := range m.Stages {
		s := &m.Stages[i]
		s.Name, s.Kind, s.Key, s.sight = r.text(), r.text(), artifacts.Key(r.text()), artifacts.Sight(r.text())
		if s.log = make([]int, r.count(1)); len(s.log) > 1 {
			r.bad = true
		}
		for k := range s.log {
			s.log[k] = ref()
		}
		s.in, s.out, s.metrics = ports(), ports(), r.text()
		s.files = make([]artifacts.Fingerprint, r.count(4))
		for k := range s.files {
			s.files[k] = artifacts.Fingerprint{Path: r.text(), Digest: artifacts.Digest(r.text()), Size: int64(r.number()), Files: int(r.number())}
		}
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
