package stages

import (
	"fmt"
	"strings"

	"pipe/dag/text"
	"pipe/stages/score"
)

// unknownTruth are labels that a model has no class for, with the number of the
// first row that has each.
type unknownTruth map[string]int64

// at notes a label, and returns it in memory of its own.
func (u *unknownTruth) at(label string, row int64) string {
	if _, seen := (*u)[label]; !seen {
		if *u == nil {
			*u = unknownTruth{}
		}
		label = strings.Clone(label)
		(*u)[label] = row
	}
	return label
}

// list names the most frequent ones: how many rows have each, and where it begins.
func (u unknownTruth) list(r *score.Unknown) string {
	const most = 5
	var parts []string
	for _, l := range r.Labels[:min(most, len(r.Labels))] {
		if l.Support == 1 {
			parts = append(parts, fmt.Sprintf("%s (row %d)", quote(l.Label), u[l.Label]))
		} else {
			parts = append(parts, fmt.Sprintf("%s (%d rows, from row %d)", quote(l.Label), l.Support, u[l.Label]))
		}
	}
	if more := r.Distinct - len(parts); more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more labels", more))
	}
	return strings.Join(parts, ", ")
}

// refuse is the error for rows of which none has a label that the model knows: the
// column is hardly that of the truth, and every measure would be one of nothing.
func (u unknownTruth) refuse(x *examination, r *score.Result) error {
	if r.Unknown == nil || r.Unknown.Rows < r.Rows {
		return nil
	}
	return fmt.Errorf("no row of data has a label in the column %q that the model has a class for: %s; its classes are %s. Set target to the column with the truth, or take rows of what the model has learnt",
		x.target, u.list(r.Unknown), text.List(x.model.Classes()))
}
