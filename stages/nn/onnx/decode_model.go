package onnx

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The numbers of the fields below are those of onnx.proto; other fields are
// passed over.

func decodeModel(data []byte) (*Model, error) {
	m := &Model{}
	var opsets []*Opset
	var metadata []*Property
	err := fields(data, func(v field) (err error) {
		switch v.number {
		case 1:
			return v.int(&m.IRVersion)
		case 2:
			return v.text(&m.Producer)
		case 3:
			return v.text(&m.ProducerVersion)
		case 7:
			if err := v.want(protowire.BytesType); err != nil {
				return err
			}
			m.Graph, err = decodeGraph(v.bytes)
			return err
		case 8:
			return inner(v, &opsets, decodeOpset)
		case 14:
			return inner(v, &metadata, decodeProperty)
		}
		return nil
	})
	for _, o := range opsets {
		if o != nil {
			m.Opsets = append(m.Opsets, *o)
		}
	}
	for _, p := range metadata {
		if p != nil {
			m.Metadata = append(m.Metadata, *p)
		}
	}
	return m, err
}

func decodeOpset(data []byte) (*Opset, error) {
	o := &Opset{}
	return o, fields(data, func(v field) error {
		switch v.number {
		case 1:
			return v.text(&o.Domain)
		case 2:
			return v.int(&o.Version)
		}
		return nil
	})
}

func decodeProperty(data []byte) (*Property, error) {
	p := &Property{}
	return p, fields(data, func(v field) error {
		switch v.number {
		case 1:
			return v.text(&p.Key)
		case 2:
			return v.text(&p.Value)
		}
		return nil
	})
}

func decodeGraph(data []byte) (*Graph, error) {
	g := &Graph{}
	return g, fields(data, func(v field) error {
		switch v.number {
		case 1:
			return inner(v, &g.Nodes, decodeNode)
		case 2:
			return v.text(&g.Name)
		case 5:
			return inner(v, &g.Initializers, decodeTensor)
		case 11:
			return inner(v, &g.Inputs, decodeValueInfo)
		case 12:
			return inner(v, &g.Outputs, decodeValueInfo)
		}
		return nil
	})
}

func decodeNode(data []byte) (*Node, error) {
	n := &Node{}
	err := fields(data, func(v field) error {
		switch v.number {
		case 1:
			return v.texts(&n.Inputs)
		case 2:
			return v.texts(&n.Outputs)
		case 3:
			return v.text(&n.Name)
		case 4:
			return v.text(&n.Op)
		case 5:
			return inner(v, &n.Attributes, decodeAttribute)
		case 7:
			return v.text(&n.Domain)
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("node %q (%s): %w", n.Name, n.Op, err)
	}
	return n, err
}

func (v field) texts(list *[]string) error {
	*list = append(*list, string(v.bytes))
	return v.want(protowire.BytesType)
}

func decodeAttribute(data []byte) (*Attribute, error) {
	a := &Attribute{}
	var kind int64
	err := fields(data, func(v field) (err error) {
		switch v.number {
		case 1:
			return v.text(&a.Name)
		case 2:
			a.Float = math.Float32frombits(uint32(v.varint))
			return v.want(protowire.Fixed32Type)
		case 3:
			return v.int(&a.Int)
		case 4:
			return v.text(&a.String)
		case 5:
			if err := v.want(protowire.BytesType); err != nil {
				return err
			}
			a.Tensor, err = decodeTensor(v.bytes)
			return err
		case 7:
			return v.floats(&a.Floats)
		case 8:
			return v.ints(&a.Ints)
		case 9:
			return v.texts(&a.Texts)
		case 20:
			return v.int(&kind)
		}
		return nil
	})
	a.Type = AttributeType(kind)
	switch {
	case err == nil && (kind < 0 || kind > 1<<15):
		err = fmt.Errorf("type %d is unknown", kind)
	case err == nil && a.Type == TensorAttribute && a.Tensor == nil:
		err = errors.New("has no tensor")
	}
	if err != nil {
		err = fmt.Errorf("attribute %q: %w", a.Name, err)
	}
	return a, err
}

func decodeValueInfo(data []byte) (*ValueInfo, error) {
	info := &ValueInfo{}
	// The tensor type lies in TypeProto (1), the shape in that (2), and the
	// dimensions in the shape (1).
	err := fields(data, func(v field) error {
		switch v.number {
		case 1:
			return v.text(&info.Name)
		case 2:
			return within(v, 1, func(v field) error { return fields(v.bytes, info.decodeTensorType) })
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("value %q: %w", info.Name, err)
	}
	return info, err
}

// within calls f with every message of the given number inside a message.
func within(v field, number protowire.Number, f func(field) error) error {
	if err := v.want(protowire.BytesType); err != nil {
		return err
	}
	return fields(v.bytes, func(v field) error {
		if v.number != number {
			return nil
		}
		if err := v.want(protowire.BytesType); err != nil {
			return err
		}
		return f(v)
	})
}

func (info *ValueInfo) decodeTensorType(v field) error {
	switch v.number {
	case 1:
		var kind int64
		err := v.int(&kind)
		info.Type = DataType(kind)
		return err
	case 2:
		return within(v, 1, func(v field) error {
			var d Dim
			err := fields(v.bytes, func(v field) error {
				switch v.number {
				case 1:
					return v.int(&d.Size)
				case 2:
					return v.text(&d.Param)
				}
				return nil
			})
			if err == nil && d.Size < 0 {
				err = fmt.Errorf("dimension %d is negative: %d", len(info.Dims), d.Size)
			}
			info.Dims = append(info.Dims, d)
			return err
		})
	}
	return nil
}
