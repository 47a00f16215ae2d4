package dag

import (
	"fmt"
	"runtime/debug"
)

// PanicError is a bug in a kind that the runner caught.
type PanicError struct {
	Value any
	Stack string
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("panic: %v (a bug in pipe: please report it with the log of the stage)", e.Value)
}

func panicError(v any) error { return &PanicError{Value: v, Stack: string(debug.Stack())} }
