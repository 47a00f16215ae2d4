package duckdb

import (
	"fmt"
	"strings"
)

// Error is what DuckDB says against a query, with the place where it knows one.
type Error struct {
	Msg       string
	Line, Col int // from 1; 0 where the place is not known
}

func (e *Error) Error() string { return e.Msg }

// newError finds the place in a message, which shows the line and a caret:
//
//	Binder Error: Referenced column "ag" not found
//
//	LINE 1: SELECT ag FROM people
//	               ^
func newError(sql, message string) *Error {
	e := &Error{Msg: firstLines(message)}
	lines := strings.Split(message, "\n")
	for i := 0; i+1 < len(lines); i++ {
		var n int
		if _, err := fmt.Sscanf(lines[i], "LINE %d:", &n); err != nil {
			continue
		}
		prefix := fmt.Sprintf("LINE %d: ", n)
		at := strings.Index(lines[i+1], "^") - len(prefix)
		source := strings.Split(sql, "\n")
		// A long line is cut, and then the caret says nothing of the file.
		if at >= 0 && n <= len(source) && strings.TrimPrefix(lines[i], prefix) == source[n-1] {
			e.Line, e.Col = n, at+1
		}
		break
	}
	return e
}

// firstLines leaves what a message says before it shows the query.
func firstLines(message string) string {
	message, _, _ = strings.Cut(message, "\nLINE ")
	return strings.Join(strings.Fields(message), " ")
}
