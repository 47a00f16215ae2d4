package workspace

import (
	"slices"
	"strings"
)

// maxDiffLines bounds the texts that are compared line by line: the table
// below has the product of their lengths.
const maxDiffLines = 3000

// lineDiff gives the lines that went, with "- ", and those that came, with
// "+ ", by a longest common subsequence.
func lineDiff(a, b string) []string {
	if a == b {
		return nil
	}
	x, y := strings.Split(strings.TrimRight(a, "\n"), "\n"), strings.Split(strings.TrimRight(b, "\n"), "\n")
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		x, y = x[1:], y[1:]
	}
	for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
	if len(x) > maxDiffLines || len(y) > maxDiffLines {
		return slices.Concat(prefixed("- ", x), prefixed("+ ", y))
	}
	common := make([][]int, len(x)+1) // the length of the longest common rest
	for i := range common {
		common[i] = make([]int, len(y)+1)
	}
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if x[i] == y[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var out []string
	i, j := 0, 0
	for i < len(x) && j < len(y) {
		switch {
		case x[i] == y[j]:
			i, j = i+1, j+1
		case common[i+1][j] >= common[i][j+1]:
			out = append(out, "- "+x[i])
			i++
		default:
			out = append(out, "+ "+y[j])
			j++
		}
	}
	return slices.Concat(out, prefixed("- ", x[i:]), prefixed("+ ", y[j:]))
}

func prefixed(sign string, lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = sign + l
	}
	return out
}
