package registry

import "encoding/json"

// Visible limits a search to what somebody may see, by name (models) or id
// (experiments). The zero value sees all.
type Visible struct {
	Only   []string // nil: all but Except
	Except []string
}

// add appends the limit as a condition on a column of text.
func (v Visible) add(s *statement, column string) {
	list, in := v.Except, " NOT IN "
	if v.Only != nil {
		list, in = v.Only, " IN "
	} else if len(list) == 0 {
		return
	}
	names, err := json.Marshal(list)
	if err != nil {
		panic(err) // strings always marshal
	}
	s.add(" AND "+column+in+"(SELECT value FROM json_each(?))", string(names))
}
