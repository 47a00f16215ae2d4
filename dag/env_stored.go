package dag

import (
	"path/filepath"

	"pipe/artifacts"
)

// Stored makes an object that is in the store already an output, and puts it at
// dir/name for reading. It is for a file whose digest is known before it is
// fetched; ok is false where it is not there, or is damaged.
func (e *Env) Stored(port string, d artifacts.Digest, format, dir, name string) (path string, ok bool) {
	ref, err := e.store.Find(d, artifacts.File, format)
	if err != nil {
		return "", false
	}
	path = filepath.Join(dir, name)
	if err := e.store.Link(ref, path); err != nil {
		return "", false
	}
	return path, e.Forward(port, ref) == nil
}

// ImportCopy makes a file an output that the stage goes on to read.
func (e *Env) ImportCopy(port, path, format string) error {
	ref, err := e.store.Import(path, artifacts.File, format, artifacts.Linked)
	if err != nil {
		return err
	}
	return e.Forward(port, ref)
}
