package text

import (
	"strconv"
	"strings"
)

// At follows a path such as "layers[1].lstm.units" and returns the node there,
// or the deepest one on the way: a problem with a value that was left to its
// default is shown at the map that could hold it.
func (n *Node) At(path string) *Node {
	for path != "" && n != nil {
		if path[0] == '[' {
			end := strings.IndexByte(path, ']')
			i, err := strconv.Atoi(path[1:max(end, 1)])
			if end < 0 || err != nil || n.Kind != Sequence || i < 0 || i >= len(n.Items) {
				return n
			}
			n, path = n.Items[i], strings.TrimPrefix(path[end+1:], ".")
			continue
		}
		key, rest := path, ""
		if i := strings.IndexAny(path, ".["); i >= 0 {
			key, rest = path[:i], strings.TrimPrefix(path[i:], ".")
		}
		child := n.Get(key)
		if child == nil {
			return n
		}
		n, path = child, rest
	}
	return n
}
