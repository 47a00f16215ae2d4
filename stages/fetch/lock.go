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
	Version int                 `json:"version"`
	Fetched map[string]Entry    `json:"fetched,omitempty"`
	Queried map[string][]Column `json:"queried,omitempty"` // the columns that queries to databases gave
}

const lockVersion = 1

// ReadLock gives the entries of a lock file; none where there is no file.
func ReadLock(path string) (map[string]Entry, error) {
	l, err := readLock(path)
	return l.Fetched, err
}

func readLock(path string) (l lockFile, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return l, err
	}
	if err := json.Unmarshal(b, &l); err != nil {
		return lockFile{}, fmt.Errorf("%s: %w", path, err)
	}
	if l.Version != lockVersion {
		return lockFile{}, fmt.Errorf("%s has version %d and this pipe reads %d", path, l.Version, lockVersion)
	}
	for address, e := range l.Fetched {
		if !ValidSHA256(e.SHA256) {
			return lockFile{}, fmt.Errorf("%s: the sha256 of %q is %q, which is none", path, address, e.SHA256)
		}
	}
	return l, nil
}

// writing lets the stages of a run, which fetch at once, write one after the
// other.
var writing sync.Mutex

// Remember enters what was found into a lock file; an entry that says it
// already stays as it is.
func Remember(path string, a *Address, change func(e *Entry)) error {
	return changeLock(path, func(l *lockFile) {
		if l.Fetched == nil {
			l.Fetched = map[string]Entry{}
		}
		e := l.Fetched[a.lockKey()]
		change(&e)
		l.Fetched[a.lockKey()] = e
	})
}

// Queried gives the columns that a query gave when it was last asked.
func Queried(path, query string) ([]Column, error) {
	l, err := readLock(path)
	return l.Queried[query], err
}

// RememberQuery enters the columns that a query gave.
func RememberQuery(path, query string, columns []Column) error {
	return changeLock(path, func(l *lockFile) {
		if l.Queried == nil {
			l.Queried = map[string][]Column{}
		}
		l.Queried[query] = columns
	})
}

func changeLock(path string, change func(l *lockFile)) error {
	writing.Lock()
	defer writing.Unlock()
	l, err := readLock(path)
	if err != nil {
		return err
	}
	l.Version = lockVersion
	before, err := json.Marshal(l)
	if err != nil {
		return err
	}
	change(&l)
	if after, err := json.Marshal(l); err != nil || bytes.Equal(before, after) {
		return err
	}
	b, err := json.MarshalIndent(l, "", "  ")
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
	if a.hide != nil {
		return a.hide(u.String())
	}
	return u.String()
}
