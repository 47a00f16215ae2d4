package dag

import "pipe/artifacts"

// labelsOf lists, for a kind that tells variants apart by their labels, those
// of each artifact on each input, in the order of gather.
func labelsOf(s *Stage, outputs map[*Stage]map[string]artifacts.Ref) map[string][][]Label {
	if !s.Info.Labelled {
		return nil
	}
	out := map[string][][]Label{}
	for _, e := range s.In {
		if _, ok := outputs[e.From][e.FromPort]; ok {
			out[e.Port] = append(out[e.Port], e.Labels)
		}
	}
	return out
}

// Labels tells of each artifact on an input which variant of a matrix or a
// foreach it is from; empty but for kinds that are Labelled.
func (e *Env) Labels(port string) [][]Label { return e.labels[port] }
