package workspace

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"pipe/registry"
)

// gitState tells which commit the working folder is at. A folder outside git,
// or a machine without it, has none: that is no error. One call tells all, for
// a run with nothing to do is over before two of them.
func gitState(ctx context.Context) registry.Git {
	if !inGit() {
		return registry.Git{}
	}
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

// inGit tells whether git could find a repository from here, by its own rules:
// to ask it costs more than a small run.
func inGit() bool {
	if os.Getenv("GIT_DIR") != "" {
		return true
	}
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Lstat(filepath.Join(dir, ".git")); missing == nil {
			return true
		}
		above := filepath.Dir(dir)
		if above == dir {
			return false
		}
		dir = above
	}
	return true
}
