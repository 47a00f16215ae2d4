package onnx

import (
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Read reads a model of size bytes. What it allocates is bounded by what the file
// really holds, whatever it claims.
func Read(r io.ReaderAt, size int64) (*Model, error) {
	if size > maxFile {
		return nil, fmt.Errorf("onnx: the file has %d bytes; a model has at most %d", size, maxFile)
	}
	data, err := io.ReadAll(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	m, err := decodeModel(data)
	// All writers begin with the version of the format: field 1, a number.
	begins := len(data) > 1 && data[0] == 1<<3|byte(protowire.VarintType) && data[1] > 0 && data[1] < 64
	switch {
	case len(data) == 0:
		return nil, errors.New("onnx: the file is empty")
	case err != nil && !begins:
		return nil, fmt.Errorf("onnx: it is no ONNX file (%w)", err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("onnx: the file is cut short or damaged (%w)", err)
	case err != nil:
		return nil, fmt.Errorf("onnx: %w", err)
	case m.Graph == nil && m.IRVersion == 0:
		return nil, errors.New("onnx: it is no ONNX file: it has neither a version nor a graph")
	case m.Graph == nil:
		return nil, errors.New("onnx: the model has no graph; is the file cut short?")
	}
	return m, nil
}

// field is one field of a message: a number, or bytes that belong to the file.
type field struct {
	number protowire.Number
	kind   protowire.Type
	varint uint64 // of a number, also one of fixed size
	bytes  []byte
}

// fields calls f with the fields of a message.
func fields(data []byte, f func(field) error) error {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		v := field{number: number, kind: kind}
		switch kind {
		case protowire.VarintType:
			v.varint, n = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			var bits uint32
			bits, n = protowire.ConsumeFixed32(data)
			v.varint = uint64(bits)
		case protowire.Fixed64Type:
			v.varint, n = protowire.ConsumeFixed64(data)
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(data)
		default:
			n = protowire.ConsumeFieldValue(number, kind, data)
		}
		if n < 0 {
			return fmt.Errorf("field %d: %w", number, protowire.ParseError(n))
		}
		data = data[n:]
		if err := f(v); err != nil {
			return err
		}
	}
	return nil
}

// want says that a field is not of the type that onnx.proto gives it.
func (v field) want(kind protowire.Type) error {
	if v.kind != kind {
		return fmt.Errorf("field %d has wire type %d, want %d", v.number, v.kind, kind)
	}
	return nil
}

func (v field) text(s *string) error {
	*s = string(v.bytes)
	return v.want(protowire.BytesType)
}

func (v field) int(i *int64) error {
	*i = int64(v.varint)
	return v.want(protowire.VarintType)
}

// ints appends one number, or a packed list of them.
func (v field) ints(list *[]int64) error {
	if v.kind == protowire.VarintType {
		*list = append(*list, int64(v.varint))
		return nil
	}
	for b := v.bytes; len(b) > 0; {
		u, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return fmt.Errorf("field %d: %w", v.number, protowire.ParseError(n))
		}
		*list, b = append(*list, int64(u)), b[n:]
	}
	return v.want(protowire.BytesType)
}

// fixed returns a number of width bytes, or a packed list of them, as bytes.
func (v field) fixed(width int) ([]byte, error) {
	switch {
	case width == 4 && v.kind == protowire.Fixed32Type:
		return protowire.AppendFixed32(nil, uint32(v.varint)), nil
	case width == 8 && v.kind == protowire.Fixed64Type:
		return protowire.AppendFixed64(nil, v.varint), nil
	case v.kind != protowire.BytesType:
		return nil, v.want(protowire.BytesType)
	case len(v.bytes)%width != 0:
		return nil, fmt.Errorf("field %d has %d bytes, which is no multiple of %d", v.number, len(v.bytes), width)
	}
	return v.bytes, nil
}

func (v field) floats(list *[]float32) error {
	b, err := v.fixed(4)
	for ; len(b) >= 4; b = b[4:] {
		bits, _ := protowire.ConsumeFixed32(b)
		*list = append(*list, math.Float32frombits(bits))
	}
	return err
}

// inner decodes a message into a new element of list.
func inner[T any](v field, list *[]*T, decode func([]byte) (*T, error)) error {
	if err := v.want(protowire.BytesType); err != nil {
		return err
	}
	t, err := decode(v.bytes)
	*list = append(*list, t)
	return err
}
