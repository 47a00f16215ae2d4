package filter

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Kind is what a name in a filter belongs to.
type Kind string

// The kinds of names.
const (
	Attribute Kind = "attribute"
	Metric    Kind = "metric"
	Param     Kind = "parameter"
	Tag       Kind = "tag"
	Dataset   Kind = "dataset"
)

// spellings are the prefixes of each kind.
var spellings = map[string]Kind{
	"attribute": Attribute, "attributes": Attribute, "attr": Attribute, "run": Attribute,
	"metric": Metric, "metrics": Metric,
	"parameter": Param, "parameters": Param, "param": Param, "params": Param,
	"tag": Tag, "tags": Tag,
	"dataset": Dataset, "datasets": Dataset,
}

// Field is a name that may be compared or sorted by.
type Field struct {
	Kind Kind
	Name string
}

// String spells the field as it is written in a filter.
func (f Field) String() string { return fmt.Sprintf("%s.`%s`", f.Kind, f.Name) }

// Grammar says which names a filter over some entity may use.
type Grammar struct {
	// Attributes are the names of its own columns, by every spelling.
	Attributes map[string]Attr
	// Kinds are what its entities have besides attributes.
	Kinds []Kind
	// Datasets are the names after "dataset.".
	Datasets []string
}

// Attr is a column: its proper name, and whether it is a number.
type Attr struct {
	Name    string
	Numeric bool
}

// numeric reports whether a field holds numbers.
func (g *Grammar) numeric(f Field) bool {
	if f.Kind == Metric {
		return true
	}
	if f.Kind == Attribute {
		for _, a := range g.Attributes {
			if a.Name == f.Name {
				return a.Numeric
			}
		}
	}
	return false
}

// field finds the meaning of a name as it was written, "prefix.key" or
// "attribute". Quoted says that the key was in quotes or backticks.
func (g *Grammar) field(prefix, key string) (Field, error) {
	if prefix == "" {
		prefix = "attribute"
	}
	kind, ok := spellings[prefix]
	if !ok || kind != Attribute && !slices.Contains(g.Kinds, kind) {
		return Field{}, fmt.Errorf("invalid entity type %q, there are %s", prefix, g.kinds())
	}
	switch kind {
	case Attribute:
		a, ok := g.Attributes[key]
		if !ok {
			return Field{}, fmt.Errorf("invalid attribute key %q, there are %s", key, g.names())
		}
		key = a.Name
	case Dataset:
		if !slices.Contains(g.Datasets, key) {
			return Field{}, fmt.Errorf("invalid dataset key %q, there are %s", key, strings.Join(g.Datasets, ", "))
		}
	default:
		if key == "" {
			return Field{}, fmt.Errorf("after %q. comes a name", prefix)
		}
	}
	return Field{kind, key}, nil
}

func (g *Grammar) kinds() string {
	all := []string{string(Attribute)}
	for _, k := range g.Kinds {
		all = append(all, string(k))
	}
	return strings.Join(all, ", ")
}

func (g *Grammar) names() string {
	return strings.Join(slices.Sorted(maps.Keys(g.Attributes)), ", ")
}
