// Package dag owns the pipeline: text becomes a checked Pipeline, a Pipeline a
// Plan of keyed stages, a Plan a Run that tells of itself in Events.
//
// It knows no kind of stage by name. Kinds are handed to it, and all that a
// kind sees of a run is its Check before anything runs and its Env while it
// runs.
package dag
