package table

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"
)

// File is a table being written beside its final path, which it takes with Commit.
type File struct {
	path    string
	f       *os.File
	codec   io.WriteCloser // nil without compression
	w       Writer
	settled bool
}

// Create starts a table at path in the format and compression (.gz or .zst) that the
// extension tells. The rows go to a temporary file in the same folder; only Commit
// puts it in place, so that nobody ever sees half a table.
func Create(path string, s *arrow.Schema) (*File, error) {
	format, err := FormatOf(path)
	if err != nil {
		return nil, err
	}
	_, c := stripCompression(path)
	if c != nil && c.write == nil {
		return nil, fmt.Errorf("%s: %s is read but not written; use .gz or .zst", path, c.name)
	}
	f, err := createBeside(path)
	if err != nil {
		return nil, err
	}
	t := &File{path: path, f: f}
	if err := t.start(format, c, s); err != nil {
		return nil, errors.Join(err, t.Discard())
	}
	return t, nil
}

func (t *File) start(format Format, c *compression, s *arrow.Schema) (err error) {
	var out io.Writer = t.f
	if c != nil {
		if t.codec, err = c.write(t.f); err != nil {
			return fmt.Errorf("%s: %w", t.path, err)
		}
		out = t.codec
	}
	if t.w, err = NewWriter(out, format, s); err != nil {
		return fmt.Errorf("%s: %w", t.path, err)
	}
	return nil
}

// createBeside creates a file that is not there yet, with the permissions that the
// user's mask grants, which os.CreateTemp would not.
func createBeside(path string) (*os.File, error) {
	dir, base := filepath.Split(path)
	for i := 0; ; i++ {
		name := filepath.Join(dir, fmt.Sprintf(".%s.%d-%d.tmp", base, os.Getpid(), i))
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("create %s: there is no folder %s: %w", path, filepath.Dir(path), fs.ErrNotExist)
		}
		var pe *fs.PathError
		if errors.As(err, &pe) && !errors.Is(err, fs.ErrExist) {
			return nil, &fs.PathError{Op: "create", Path: path, Err: pe.Err} // not the temporary name
		}
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// Write appends the rows of a batch.
func (t *File) Write(b arrow.RecordBatch) error {
	if t.settled {
		return fmt.Errorf("%s: %w", t.path, errClosed)
	}
	if err := t.w.Write(b); err != nil {
		return fmt.Errorf("%s: %w", t.path, err)
	}
	return nil
}

// Commit writes the footer, syncs the file and renames it to its path, over whatever
// was there. If it fails, nothing is left behind.
func (t *File) Commit() error {
	if t.settled {
		return fmt.Errorf("%s: %w", t.path, errClosed)
	}
	err := t.w.Close()
	if t.codec != nil {
		err = errors.Join(err, t.codec.Close())
	}
	if err == nil {
		err = t.f.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", t.path, err), t.Discard())
	}
	t.settled = true
	if err := t.f.Close(); err != nil {
		return errors.Join(err, os.Remove(t.f.Name()))
	}
	if err := os.Rename(t.f.Name(), t.path); err != nil {
		return errors.Join(err, os.Remove(t.f.Name()))
	}
	return syncFolder(filepath.Dir(t.path))
}

// syncFolder makes a rename survive a crash of the machine.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Discard removes the temporary file. After Commit it does nothing, so that it can be
// deferred.
func (t *File) Discard() error {
	if t.settled {
		return nil
	}
	t.settled = true
	return errors.Join(t.f.Close(), os.Remove(t.f.Name()))
}
