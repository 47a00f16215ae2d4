package workspace

import (
	"context"
	"os/exec"
	"strings"

	"pipe/registry"
)

// gitState tells which commit the working folder is at. A folder outside git,
// or a machine without it, has none: that is no error.
func gitState(ctx context.Context) registry.Git {
	commit, err := git(ctx, "rev-parse", "HEAD")
	if err != nil {
		return registry.Git{}
	}
	g := registry.Git{Commit: commit}
	if branch, err := git(ctx, "symbolic-ref", "--short", "-q", "HEAD"); err == nil {
		g.Branch = branch
	}
	if changes, err := git(ctx, "status", "--porcelain", "--untracked-files=no"); err == nil {
		g.Dirty = changes != ""
	}
	return g
}

func git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", args...).Output()
	return strings.TrimSpace(string(out)), err
}
