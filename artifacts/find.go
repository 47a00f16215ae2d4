package artifacts

import (
	"fmt"
	"io/fs"
	"os"
)

// Find looks for an object by its digest alone, whatever made it, and gives the
// artifact of one file that it is. Its bytes are checked when it is opened.
func (s *Store) Find(d Digest, t Type, format string) (Ref, error) {
	if !d.Valid() {
		return Ref{}, fmt.Errorf("%q is no digest", d)
	}
	info, err := os.Stat(s.objectPath(d))
	if err != nil {
		return Ref{}, err
	}
	ref := Ref{Type: t, Format: format, Digest: d, Size: info.Size()}
	if !info.Mode().IsRegular() || !s.Has(ref) {
		return Ref{}, fs.ErrNotExist
	}
	return ref, nil
}
