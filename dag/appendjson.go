package dag

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"pipe/artifacts"
)

// What follows writes what encoding/json would write, to the byte, without its
// reflection: a run in which nothing changed writes a key's description and a
// line of the journal for each stage, and that was a tenth of its time.
// TestAppendedJSON compares the two.

// appendString writes a string. What needs an escape is left to encoding/json.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic(err) // a string always marshals
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// appendFloat writes a finite number.
func appendFloat(b []byte, x float64) ([]byte, error) {
	if a := math.Abs(x); a == 0 || a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(b, x, 'f', -1, 64), nil
	}
	return appendAny(b, x)
}

func appendAny(b []byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	return append(b, text...), err
}

func appendRef(b []byte, r artifacts.Ref) []byte {
	b = appendString(append(b, `{"type":`...), string(r.Type))
	b = appendString(append(b, `,"digest":`...), string(r.Digest))
	b = strconv.AppendInt(append(b, `,"size":`...), r.Size, 10)
	if r.Format != "" {
		b = appendString(append(b, `,"format":`...), r.Format)
	}
	if r.Rows != 0 {
		b = strconv.AppendInt(append(b, `,"rows":`...), r.Rows, 10)
	}
	return append(b, '}')
}

func appendRefs(b []byte, refs map[string]artifacts.Ref) []byte {
	b = append(b, '{')
	comma := false
	member := func(port string, r artifacts.Ref) {
		if comma {
			b = append(b, ',')
		}
		comma = true
		b = appendRef(append(appendString(b, port), ':'), r)
	}
	if len(refs) == 1 {
		for port, r := range refs {
			member(port, r)
		}
		return append(b, '}')
	}
	for _, port := range slices.Sorted(maps.Keys(refs)) {
		member(port, refs[port])
	}
	return append(b, '}')
}

// appendJSON writes an event. Its fields are those of the struct, in order.
func (e *Event) appendJSON(b []byte) (_ []byte, err error) {
	text := func(name, value string) {
		if value != "" {
			b = appendString(append(b, name...), value)
		}
	}
	number := func(name string, value int64) {
		if value != 0 {
			b = strconv.AppendInt(append(b, name...), value, 10)
		}
	}
	refs := func(name string, value map[string]artifacts.Ref) {
		if len(value) > 0 {
			b = appendRefs(append(b, name...), value)
		}
	}
	b = append(b, `{"time":"`...)
	b = append(e.Time.AppendFormat(b, time.RFC3339Nano), '"')
	b = appendString(append(b, `,"type":`...), string(e.Type))
	text(`,"run":`, e.Run)
	text(`,"stage":`, e.Stage)
	text(`,"pipeline":`, e.Pipeline)
	number(`,"stages":`, int64(e.Stages))
	text(`,"kind":`, e.Kind)
	text(`,"key":`, string(e.Key))
	refs(`,"inputs":`, e.Inputs)
	refs(`,"outputs":`, e.Outputs)
	if len(e.Externals) > 0 {
		if b, err = appendAny(append(b, `,"externals":`...), e.Externals); err != nil {
			return b, err
		}
	}
	if e.Seconds != 0 {
		if b, err = appendFloat(append(b, `,"seconds":`...), e.Seconds); err != nil {
			return b, err
		}
	}
	if e.Replayed {
		b = append(b, `,"replayed":true`...)
	}
	number(`,"done":`, e.Done)
	number(`,"total":`, e.Total)
	text(`,"unit":`, e.Unit)
	if len(e.Metrics) > 0 {
		if b, err = appendAny(append(b, `,"metrics":`...), e.Metrics); err != nil {
			return b, err
		}
	}
	text(`,"text":`, e.Text)
	text(`,"status":`, e.Status)
	text(`,"other":`, e.Other)
	return append(b, '}'), nil
}

// appendJSON writes a description: the text that a key hashes.
func (d *Description) appendJSON(b []byte) (_ []byte, err error) {
	b = strconv.AppendInt(append(b, `{"format":`...), int64(d.Format), 10)
	b = appendString(append(b, `,"kind":`...), d.Kind)
	b = strconv.AppendInt(append(b, `,"version":`...), int64(d.Version), 10)
	b = append(append(b, `,"config":`...), d.Config...)
	if d.Seed != nil {
		b = strconv.AppendUint(append(b, `,"seed":`...), *d.Seed, 10)
	}
	if len(d.Inputs) > 0 {
		b = append(b, `,"inputs":{`...)
		for i, port := range slices.Sorted(maps.Keys(d.Inputs)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, port), ':', '[')
			for j, digest := range d.Inputs[port] {
				if j > 0 {
					b = append(b, ',')
				}
				b = appendString(b, string(digest))
			}
			b = append(b, ']')
		}
		b = append(b, '}')
	}
	if len(d.Labels) > 0 {
		if b, err = appendAny(append(b, `,"labels":`...), d.Labels); err != nil {
			return b, err
		}
	}
	if len(d.Externals) > 0 {
		if b, err = appendAny(append(b, `,"externals":`...), d.Externals); err != nil {
			return b, err
		}
	}
	if d.Outside != "" {
		b = appendString(append(b, `,"outside":`...), d.Outside)
	}
	if len(d.Variables) > 0 {
		if b, err = appendAny(append(b, `,"variables":`...), d.Variables); err != nil {
			return b, err
		}
	}
	if len(d.Secrets) > 0 {
		if b, err = appendAny(append(b, `,"secrets":`...), d.Secrets); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}
