package artifacts

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// outsideFile is a file outside the store.
type outsideFile struct {
	path   string // to open it
	rel    string // within its folder, slash-separated
	id     identity
	digest Digest
	mode   fs.FileMode
}

// outsideWalk lists the files below a folder, following symbolic links.
type outsideWalk struct {
	keep    Keep
	files   []outsideFile
	parents []fs.FileInfo // the folders that lead to the present one
}

// listOutside returns the regular files below dir that keep wants, sorted by
// relative path, without their digests. Anything that is neither a file nor a
// folder is an error: skipping it would leave out what somebody meant to count.
func listOutside(dir string, keep Keep) ([]outsideFile, error) {
	w := &outsideWalk{keep: keep}
	if err := w.walk(dir, ""); err != nil {
		return nil, err
	}
	sortByRel(w.files)
	return w.files, nil
}

func (w *outsideWalk) walk(dir, rel string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(w.parents, func(p fs.FileInfo) bool { return os.SameFile(p, info) }) {
		return fmt.Errorf("%s leads back to a folder that contains it", dir)
	}
	w.parents = append(w.parents, info)
	defer func() { w.parents = w.parents[:len(w.parents)-1] }()

	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := w.visit(dir+"/"+e.Name(), rel+e.Name(), e); err != nil {
			return err
		}
	}
	return nil
}

func (w *outsideWalk) visit(path, rel string, e fs.DirEntry) error {
	if e.IsDir() {
		return w.visitDir(path, rel)
	}
	// Ask before the stat: what is not wanted may not be readable.
	link := e.Type()&fs.ModeSymlink != 0
	if !link && w.keep != nil && !w.keep(rel, false) {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return w.visitDir(path, rel)
	case link && w.keep != nil && !w.keep(rel, false):
		return nil
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is a %s and neither a file nor a folder", path, info.Mode().Type())
	}
	w.files = append(w.files, outsideFile{path: path, rel: rel, id: identify(info), mode: info.Mode()})
	return nil
}

func (w *outsideWalk) visitDir(path, rel string) error {
	if w.keep != nil && !w.keep(rel, true) {
		return nil
	}
	return w.walk(path, rel+"/")
}
