package artifacts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Memos are what callers wish to find again in a later process and can always
// make anew, each under a name of their own: a file in the store's folder
// "memos", sealed with a checksum. One that is damaged, torn or of another
// version was never there. The collector removes them all.

const (
	memosDir   = "memos"
	memoPrefix = "pipe-memo 1 "
)

// ReadMemo returns what was kept under a name in the store at dir. It needs no
// open store, so that it can be asked while one is being opened.
func ReadMemo(dir string, name Digest) ([]byte, bool) {
	if !name.Valid() {
		return nil, false
	}
	b, err := os.ReadFile(filepath.Join(dir, memosDir, string(name)))
	if err != nil {
		return nil, false
	}
	return unseal(memoPrefix, b)
}

// KeepMemo keeps body under a name, in the place of what was there.
func (s *Store) KeepMemo(name Digest, body []byte) error {
	if !name.Valid() {
		return fmt.Errorf("memo: its name %q is no digest", name)
	}
	if err := s.writeFile(filepath.Join(s.dir, memosDir, string(name)), seal(memoPrefix, body), 0o666, syncNever); err != nil {
		return fmt.Errorf("keep a memo: %w", err)
	}
	return nil
}

// Stamp is text that changes whenever the file at path does, as well as a stat
// can tell.
func Stamp(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprint(identify(info)), nil
}

// verifyMemos removes those that are not what was kept; that costs time and
// nothing else.
func (v *verifier) verifyMemos() error {
	dir := filepath.Join(v.store.dir, memosDir)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !Digest(e.Name()).Valid() {
			v.add(Foreign, path, "the store keeps no such file; remove it")
			continue
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if _, ok := unseal(memoPrefix, b); !ok {
			v.add(FlippedBits, path, "memo: it is torn, damaged or of another version; removed")
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}
