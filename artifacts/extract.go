package artifacts

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// Extract writes the files of the artifact into dir, which is made if need be.
// Where the file system can, they share the blocks of the objects and are
// copied on write; elsewhere they are copied. They belong to the caller. A file
// that is already there is an error and stays.
func (f *Folder) Extract(dir string) error {
	return f.extract(dir, func(o *Object, root *os.Root, file FolderFile) error {
		return copyOut(o, root, file)
	})
}

// Link does as Extract, but where blocks cannot be shared it makes hard links
// to the objects instead of copies: no space and no time, and read-only,
// because a change to such a file would be a change to the object, which the
// next Open would find to be damaged. Executable files are copied, as the
// object itself is not executable; so is all on another file system.
func (f *Folder) Link(dir string) error {
	return f.extract(dir, func(o *Object, root *os.Root, file FolderFile) error {
		if file.Mode == "" {
			err := os.Link(f.store.objectPath(file.Digest), filepath.Join(root.Name(), file.Path))
			if err == nil || errors.Is(err, fs.ErrExist) {
				return err
			}
		}
		return copyOut(o, root, file)
	})
}

func (f *Folder) extract(dir string, place func(*Object, *os.Root, FolderFile) error) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("extract: %w", err)
	}
	// Names in a manifest are clean; the root also keeps links that were in dir
	// before from leading out of it.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("extract: %w", err)
	}
	defer root.Close()
	for _, file := range f.files {
		if err := f.extractFile(root, file, place); err != nil {
			return fmt.Errorf("extract: %w", err)
		}
	}
	return nil
}

func (f *Folder) extractFile(root *os.Root, file FolderFile, place func(*Object, *os.Root, FolderFile) error) error {
	if parent := path.Dir(file.Path); parent != "." {
		if err := root.MkdirAll(parent, 0o777); err != nil {
			return err
		}
	}
	o, err := f.openFile(file)
	if err != nil {
		return err
	}
	defer o.Close()
	return place(o, root, file)
}

// copyOut makes a copy of an object, sharing its blocks where that is possible.
func copyOut(o *Object, root *os.Root, file FolderFile) error {
	perm := fs.FileMode(0o666)
	if file.Mode == ModeExecutable {
		perm = 0o777
	}
	out, err := root.OpenFile(file.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	if reflink(out, o.file) != nil {
		_, err = io.Copy(out, o.file)
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		root.Remove(file.Path)
	}
	return err
}
