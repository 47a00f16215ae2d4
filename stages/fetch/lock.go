package fetch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// LockName is the file that remembers what was fetched. It belongs beside the
// pipeline, in version control: with it, another machine gets the same bytes or
// an error.
const LockName = "pipe.lock"

// Entry is what was found at an address.
type Entry struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	Name   string `json:"name,omitempty"` // of the file, where the address does not tell it
	// Columns are those of the table in it, by the options that it was read with,
	// so that pipelines are checked before it is fetched again.
	Columns map[string][]Column `json:"columns,omitempty"`
}

// Column is a column of a table and its type.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type lockFile struct {
	Version int              `json:"version"`
	Fetched map[string]Entry `json:"fetched"`
}

const lockVersion = 1

// ReadLock gives the entries of a lock file; none where there is no file.
func ReadLock(path string) (map[string]Entry, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var l lockFile
	if err := json.Unmarshal(b, &l); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if l.Version != lockVersion {
		return nil, fmt.Errorf("%s has version %d and this pipe reads %d", path, l.Version, lockVersion)
	}
	for address, e := range l.Fetched {
		if !ValidSHA256(e.SHA256) {
			return nil, fmt.Errorf("%s: the sha256 of %q is %q, which is none", path, address, e.SHA256)
		}
	}
	return l.Fetched, nil
}

// writing lets the stages of a run, which fetch at once, write one after the
// other.
var writing sync.Mutex

// Remember enters what was found into a lock file; an entry that says it
// already stays as it is.
func Remember(path string, a *Address, change func(e *Entry)) error {
	writing.Lock()
	defer writing.Unlock()
	entries, err := ReadLock(path)
	if err != nil {
		return err
	}
	if entries == nil {
		entries = map[string]Entry{}
	}
	before, err := json.Marshal(entries)
	if err != nil {
		return err
	}
	e := entries[a.lockKey()]
	change(&e)
	entries[a.lockKey()] = e
	if after, err := json.Marshal(entries); err != nil || bytes.Equal(before, after) {
		return err
	}
	b, err := json.MarshalIndent(lockFile{lockVersion, entries}, "", "  ")
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), LockName+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(temp.Name())
	if _, err := temp.Write(append(b, '\n')); err != nil {
		temp.Close()
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := errors.Join(temp.Chmod(0o644), temp.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(temp.Name(), path)
}

// Locked gives the entry of an address in a lock file.
func Locked(path string, a *Address) (e Entry, ok bool, err error) {
	entries, err := ReadLock(path)
	e, ok = entries[a.lockKey()]
	return e, ok, err
}

// lockKey names an address without what may be secret.
func (a *Address) lockKey() string {
	u := *a.url
	u.User = nil
	if u.Scheme == "http" || u.Scheme == "https" {
		q := u.Query()
		for name := range q {
			if signature(name) {
				q.Del(name)
			}
		}
		u.RawQuery = q.Encode()
	}
	return u.String()
}
