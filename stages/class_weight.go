package stages

import (
	"fmt"
	"maps"
	"slices"

	"pipe/dag/text"
)

// ClassWeight says what a row counts in training, by its class.
type ClassWeight struct {
	Balanced bool               `yaml:"balanced" doc:"each class counts the same in all"`
	Weights  map[string]float64 `yaml:"weights" doc:"by label; 1 for the others"`
}

// DecodeNode implements text.NodeDecoder: the word balanced, or a map of labels
// to numbers.
func (w *ClassWeight) DecodeNode(d *text.Decoder, n *text.Node) {
	switch {
	case n.Kind == text.Mapping:
		d.Known(n, &w.Weights, "class_weight")
		for i, k := range n.Keys {
			if v, ok := w.Weights[k.Raw]; ok && !(v >= 0) {
				d.Errorf(n.Items[i], "bounds", "class_weight.%s must be at least 0, is %v", k.Raw, v)
			}
		}
	case n.Kind == text.Scalar && n.Value == "balanced":
		w.Balanced = true
	case n.Kind == text.Scalar && n.Value == nil:
	default:
		d.Errorf(n, "type", "class_weight: expected the word balanced or a map of labels to numbers, found %s", n.What())
	}
}

// TypeText names the type for the reference pages.
func (ClassWeight) TypeText() string { return "balanced, or map of labels to numbers" }

func (w ClassWeight) set() bool { return w.Balanced || len(w.Weights) > 0 }

// resolve gives a weight for each class, nil where all are 1. Balanced weights
// are rows / (classes · rows of the class), as in scikit-learn; a row that is seen twice
// in an epoch counts as two.
func (w ClassWeight) resolve(train *examples, mix []float64) ([]float32, error) {
	if !w.set() {
		return nil, nil
	}
	out := make([]float32, len(train.classes))
	if w.Balanced {
		counts, all, first := make([]float64, len(out)), 0.0, 0
		for i, rows := range train.tables {
			times := 1.0
			if len(mix) > 0 {
				times = mix[i]
			}
			for _, k := range train.Labels[first : first+rows] {
				counts[k] += times
			}
			all, first = all+times*float64(rows), first+rows
		}
		for k, n := range counts {
			if n > 0 { // all rows of a class may be in a table that is left out
				out[k] = float32(all / (float64(len(out)) * n))
			}
		}
		return out, nil
	}
	for k := range out {
		out[k] = 1
	}
	for _, label := range slices.Sorted(maps.Keys(w.Weights)) {
		k, ok := train.index[label]
		if !ok {
			hint := text.DidYouMean(label, train.classes)
			if hint == "" {
				hint = "the labels: " + text.List(train.classes)
			}
			return nil, fmt.Errorf("class_weight names the label %s, which no row of train has (%s)", quote(label), hint)
		}
		out[k] = float32(w.Weights[label])
	}
	return out, nil
}
