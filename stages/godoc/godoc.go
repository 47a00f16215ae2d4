// Package godoc reads the documentation comments of a Go source tree: GOROOT's
// standard library, or any module.
//
// Every Go file counts, whatever its build constraints say, but for tests and
// files that are ignored by all builds: what is read is a property of the tree
// and not of the machine that reads it. Where the files of several platforms
// declare one name, it counts once.
package godoc

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Declaration is a documented declaration.
type Declaration struct {
	Top     string // first element of the package's folder below the root; of the root itself, the package's name
	Package string // the package's folder below the root, slash-separated; of the root itself, the package's name
	Kind    string // package, const, var, func, type or method
	Symbol  string // "Reader", "Reader.Next", "StatusOK, StatusAccepted"; of a package its name
	Text    string // the first sentence of the comment, without markup
	Doc     string // the whole comment, as text
}

// Tree is a source tree that is read.
type Tree struct {
	Root       string
	Exclude    []string // names of folders that are left out, with all below them, at any depth
	Unexported bool     // whether declarations that are not exported count, too
}

// GOROOT finds the Go installation: by the environment variable if it is set,
// else by asking the go command. The error says what to do where there is none.
func GOROOT(ctx context.Context, getenv func(string) string) (string, error) {
	root, how := getenv("GOROOT"), "$GOROOT"
	if root == "" {
		how = "go env GOROOT"
		out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
		if err != nil {
			return "", fmt.Errorf("no Go installation was found: $GOROOT is not set and %q failed (%w); install Go, set GOROOT, or give a source folder as path", how, err)
		}
		root = strings.TrimSpace(string(out))
	}
	src := filepath.Join(root, "src")
	if _, err := os.Stat(filepath.Join(src, "fmt", "print.go")); err != nil {
		return "", fmt.Errorf("%s says %q, and there is no standard library in %s; set GOROOT to a whole Go installation, or give a source folder as path", how, root, src)
	}
	return root, nil
}

// Folders lists the packages' folders relative to the root, slash-separated and
// sorted. Hidden folders, those that begin with _ and nested modules are left
// out, as the go command does.
func (t Tree) Folders() ([]string, error) {
	var out []string
	err := filepath.WalkDir(t.Root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(t.Root, p)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if rel != "." && t.skips(p, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		folder := path.Dir(filepath.ToSlash(rel))
		if counts(d) && (len(out) == 0 || out[len(out)-1] != folder) {
			out = append(out, folder)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the Go source tree: %w", err)
	}
	// The files of a folder and its subfolders are walked in one order of names,
	// so a folder can come up again after a subfolder.
	slices.Sort(out)
	return slices.Compact(out), nil
}

// leavesOut tells whether a folder's name alone leaves it out.
func (t Tree) leavesOut(name string) bool {
	return name[0] == '.' || name[0] == '_' || slices.Contains(t.Exclude, name)
}

func (t Tree) skips(p, name string) bool {
	if t.leavesOut(name) {
		return true
	}
	_, err := os.Stat(filepath.Join(p, "go.mod"))
	return err == nil
}

func counts(d fs.DirEntry) bool { return isSource(d.Name()) && d.Type().IsRegular() }

// isSource tells whether a file's name is that of Go source other than a test.
func isSource(name string) bool {
	return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") && name[0] != '.' && name[0] != '_'
}

// Read calls yield with the declarations of one package after the other, in the
// order of the folders; within a package, in the order of go/doc. Packages are
// parsed ahead, a few at a time.
func (t Tree) Read(ctx context.Context, folders []string, yield func([]Declaration) error) error {
	type result struct {
		declarations []Declaration
		err          error
	}
	workers := runtime.GOMAXPROCS(0)
	results := make([]chan result, len(folders))
	for i := range results {
		results[i] = make(chan result, 1)
	}
	ahead := make(chan int, 4*workers) // packages that are parsed or waiting to be taken
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		wg.Wait()
	}()
	wg.Go(func() {
		for i := range folders {
			select {
			case ahead <- i:
			case <-ctx.Done():
				return
			}
			wg.Go(func() {
				var r result
				r.declarations, r.err = t.readPackage(folders[i])
				results[i] <- r
			})
		}
	})
	for i := range folders {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case r := <-results[i]:
			<-ahead
			if r.err != nil {
				return r.err
			}
			if err := yield(r.declarations); err != nil {
				return err
			}
		}
	}
	return nil
}

// Keep tells which files below one of the Tops Read may depend on, and which
// folders it may enter; rel is slash-separated.
func (t Tree) Keep(rel string, isDir bool) bool {
	name := path.Base(rel)
	if isDir {
		return !t.leavesOut(name)
	}
	return isSource(name) || name == "go.mod" // that of a nested module makes it one
}

// Tops lists what is directly below the root and is read: folders with
// packages, at any depth, and Go files. The names are sorted. It looks no
// further than to the first Go file of each folder.
func (t Tree) Tops() ([]string, error) {
	entries, err := os.ReadDir(t.Root)
	if err != nil {
		return nil, fmt.Errorf("read the Go source tree: %w", err)
	}
	var out []string
	for _, e := range entries {
		if !e.IsDir() {
			if counts(e) {
				out = append(out, e.Name())
			}
			continue
		}
		p := filepath.Join(t.Root, e.Name())
		if t.skips(p, e.Name()) {
			continue
		}
		found, err := t.hasPackage(p)
		if err != nil {
			return nil, fmt.Errorf("read the Go source tree: %w", err)
		}
		if found {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// hasPackage tells whether there is a Go file in a folder or below.
func (t Tree) hasPackage(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(entries, counts) {
		return true, nil
	}
	for _, e := range entries {
		p := filepath.Join(dir, e.Name())
		if !e.IsDir() || t.skips(p, e.Name()) {
			continue
		}
		if found, err := t.hasPackage(p); found || err != nil {
			return found, err
		}
	}
	return false, nil
}
