package artifacts

import (
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// outsideFile is a file outside the store.
type outsideFile struct {
	path   string // to open it
	rel    string // within its folder, slash-separated
	id     identity
	digest Digest
	mode   fs.FileMode
}

// listOutside returns the regular files below dir that keep wants, sorted by
// relative path, without their digests. Symbolic links count as what they lead
// to. Anything that is neither a file nor a folder is an error: skipping it
// would leave out what somebody meant to count.
// It also tells whether there were links, by which a file can be in the list
// under two paths.
func listOutside(dir string, keep Keep) (files []outsideFile, links bool, err error) {
	w := &outsideWalk{keep: keep}
	if err := w.walk(dir, ""); err != nil {
		return nil, false, err
	}
	if err := statAll(w.files); err != nil {
		return nil, false, err
	}
	slices.SortFunc(w.files, func(a, b outsideFile) int { return strings.Compare(a.rel, b.rel) })
	return w.files, w.links, nil
}

// statAll fills in what stat says, which is most of the work when nothing has
// changed, on all processors.
func statAll(files []outsideFile) error {
	const least = 500 // files that are worth a goroutine
	var g errgroup.Group
	for chunk := range slices.Chunk(files, max(least, len(files)/runtime.GOMAXPROCS(0)+1)) {
		g.Go(func() error {
			for i := range chunk {
				if err := chunk[i].stat(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

func (f *outsideFile) stat() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is a %s and neither a file nor a folder", f.path, info.Mode().Type())
	}
	f.id, f.mode = identify(info), info.Mode()
	return nil
}

// outsideWalk collects the files below a folder.
type outsideWalk struct {
	keep    Keep
	files   []outsideFile
	links   bool
	parents []fs.FileInfo // the folders that lead to the present one
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
		path, rel := dir+"/"+e.Name(), rel+e.Name()
		isDir := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			w.links = true
			target, err := os.Stat(path)
			if err != nil {
				return err
			}
			isDir = target.IsDir()
		}
		switch {
		case w.keep != nil && !w.keep(rel, isDir):
		case isDir:
			if err := w.walk(path, rel+"/"); err != nil {
				return err
			}
		default:
			w.files = append(w.files, outsideFile{path: path, rel: rel})
		}
	}
	return nil
}
