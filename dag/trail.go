package dag

import (
	"fmt"
	"slices"
	"strings"
)

// trail tells by which stages data came to an input of s: the first one where
// none is named, "" where it came from a source directly. Of a column that is
// missing it says where it was lost.
func (s *Stage) trail(port, column string) string {
	at := slices.IndexFunc(s.In, func(e Edge) bool { return port == "" || e.Port == port })
	if at < 0 {
		return ""
	}
	names, lost, after := []string{s.label}, "", s.label
	for e := s.In[at]; ; e = e.From.In[0] {
		name := e.From.label
		if e.FromPort != Out {
			name += "." + e.FromPort
		}
		if t := e.From.Schemas[e.FromPort].Table; t != nil && column != "" && lost == "" && t.HasField(column) {
			lost = fmt.Sprintf("; %s has %q, and %s leaves it out", name, column, after)
		}
		names, after = append(names, name), name
		if len(e.From.In) == 0 {
			break
		}
	}
	if len(names) < 4 && lost == "" {
		return ""
	}
	slices.Reverse(names)
	return strings.Join(names, " → ") + lost
}
