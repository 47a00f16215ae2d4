package dag

import (
	"context"
	"encoding/json"
	"errors"

	"pipe/artifacts"
)

// ErrNoModel says that a model, version or alias does not exist.
var ErrNoModel = errors.New("no such model")

// Models is the registry as stages with an effect see it.
type Models interface {
	// Resolve finds "name@alias", "name/3" or "name" (its newest version);
	// ErrNoModel where there is none.
	Resolve(ctx context.Context, name string) (*ModelVersion, error)
	// Register adds a version; the same model digest again gives the version
	// that is there.
	Register(ctx context.Context, v NewModelVersion) (*ModelVersion, error)
	// SetAlias moves an alias to a version and records why.
	SetAlias(ctx context.Context, model, alias string, version int, why string) error
	// Deploy lets a model answer and tells whether that changed anything.
	Deploy(ctx context.Context, d Deployment) (changed bool, err error)
}

// Deployment says that a model answers under a name.
type Deployment struct {
	Name   string
	Model  string
	Target string // "@champion" or "/3"
	Policy json.RawMessage
	Why    string
}

// ModelVersion is a registered version.
type ModelVersion struct {
	Model   string
	Version int
	Ref     artifacts.Ref
	Metrics map[string]float64
	Aliases []string
	Created bool // by this call, as opposed to found
}

// NewModelVersion is what a stage registers.
type NewModelVersion struct {
	Model       string
	Ref         artifacts.Ref
	Signature   json.RawMessage
	Metrics     map[string]float64
	Description string
	Tags        map[string]string
}
