package dag

import (
	"fmt"
	"slices"
	"strings"

	"pipe/dag/text"
)

// order sorts the stages so that each comes after its inputs, ties in the
// order of the file, and reports every cycle; it tells whether there is none.
func (l *loader) order(p *Pipeline) bool {
	waiting := make([]int, len(p.Stages))
	var ready []*Stage
	for i, s := range p.Stages {
		waiting[i] = len(s.In)
		if len(s.In) == 0 {
			ready = append(ready, s)
		}
	}
	for len(ready) > 0 {
		s := ready[0]
		ready = ready[1:]
		p.Order = append(p.Order, s)
		for _, u := range s.users { // once for each edge
			if waiting[u.index]--; waiting[u.index] == 0 {
				ready = append(ready, u)
			}
		}
	}
	if len(p.Order) == len(p.Stages) {
		return true
	}
	var left []*Stage
	for i, s := range p.Stages {
		if waiting[i] > 0 {
			left = append(left, s)
		}
	}
	l.reportCycles(left)
	return false
}

// reportCycles walks up from each stage that could not be ordered until it
// meets itself, and reports each cycle once, at its first stage in the file.
func (l *loader) reportCycles(left []*Stage) {
	reported := map[*Stage]bool{}
	for _, start := range left {
		cycle := findCycle(start, left)
		if cycle == nil || reported[cycle[0]] {
			continue
		}
		names := make([]string, 0, len(cycle)+1)
		for _, s := range cycle {
			reported[s] = true
			names = append(names, s.Name)
		}
		names = append(names, cycle[0].Name)
		at := cycle[0].node.Get("in")
		if at == nil {
			at = cycle[0].name
		}
		l.problems.Add(&text.Problem{Code: "cycle", Pos: at.Pos, Text: fmt.Sprintf("the stages wait for each other: %s", strings.Join(names, " → "))})
	}
}

// findCycle returns the cycle that start lies on, in the direction of the
// data and beginning with the stage that is first in the file, or nil.
func findCycle(start *Stage, left []*Stage) []*Stage {
	in := map[*Stage]bool{}
	for _, s := range left {
		in[s] = true
	}
	// Breadth first over users, so that the shortest cycle is told.
	prev := map[*Stage]*Stage{}
	queue := []*Stage{start}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		for _, u := range s.users {
			if !in[u] {
				continue
			}
			if u == start {
				cycle := []*Stage{s}
				for s != start {
					s = prev[s]
					cycle = append(cycle, s)
				}
				slices.Reverse(cycle)
				first := 0
				for i, c := range cycle {
					if c.index < cycle[first].index {
						first = i
					}
				}
				return append(cycle[first:], cycle[:first]...)
			}
			if _, seen := prev[u]; !seen {
				prev[u] = s
				queue = append(queue, u)
			}
		}
	}
	return nil
}
