package inference

import (
	"bytes"
	"encoding/json"
)

// fewKeys is up to how many keys of an object are compared with each other; more are
// put into a map.
const fewKeys = 16

// openObject is an object or a list that is being read.
type openObject struct {
	list  bool // it is a list, which has no keys
	key   bool // a key comes next
	first int  // of its keys
	many  map[string]bool
}

// twice finds a key that an object has twice, in JSON that is known to be valid; the
// decoder would take the last value in silence. at is where the second one stands, or -1.
func twice(b []byte) (name string, at int) {
	var open []openObject
	var keys [][]byte
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '{', '[':
			open = append(open, openObject{list: c == '[', key: c == '{', first: len(keys)})
		case '}', ']':
			last := len(open) - 1
			keys, open = keys[:open[last].first], open[:last]
		case ',':
			o := &open[len(open)-1]
			o.key = !o.list
		case '"':
			begin := i
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if len(open) == 0 || !open[len(open)-1].key {
				continue
			}
			o := &open[len(open)-1]
			o.key = false
			key := b[begin+1 : i]
			if bytes.IndexByte(key, '\\') >= 0 {
				var s string
				_ = json.Unmarshal(b[begin:i+1], &s) // it is valid
				key = []byte(s)
			}
			if o.has(keys[o.first:], key) {
				return string(key), begin
			}
			keys = append(keys, key)
		}
	}
	return "", -1
}

// has tells whether a key is among those of the object, and remembers it where they
// are many.
func (o *openObject) has(keys [][]byte, key []byte) bool {
	if len(keys) < fewKeys {
		for _, k := range keys {
			if bytes.Equal(k, key) {
				return true
			}
		}
		return false
	}
	if o.many == nil {
		o.many = make(map[string]bool, 2*fewKeys)
		for _, k := range keys {
			o.many[string(k)] = true
		}
	}
	if o.many[string(key)] {
		return true
	}
	o.many[string(key)] = true
	return false
}
