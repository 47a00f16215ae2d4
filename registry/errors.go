package registry

import (
	"errors"
	"fmt"
)

// The kinds of errors that callers tell apart with errors.Is.
var (
	// ErrNotFound says that what was named does not exist, or is deleted.
	ErrNotFound = errors.New("not found")
	// ErrExists says that a name is taken.
	ErrExists = errors.New("already exists")
	// ErrInvalid says that a value cannot be stored or a filter not be read.
	ErrInvalid = errors.New("invalid")
	// ErrConflict says that the state of a thing forbids the operation.
	ErrConflict = errors.New("conflict")
	// ErrNewerSchema says that the file was written by a newer pipe.
	ErrNewerSchema = errors.New("newer schema")
	// ErrClosed says that the registry was closed.
	ErrClosed = errors.New("registry is closed")
)

// Error is an error of a known kind about a named thing.
type Error struct {
	Kind error  // ErrNotFound, ErrExists, ErrInvalid or ErrConflict
	What string // "run", "experiment", "model", "version", "alias"…
	Name string // the name or id that was given
	Text string // the whole sentence
}

// Error gives the sentence.
func (e *Error) Error() string { return e.Text }

// Unwrap gives the kind.
func (e *Error) Unwrap() error { return e.Kind }

func notFound(what, name string) error {
	return &Error{ErrNotFound, what, name, fmt.Sprintf("%s %q does not exist", what, name)}
}

func exists(what, name string) error {
	return &Error{ErrExists, what, name, fmt.Sprintf("%s %q already exists", what, name)}
}

func invalid(what, name, format string, args ...any) error {
	return &Error{ErrInvalid, what, name, fmt.Sprintf(format, args...)}
}

func conflict(what, name, format string, args ...any) error {
	return &Error{ErrConflict, what, name, fmt.Sprintf(format, args...)}
}
