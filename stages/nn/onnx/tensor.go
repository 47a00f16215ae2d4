package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// newTensor returns a tensor of any of the types that this package writes.
func newTensor[T float32 | int64 | bool](name string, dims []int64, data []T) *Tensor {
	t := &Tensor{Name: name, Dims: dims}
	switch data := any(data).(type) {
	case []float32:
		t.Type, t.Raw = Float32, make([]byte, 4*len(data))
		for i, v := range data {
			binary.LittleEndian.PutUint32(t.Raw[4*i:], math.Float32bits(v))
		}
	case []int64:
		t.Type, t.Raw = Int64, make([]byte, 8*len(data))
		for i, v := range data {
			binary.LittleEndian.PutUint64(t.Raw[8*i:], uint64(v))
		}
	case []bool:
		t.Type, t.Raw = Bool, make([]byte, len(data))
		for i, v := range data {
			if v {
				t.Raw[i] = 1
			}
		}
	}
	return t
}

// Floats returns the elements of a tensor of type Float32.
func (t *Tensor) Floats() ([]float32, error) {
	if t.Type != Float32 {
		return nil, fmt.Errorf("tensor %q has data type %d, want %d (float32)", t.Name, t.Type, Float32)
	}
	data := make([]float32, len(t.Raw)/4)
	for i := range data {
		data[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Raw[4*i:]))
	}
	return data, nil
}

// Ints returns the elements of a tensor of type Int64.
func (t *Tensor) Ints() ([]int64, error) {
	if t.Type != Int64 {
		return nil, fmt.Errorf("tensor %q has data type %d, want %d (int64)", t.Name, t.Type, Int64)
	}
	data := make([]int64, len(t.Raw)/8)
	for i := range data {
		data[i] = int64(binary.LittleEndian.Uint64(t.Raw[8*i:]))
	}
	return data, nil
}

// decodeTensor reads a TensorProto, whose elements may be raw or in a field of
// their type.
func decodeTensor(data []byte) (*Tensor, error) {
	t := &Tensor{}
	var kind, location int64
	var typed []byte
	err := fields(data, func(v field) error {
		var b []byte
		var err error
		switch v.number {
		case 1:
			return v.ints(&t.Dims)
		case 2:
			return v.int(&kind)
		case 4: // float_data
			b, err = v.fixed(4)
		case 5, 7: // int32_data, also of smaller types; int64_data
			var list []int64
			err = v.ints(&list)
			b = narrow(list, DataType(kind))
		case 8:
			return v.text(&t.Name)
		case 9:
			t.Raw = v.bytes
			return v.want(protowire.BytesType)
		case 10: // double_data
			b, err = v.fixed(8)
		case 14:
			return v.int(&location)
		}
		typed = append(typed, b...)
		return err
	})
	t.Type = DataType(kind)
	if err == nil && location != 0 {
		err = errors.New("its elements are in another file, which is not read")
	}
	if t.Raw == nil {
		t.Raw = typed
	}
	if err == nil {
		err = t.check()
	}
	if err != nil {
		return t, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return t, nil
}

// narrow writes whole numbers as elements of a type.
func narrow(list []int64, kind DataType) []byte {
	var b []byte
	for _, v := range list {
		switch kind.size() {
		case 1:
			b = append(b, byte(v))
		case 2:
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		case 4:
			b = binary.LittleEndian.AppendUint32(b, uint32(v))
		case 8:
			b = binary.LittleEndian.AppendUint64(b, uint64(v))
		}
	}
	return b
}

// check compares the dimensions with the bytes that are there.
func (t *Tensor) check() error {
	size := int64(t.Type.size())
	if size == 0 {
		return fmt.Errorf("data type %d is unknown", t.Type)
	}
	for _, d := range t.Dims {
		switch {
		case d < 0:
			return fmt.Errorf("shape %v has a negative dimension", t.Dims)
		case d > 0 && size > maxFile/d:
			return fmt.Errorf("shape %v is larger than any file", t.Dims)
		}
		size *= d
	}
	if size != int64(len(t.Raw)) {
		return fmt.Errorf("shape %v needs %d bytes, there are %d", t.Dims, size, len(t.Raw))
	}
	return nil
}
