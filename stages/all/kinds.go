// Package all puts the kinds together that a pipeline of pipe may use: those of
// package stages, and those that link a large library and are packages of their
// own, so that tests elsewhere do not link it.
package all

import (
	"pipe/dag"
	"pipe/stages"
	"pipe/stages/sql"
)

// Kinds returns every kind.
func Kinds() *dag.Kinds { return stages.Kinds(sql.Kind) }
