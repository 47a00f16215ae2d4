package nn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// architectureFormat is the version of what MarshalJSON writes.
const architectureFormat = "pipe.network/1"

type architecture struct {
	Format  string            `json:"format"`
	Input   Input             `json:"input"`
	Context Context           `json:"context"`
	Layers  []json.RawMessage `json:"layers"`
}

// MarshalJSON writes the architecture, without the weights: the input, the
// context, and each layer as {"kind": {every field by its yaml name}}.
func (n *Network) MarshalJSON() ([]byte, error) {
	a := architecture{Format: architectureFormat, Input: n.Input, Context: n.Context}
	for _, l := range n.Layers {
		data, err := marshalKind(LayerKind(l), l)
		if err != nil {
			return nil, err
		}
		a.Layers = append(a.Layers, data)
	}
	return json.Marshal(a)
}

// ParseNetwork reads what MarshalJSON wrote and returns the network without its
// weights, which ReadWeights must bring before it is used. It allocates nothing of
// the size that the network claims to have.
func ParseNetwork(data []byte) (*Network, error) {
	var a architecture
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&a); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	if a.Format != architectureFormat {
		return nil, fmt.Errorf("network: format is %q, want %q", a.Format, architectureFormat)
	}
	var stack []Layer
	for i, raw := range a.Layers {
		l, err := unmarshalKind(raw, NewLayer)
		if err != nil {
			return nil, fmt.Errorf("network: layer %d: %w", i+1, err)
		}
		stack = append(stack, l)
	}
	n, err := build(a.Input, a.Context, stack, nil)
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	return n, nil
}

// marshalKind writes {"kind": {…}} with the fields in the order of the struct.
func marshalKind(kind string, v any) (json.RawMessage, error) {
	var out bytes.Buffer
	name, err := json.Marshal(kind)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&out, "{%s:{", name)
	first := true
	for _, f := range configFields(reflect.ValueOf(v).Elem()) {
		value, err := json.Marshal(f.value.Interface())
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", kind, f.name, err)
		}
		if !first {
			out.WriteByte(',')
		}
		first = false
		fmt.Fprintf(&out, "%q:%s", f.name, value)
	}
	out.WriteString("}}")
	return out.Bytes(), nil
}

// unmarshalKind reads what marshalKind wrote.
func unmarshalKind[T any](raw json.RawMessage, create func(string) (T, error)) (T, error) {
	var none T
	var kinds map[string]map[string]json.RawMessage
	if err := json.Unmarshal(raw, &kinds); err != nil {
		return none, err
	}
	if len(kinds) != 1 {
		return none, errors.New("must be an object with one key, the kind")
	}
	for kind, given := range kinds {
		v, err := create(kind)
		if err != nil {
			return none, err
		}
		for _, f := range configFields(reflect.ValueOf(v).Elem()) {
			if data, ok := given[f.name]; ok {
				if f.value.Kind() == reflect.Slice && f.value.Type() != reflect.TypeFor[[]byte]() && data[0] != '[' && data[0] != 'n' {
					data = slices.Concat([]byte("["), data, []byte("]")) // one number for a list, as pipelines write it
				}
				if err := json.Unmarshal(data, f.value.Addr().Interface()); err != nil {
					return none, fmt.Errorf("%s.%s: %w", kind, f.name, err)
				}
				delete(given, f.name)
			}
		}
		if len(given) > 0 {
			return none, fmt.Errorf("%s has no field %q", kind, firstKey(given))
		}
		return v, nil
	}
	return none, nil
}

func firstKey(m map[string]json.RawMessage) string {
	first := ""
	for k := range m {
		if first == "" || k < first {
			first = k
		}
	}
	return first
}

type configField struct {
	name  string
	value reflect.Value
}

// configFields lists the fields with a yaml name, those of inlined structs
// included.
func configFields(v reflect.Value) []configField {
	var fields []configField
	for i := range v.NumField() {
		switch tag := v.Type().Field(i).Tag.Get("yaml"); tag {
		case "", "-":
		case ",inline":
			fields = append(fields, configFields(v.Field(i))...)
		default:
			fields = append(fields, configField{tag, v.Field(i)})
		}
	}
	return fields
}
