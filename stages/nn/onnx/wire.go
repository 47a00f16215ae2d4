package onnx

import (
	"bytes"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is a protobuf message under construction: pieces of bytes, so that the
// weights are not copied into every message around them.
type message struct {
	pieces [][]byte
	size   int
}

func (m *message) append(b []byte) {
	m.pieces = append(m.pieces, b)
	m.size += len(b)
}

// equal reports whether two messages have the same bytes.
func (m *message) equal(other *message) bool {
	return m.size == other.size && bytes.Equal(bytes.Join(m.pieces, nil), bytes.Join(other.pieces, nil))
}

// varint writes a field, and nothing for 0, which is the default of proto3.
func (m *message) varint(field protowire.Number, v int64) {
	if v != 0 {
		m.always(field, v)
	}
}

// always writes a field that has a meaning even when it is 0: a member of a oneof
// or one that a reader asks for.
func (m *message) always(field protowire.Number, v int64) {
	m.append(protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.VarintType), uint64(v)))
}

func (m *message) fixed32(field protowire.Number, bits uint32) {
	m.append(protowire.AppendFixed32(protowire.AppendTag(nil, field, protowire.Fixed32Type), bits))
}

func (m *message) text(field protowire.Number, s string) {
	if s != "" {
		m.bytes(field, []byte(s))
	}
}

// bytes refers to b and does not copy it.
func (m *message) bytes(field protowire.Number, b []byte) {
	m.append(protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.BytesType), uint64(len(b))))
	m.append(b)
}

func (m *message) message(field protowire.Number, inner *message) {
	m.append(protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.BytesType), uint64(inner.size)))
	m.pieces = append(m.pieces, inner.pieces...)
	m.size += inner.size
}

// packed writes a list of whole numbers as one field.
func (m *message) packed(field protowire.Number, list []int64) {
	if len(list) == 0 {
		return
	}
	var b []byte
	for _, v := range list {
		b = protowire.AppendVarint(b, uint64(v))
	}
	m.bytes(field, b)
}
