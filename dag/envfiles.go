package dag

import (
	"fmt"
	"path/filepath"
	"sort"

	"pipe/artifacts"
	"pipe/artifacts/table"
)

// Connected lists the inputs that are connected, sorted.
func (e *Env) Connected() []string {
	out := make([]string, 0, len(e.inputs))
	for p := range e.inputs {
		out = append(out, p)
	}
	sort.Strings(out)
	return out
}

// Place puts an input artifact at dir/name with an extension, for a program
// that reads files, and returns its path. Tables come in the wanted format,
// folders as folders; both are read-only.
func (e *Env) Place(ref artifacts.Ref, dir, name string, tables table.Format) (string, error) {
	switch {
	case ref.Type == artifacts.Table && ref.Format != string(tables):
		path := filepath.Join(dir, name+"."+string(tables))
		return path, e.convert(ref, path)
	case ref.Format == artifacts.FolderFormat:
		f, err := e.store.OpenFolder(ref)
		if err != nil {
			return "", err
		}
		path := filepath.Join(dir, name)
		return path, f.Link(path)
	}
	path := filepath.Join(dir, name+"."+ref.Format)
	return path, e.store.Link(ref, path)
}

func (e *Env) convert(ref artifacts.Ref, path string) error {
	r, err := OpenTable(e.store, ref, filepath.Base(path))
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := table.Create(path, r.Schema())
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := table.Copy(tableFile{f}, r); err != nil {
		return err
	}
	return f.Commit()
}

// tableFile leaves the end of a file to its creator.
type tableFile struct{ *table.File }

func (tableFile) Close() error { return nil }

// Import makes a file or folder that a program wrote an output. It belongs to
// the store from then on.
func (e *Env) Import(port, path string, t artifacts.Type, format string) error {
	return e.add(port, draft{
		commit: func() (artifacts.Ref, error) {
			if err := e.hide.file(path); err != nil {
				return artifacts.Ref{}, err
			}
			if format == artifacts.FolderFormat {
				return e.store.ImportFolder(path, t, nil, artifacts.Moved)
			}
			return e.store.Import(path, t, format, artifacts.Moved)
		},
		abort: func() {},
	})
}

// ImportTable makes a table that a program wrote an output. It is read and
// written anew, so that only a whole table becomes an artifact.
func (e *Env) ImportTable(port, path string) error {
	r, err := table.OpenFile(path, table.Options{})
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := e.CreateTable(port, r.Schema(), table.Parquet)
	if err != nil {
		return err
	}
	if _, err := table.Copy(w, r); err != nil {
		return fmt.Errorf("read the output %q: %w", port, err)
	}
	return nil
}
