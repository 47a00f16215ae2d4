package inference

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// appendAnswer writes an answer as encoding/json would, with the probabilities
// from the greatest down, which is how people read them.
func appendAnswer(b []byte, a *answer) []byte {
	b = append(b, `{"prediction":`...)
	b = appendValue(b, a.Prediction)
	if a.Probability != 0 {
		b = append(b, `,"probability":`...)
		b = appendFloat(b, float64(a.Probability), 32)
	}
	if len(a.Probabilities) > 0 {
		b = append(b, `,"probabilities":{`...)
		b = appendProbabilities(b, a.Probabilities)
		b = append(b, '}')
	}
	if a.Source != "" {
		b = append(b, `,"source":`...)
		b = appendString(b, a.Source)
	}
	if a.Sentences != nil {
		b = append(b, `,"sentences":`...)
		b = appendValue(b, a.Sentences)
	}
	return append(b, '}')
}

func appendProbabilities(b []byte, probabilities map[string]float32) []byte {
	type class struct {
		label string
		p     float32
	}
	var few [16]class
	list := few[:0]
	for label, p := range probabilities {
		list = append(list, class{label, p})
	}
	slices.SortFunc(list, func(x, y class) int {
		switch {
		case x.p > y.p:
			return -1
		case x.p < y.p:
			return 1
		case x.label < y.label:
			return -1
		}
		return 1
	})
	for i, c := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, c.label)
		b = append(b, ':')
		b = appendFloat(b, float64(c.p), 32)
	}
	return b
}

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return appendString(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case uint64:
		return strconv.AppendUint(b, v, 10)
	case bool:
		return strconv.AppendBool(b, v)
	case float64:
		return appendFloat(b, v, 64)
	}
	j, err := json.Marshal(v)
	if err != nil {
		return append(b, "null"...)
	}
	return append(b, j...)
}

// appendFloat writes a number; JSON has no NaN, and no model gives one.
func appendFloat(b []byte, v float64, bits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, bits)
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			j, _ := json.Marshal(s) // a string can always be written
			return append(b, j...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
