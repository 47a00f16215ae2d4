package workspace

import (
	"context"
	"os/exec"
	"strings"

	"pipe/registry"
)

// gitState tells which commit the working folder is at. A folder outside git,
// or a machine without it, has none: that is no error. One call tells all, for
// a run with nothing to do is over before two of them.
func gitState(ctx context.Context) registry.Git {
	out, err := exec.CommandContext(ctx, "git", "status", "--porcelain=v2", "--branch", "--untracked-files=no").Output()
	if err != nil {
		return registry.Git{}
	}
	var g registry.Git
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSuffix(line, "\n")
		if commit, ok := strings.CutPrefix(line, "# branch.oid "); ok && commit != "(initial)" {
			g.Commit = commit
		} else if branch, ok := strings.CutPrefix(line, "# branch.head "); ok && branch != "(detached)" {
			g.Branch = branch
		} else if !strings.HasPrefix(line, "#") {
			g.Dirty = true
		}
	}
	if g.Commit == "" { // nothing has been committed yet
		return registry.Git{}
	}
	return g
}
