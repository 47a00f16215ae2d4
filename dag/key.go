package dag

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
	"sync"

	"pipe/artifacts"
	"pipe/dag/text"
)

// keyFormat is the version of the description that a key hashes.
const keyFormat = 1

// Description is everything that a stage's outputs may depend on. Its
// canonical JSON is hashed into the key and kept with the outputs, so that
// two of them tell why a stage ran again. Names of stages and places of files
// are not in it: renaming a stage or moving a file keeps the cache.
type Description struct {
	Format    int                           `json:"format"`
	Kind      string                        `json:"kind"`
	Version   int                           `json:"version"`
	Config    json.RawMessage               `json:"config"`
	Seed      *uint64                       `json:"seed,omitempty"`
	Inputs    map[string][]artifacts.Digest `json:"inputs,omitempty"`
	Externals []ExternalFile                `json:"externals,omitempty"`
	Variables map[string]string             `json:"variables,omitempty"` // of the environment
}

// ExternalFile is a file outside the store as a key sees it.
type ExternalFile struct {
	Field  string           `json:"field,omitempty"` // of the configuration, or the name of a file that the kind found itself
	Suffix string           `json:"suffix,omitempty"`
	Digest artifacts.Digest `json:"digest"`
}

// Key hashes the description.
func (d *Description) Key() (artifacts.Key, json.RawMessage, error) {
	b, err := json.Marshal(d) // struct order is fixed and maps are sorted
	if err != nil {
		return "", nil, fmt.Errorf("describe a stage for its key: %w", err)
	}
	sum := sha256.Sum256(b)
	return artifacts.Key(hex.EncodeToString(sum[:])), b, nil
}

// suffix is what a file's name says of its format: all that follows the first
// dot of its last element.
func suffix(path string) string {
	base := path[strings.LastIndexByte(path, '/')+1:]
	if i := strings.IndexByte(base, '.'); i > 0 {
		return strings.ToLower(base[i:])
	}
	return ""
}

// canonicalConfig writes a configuration as JSON with the YAML keys, sorted,
// without values that are zero (so that a kind may gain a field without losing
// every cache) and without the places of files.
func canonicalConfig(k Kind) (json.RawMessage, error) {
	return canonical(reflect.ValueOf(k))
}

var (
	pathType  = reflect.TypeFor[Path]()
	pathsType = reflect.TypeFor[[]Path]()
)

func canonical(v reflect.Value) (json.RawMessage, error) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return json.RawMessage("null"), nil
		}
		if m, ok := v.Interface().(json.Marshaler); ok {
			return m.MarshalJSON()
		}
		v = v.Elem()
	}
	if m, ok := v.Interface().(json.Marshaler); ok {
		return m.MarshalJSON()
	}
	switch v.Kind() {
	case reflect.Struct:
		return canonicalStruct(v)
	case reflect.Slice, reflect.Array:
		return canonicalList(v)
	case reflect.Map:
		return canonicalMap(v)
	}
	return json.Marshal(v.Interface())
}

// byName keeps the sorted fields of a reflect.Type: a pipeline has thousands of
// stages of a few kinds.
var byName sync.Map

func sortedFields(t reflect.Type) []text.Field {
	if fields, ok := byName.Load(t); ok {
		return fields.([]text.Field)
	}
	fields := slices.Clone(text.Fields(t))
	sort.Slice(fields, func(i, j int) bool { return fields[i].Name < fields[j].Name })
	byName.Store(t, fields)
	return fields
}

func canonicalStruct(v reflect.Value) (json.RawMessage, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for _, f := range sortedFields(v.Type()) {
		fv := v.FieldByIndex(f.Index)
		if f.Type == pathType || f.Type == pathsType || fv.IsZero() {
			continue
		}
		if err := writeMember(&b, f.Name, fv); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func writeMember(b *bytes.Buffer, name string, v reflect.Value) error {
	if b.Len() > 1 {
		b.WriteByte(',')
	}
	key, err := json.Marshal(name)
	if err != nil {
		return err
	}
	val, err := canonical(v)
	if err != nil {
		return err
	}
	b.Write(key)
	b.WriteByte(':')
	b.Write(val)
	return nil
}

func canonicalList(v reflect.Value) (json.RawMessage, error) {
	var b bytes.Buffer
	b.WriteByte('[')
	for i := range v.Len() {
		if i > 0 {
			b.WriteByte(',')
		}
		e, err := canonical(v.Index(i))
		if err != nil {
			return nil, err
		}
		b.Write(e)
	}
	b.WriteByte(']')
	return b.Bytes(), nil
}

func canonicalMap(v reflect.Value) (json.RawMessage, error) {
	keys := v.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
	var b bytes.Buffer
	b.WriteByte('{')
	for _, k := range keys {
		if err := writeMember(&b, k.String(), v.MapIndex(k)); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// paths lists the fields of type Path and []Path that are set, by name.
func paths(k Kind) (fields []string, values []string) {
	v := reflect.ValueOf(k)
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return nil, nil
	}
	add := func(name, path string) {
		if path != "" {
			fields, values = append(fields, name), append(values, path)
		}
	}
	for _, f := range text.Fields(v.Type()) {
		switch fv := v.FieldByIndex(f.Index); f.Type {
		case pathType:
			add(f.Name, fv.String())
		case pathsType:
			for _, p := range fv.Interface().([]Path) {
				add(f.Name, string(p))
			}
		}
	}
	return fields, values
}
