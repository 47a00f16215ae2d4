package dag

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strconv"
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
	Labels    map[string][][]Label          `json:"labels,omitempty"` // of a Labelled kind's inputs
	Externals []ExternalFile                `json:"externals,omitempty"`
	Outside   string                        `json:"outside,omitempty"`   // what a Versioned kind says
	Variables map[string]string             `json:"variables,omitempty"` // of the environment
	Secrets   map[string]string             `json:"secrets,omitempty"`   // salted fingerprints by name
}

// ExternalFile is a file outside the store as a key sees it.
type ExternalFile struct {
	Field  string           `json:"field,omitempty"` // of the configuration, or the name of a file that the kind found itself
	Suffix string           `json:"suffix,omitempty"`
	Digest artifacts.Digest `json:"digest"`
}

// Key hashes the description.
func (d *Description) Key() (artifacts.Key, json.RawMessage, error) {
	b, err := d.appendJSON(make([]byte, 0, 512)) // struct order is fixed and maps are sorted
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
	return appendCanonical(make([]byte, 0, 256), reflect.ValueOf(k))
}

var (
	pathType  = reflect.TypeFor[Path]()
	pathsType = reflect.TypeFor[[]Path]()
)

func appendCanonical(b []byte, v reflect.Value) ([]byte, error) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return append(b, "null"...), nil
		}
		if m, ok := v.Interface().(json.Marshaler); ok {
			return appendAny(b, m)
		}
		v = v.Elem()
	}
	if v.Type().Implements(marshalerType) {
		return appendAny(b, v.Interface())
	}
	switch v.Kind() {
	case reflect.Struct:
		return appendCanonicalStruct(b, v)
	case reflect.Slice, reflect.Array:
		return appendCanonicalList(b, v)
	case reflect.Map:
		return appendCanonicalMap(b, v)
	case reflect.String:
		return appendString(b, v.String()), nil
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10), nil
	}
	return appendAny(b, v.Interface())
}

var marshalerType = reflect.TypeFor[json.Marshaler]()

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

func appendCanonicalStruct(b []byte, v reflect.Value) (_ []byte, err error) {
	b = append(b, '{')
	first := true
	for _, f := range sortedFields(v.Type()) {
		fv := v.FieldByIndex(f.Index)
		if f.Type == pathType || f.Type == pathsType || fv.IsZero() {
			continue
		}
		if b, err = appendMember(b, first, f.Name, fv); err != nil {
			return nil, err
		}
		first = false
	}
	return append(b, '}'), nil
}

func appendMember(b []byte, first bool, name string, v reflect.Value) ([]byte, error) {
	if !first {
		b = append(b, ',')
	}
	return appendCanonical(append(appendString(b, name), ':'), v)
}

func appendCanonicalList(b []byte, v reflect.Value) (_ []byte, err error) {
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendCanonical(b, v.Index(i)); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func appendCanonicalMap(b []byte, v reflect.Value) (_ []byte, err error) {
	keys := v.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
	b = append(b, '{')
	for i, k := range keys {
		if b, err = appendMember(b, i == 0, k.String(), v.MapIndex(k)); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
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
