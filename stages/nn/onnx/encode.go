package onnx

import (
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// maxFile is the largest message that protobuf can hold.
const maxFile = 1<<31 - 1

// Write writes the model as protobuf. Equal models give equal bytes.
func (m *Model) Write(w io.Writer) error {
	if m.Graph == nil {
		return errors.New("onnx: the model has no graph")
	}
	out := m.encode()
	if out.size > maxFile {
		return fmt.Errorf("onnx: the model would have %d bytes; a file holds at most %d", out.size, maxFile)
	}
	for _, b := range out.pieces {
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("onnx: %w", err)
		}
	}
	return nil
}

// The numbers of the fields below are those of onnx.proto.

func (m *Model) encode() *message {
	var out message
	out.varint(1, m.IRVersion)
	out.text(2, m.Producer)
	out.text(3, m.ProducerVersion)
	out.message(7, m.Graph.encode())
	for _, o := range m.Opsets {
		var inner message
		inner.text(1, o.Domain)
		inner.varint(2, o.Version)
		out.message(8, &inner)
	}
	for _, p := range m.Metadata {
		var inner message
		inner.text(1, p.Key)
		inner.text(2, p.Value)
		out.message(14, &inner)
	}
	return &out
}

func (g *Graph) encode() *message {
	var out message
	for _, n := range g.Nodes {
		out.message(1, n.encode())
	}
	out.text(2, g.Name)
	for _, t := range g.Initializers {
		out.message(5, t.encode())
	}
	for _, v := range g.Inputs {
		out.message(11, v.encode())
	}
	for _, v := range g.Outputs {
		out.message(12, v.encode())
	}
	return &out
}

func (n *Node) encode() *message {
	var out message
	for _, name := range n.Inputs {
		out.bytes(1, []byte(name)) // an empty one stands for an input left out
	}
	for _, name := range n.Outputs {
		out.bytes(2, []byte(name))
	}
	out.text(3, n.Name)
	out.text(4, n.Op)
	for _, a := range n.Attributes {
		out.message(5, a.encode())
	}
	out.text(7, n.Domain)
	return &out
}

func (a *Attribute) encode() *message {
	var out message
	out.text(1, a.Name)
	switch a.Type {
	case FloatAttribute:
		out.fixed32(2, math.Float32bits(a.Float))
	case IntAttribute:
		out.always(3, a.Int)
	case StringAttribute:
		out.bytes(4, []byte(a.String))
	case TensorAttribute:
		out.message(5, a.Tensor.encode())
	case FloatsAttribute:
		var b []byte
		for _, v := range a.Floats {
			b = protowire.AppendFixed32(b, math.Float32bits(v))
		}
		out.bytes(7, b)
	case IntsAttribute:
		out.packed(8, a.Ints)
	case TextsAttribute:
		for _, s := range a.Texts {
			out.bytes(9, []byte(s))
		}
	}
	out.varint(20, int64(a.Type))
	return &out
}

func (t *Tensor) encode() *message {
	var out message
	out.packed(1, t.Dims)
	out.varint(2, int64(t.Type))
	out.text(8, t.Name)
	out.bytes(9, t.Raw)
	return &out
}

func (v *ValueInfo) encode() *message {
	var shape message
	for _, d := range v.Dims {
		var dim message
		if d.Param != "" {
			dim.text(2, d.Param)
		} else {
			dim.always(1, d.Size)
		}
		shape.message(1, &dim)
	}
	var tensor, kind, out message
	tensor.varint(1, int64(v.Type))
	tensor.message(2, &shape)
	kind.message(1, &tensor)
	out.text(1, v.Name)
	out.message(2, &kind)
	return &out
}
