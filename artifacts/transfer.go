package artifacts

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Receive stores the object of ref from bytes that come from another store. It
// is an error, and nothing is stored, when they are not the bytes that ref's
// size and digest speak of. Of a folder that is the manifest.
func (s *Store) Receive(ref Ref, r io.Reader) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	d := s.newDraft(ref.Type, ref.Format)
	defer d.Abort()
	d.want = &ref
	// One byte more than expected is enough to know that there are too many.
	if _, err := d.ReadFrom(io.LimitReader(r, ref.Size+1)); err != nil {
		return fmt.Errorf("receive object %s: %w", ref.Digest, err)
	}
	_, err := d.Commit()
	return err
}

// Objects returns the objects that an artifact consists of: itself and, for a
// folder, its files. Their bytes need not be in the store, but a manifest must.
func (s *Store) Objects(ref Ref) ([]Ref, error) {
	if !ref.IsFolder() {
		return []Ref{ref}, ref.Validate()
	}
	folder, err := s.OpenFolder(ref)
	if err != nil {
		return nil, err
	}
	all := []Ref{ref}
	for _, f := range folder.files {
		all = append(all, Ref{Type: ref.Type, Digest: f.Digest, Size: f.Size})
	}
	return all, nil
}

// RecordBytes returns the file of a key's record, for another store's
// ReceiveRecord. The error matches fs.ErrNotExist when there is none.
func (s *Store) RecordBytes(k Key) ([]byte, error) {
	if !k.Valid() {
		return nil, fmt.Errorf("key %q is not 64 lower-case hexadecimal digits", k)
	}
	b, _, err := readSmall(s.keyPath(k))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("key %s has no record: %w", k, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	if _, err := parseRecordOf(k, b); err != nil {
		return nil, err
	}
	return b, nil
}

// ParseRecord reads what RecordBytes of another store returned. It says what is
// wrong with a record that is damaged or belongs to another key.
func ParseRecord(k Key, b []byte) (*Record, error) { return parseRecordOf(k, b) }

// Artifacts calls yield for every artifact that the record names, in a fixed
// order.
func (r *Record) Artifacts(yield func(Ref) bool) {
	for _, port := range sortedKeys(r.Outputs) {
		if !yield(r.Outputs[port]) {
			return
		}
	}
	if r.Log != nil {
		yield(*r.Log)
	}
}
