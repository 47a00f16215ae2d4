package artifacts

import (
	"fmt"
)

// Type says what an artifact is; it never changes how its bytes are stored.
type Type string

// The artifact types that a port may carry.
const (
	Table     Type = "table"
	Transform Type = "transform"
	Model     Type = "model"
	Metrics   Type = "metrics"
	Report    Type = "report"
	File      Type = "file"
)

// Valid reports whether t is one of the artifact types of this package.
func (t Type) Valid() bool {
	switch t {
	case Table, Transform, Model, Metrics, Report, File:
		return true
	}
	return false
}

// Digest is the SHA-256 (FIPS 180-4) of stored bytes, written as 64
// lower-case hexadecimal digits, so that sha256sum of an object's file prints
// the object's own name.
type Digest string

// Valid reports whether d has the form of a digest.
func (d Digest) Valid() bool {
	if len(d) != 64 {
		return false
	}
	for i := range len(d) {
		if c := d[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Short returns the first twelve digits, enough to name an artifact to a
// person.
func (d Digest) Short() string {
	if len(d) < 12 {
		return string(d)
	}
	return string(d[:12])
}

// FolderFormat is the Ref.Format of an artifact that consists of several
// files: its digest names a manifest.
const FolderFormat = "folder"

// Ref names an artifact in the store: everything that is needed to find its
// bytes, to know that they are the right ones, and to know how to read them.
type Ref struct {
	Type   Type   `json:"type"`
	Digest Digest `json:"digest"`
	// Size is the number of bytes of the object that Digest names; for a
	// folder that is the manifest, not its files.
	Size int64 `json:"size"`
	// Format is how the bytes are to be read: "parquet", "arrow", "json",
	// "html", "safetensors"…, or FolderFormat.
	Format string `json:"format,omitempty"`
	// Rows is the number of rows of a table; 0 where that has no meaning.
	Rows int64 `json:"rows,omitempty"`
}

// IsFolder reports whether the artifact consists of several files.
func (r Ref) IsFolder() bool { return r.Format == FolderFormat }

// Validate returns an error when r cannot name an artifact.
func (r Ref) Validate() error {
	switch {
	case !r.Type.Valid():
		return fmt.Errorf("artifact type %q is unknown", r.Type)
	case !r.Digest.Valid():
		return fmt.Errorf("digest %q is not 64 lower-case hexadecimal digits", r.Digest)
	case r.Size < 0:
		return fmt.Errorf("artifact %s has the negative size %d", r.Digest.Short(), r.Size)
	case r.Rows < 0:
		return fmt.Errorf("artifact %s has the negative row count %d", r.Digest.Short(), r.Rows)
	}
	return nil
}
