package registry

import (
	"maps"
	"slices"
)

// Pair is a parameter or a tag. Lists of pairs come out of the registry
// sorted by key.
type Pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Pairs gives a map's entries as pairs, sorted by key.
func Pairs(m map[string]string) []Pair {
	list := make([]Pair, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, Pair{k, m[k]})
	}
	return list
}

// Value returns the value of a key in a list of pairs, and whether it is
// there.
func Value(list []Pair, key string) (string, bool) {
	for _, p := range list {
		if p.Key == key {
			return p.Value, true
		}
	}
	return "", false
}
