package text

import (
	"sort"
	"strings"
)

// DidYouMean returns `did you mean "x"?` for the name among known that is
// nearest to a misspelt one, or "" where none is near.
func DidYouMean(name string, known []string) string {
	if best := Closest(name, known); best != "" {
		return `did you mean "` + best + `"?`
	}
	return ""
}

// Closest returns the known name nearest to name by the Damerau-Levenshtein
// distance (optimal string alignment), or "" where even that one is further
// than a third of the letters away, or has none of them. Ties go to the first in alphabetical order.
func Closest(name string, known []string) string {
	sorted := append([]string(nil), known...)
	sort.Strings(sorted)
	limit := (max(len(name), 3) + 2) / 3
	best, bestDistance := "", limit+1
	for _, k := range sorted {
		if abs(len(k)-len(name)) >= bestDistance {
			continue
		}
		d := distance(strings.ToLower(name), strings.ToLower(k))
		if d < bestDistance && d < max(len(name), len(k)) {
			best, bestDistance = k, d
		}
	}
	return best
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

func distance(a, b string) int {
	before, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}

// List joins names for a message: "a, b and 7 more" when there are many.
func List(names []string) string {
	const most = 12
	if len(names) == 0 {
		return "none"
	}
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}
