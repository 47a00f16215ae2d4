package dag

import (
	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
)

// Schema is what the checker knows of an artifact before it exists. A nil part
// is not known, and nothing is checked against it.
type Schema struct {
	Type      artifacts.Type
	Table     *arrow.Schema // of a table: columns with types and nullability
	Signature *Signature    // of a transform or model
	Metrics   []string      // of metrics: the names that will be there
	// First gives the first rows of a table that does not exist yet: those of a
	// source's file, taken through the stages between; nil where they are not known.
	// What they show is certain, where the schema only says what may be. It is
	// called when a check asks, at most once.
	First  func() arrow.RecordBatch
	Origin string // the stage and port that made it, for messages
}

// Signature says what raw columns a transform or a model reads and what it
// gives for each row.
type Signature struct {
	Inputs  []Column `json:"inputs"`
	Outputs []Column `json:"outputs"`
	// Shape is a transform's tensor for one row, -1 where a dimension is not
	// known before it is fitted.
	Shape []int `json:"shape,omitempty"`
	// Tokens is how many different ids an integer tensor may hold, padding
	// included; 0 for a tensor of floats.
	Tokens int `json:"tokens,omitempty"`
	// Target is the column that a model predicts, where data has it.
	Target string `json:"target,omitempty"`
	// Task is what a model does: "classification", "regression"…
	Task string `json:"task,omitempty"`
}

// Column is a named column of a signature; Type is the Arrow type's name
// ("utf8", "int64", "list<item: float, nullable>").
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Doc  string `json:"doc,omitempty"`
}
