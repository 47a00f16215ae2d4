package registry

import (
	"encoding/json"
	"time"

	"pipe/artifacts"
)

// RegisteredModel is a named line of versions.
type RegisteredModel struct {
	Name        string         `json:"name"`
	Description string         `json:"description,omitempty"`
	Created     time.Time      `json:"created"`
	Updated     time.Time      `json:"updated"`
	Tags        []Pair         `json:"tags,omitempty"`
	Aliases     map[string]int `json:"aliases,omitempty"`
	// Latest is the newest version of each of MLflow's stages that has one.
	Latest []ModelVersion `json:"latest,omitempty"`
}

// ModelVersion is one registered model artifact.
type ModelVersion struct {
	Model       string        `json:"model"`
	Version     int           `json:"version"`
	Status      string        `json:"status"`          // READY; PENDING_REGISTRATION and FAILED_REGISTRATION exist in MLflow
	Stage       string        `json:"stage,omitempty"` // MLflow's deprecated stage: None, Staging, Production, Archived
	Ref         artifacts.Ref `json:"ref,omitzero"`    // zero for a version that an MLflow client registered by URI
	Source      string        `json:"source,omitempty"`
	StorageURI  string        `json:"storage_uri,omitempty"`
	RunID       string        `json:"run_id,omitempty"`
	RunLink     string        `json:"run_link,omitempty"`
	ModelID     string        `json:"model_id,omitempty"` // MLflow's logged model
	User        string        `json:"user,omitempty"`
	Description string        `json:"description,omitempty"`
	Created     time.Time     `json:"created"`
	Updated     time.Time     `json:"updated"`
	// Metrics is a snapshot of what the version was judged by.
	Metrics   []Metric        `json:"metrics,omitempty"`
	Signature json.RawMessage `json:"signature,omitempty"`
	Tags      []Pair          `json:"tags,omitempty"`
	Aliases   []string        `json:"aliases,omitempty"`
}

// Metric returns the value of a metric of the snapshot, and whether it is
// there.
func (v *ModelVersion) Metric(key string) (float64, bool) {
	for _, m := range v.Metrics {
		if m.Key == key {
			return m.Value, true
		}
	}
	return 0, false
}

// NewVersion describes a version that is to be registered.
type NewVersion struct {
	Model       string
	Version     int           // 0: the next number
	Ref         artifacts.Ref // of the model; zero when Source names it
	Source      string        // MLflow's URI of the model
	StorageURI  string        // where the files are, when Source does not say
	RunID       string
	RunLink     string
	ModelID     string
	User        string
	Signature   json.RawMessage
	Metrics     map[string]float64
	Tags        []Pair
	Description string
}

// VersionName names a version of a model.
type VersionName struct {
	Model   string `json:"model"`
	Version int    `json:"version"`
}

// Audit says who moved or deleted something, and why.
type Audit struct {
	Who   string `json:"who,omitempty"`
	Why   string `json:"why,omitempty"`
	RunID string `json:"run_id,omitempty"`
}

// AuditEntry is a line of the audit log, which is only ever appended to.
type AuditEntry struct {
	Audit
	Time    time.Time `json:"time"`
	Action  string    `json:"action"`           // "alias.set", "alias.delete", "stage.set", "version.delete", "model.rename"…
	Subject string    `json:"subject"`          // "model", "model/3", "model@alias", a run's id
	Before  string    `json:"before,omitempty"` // what it was
	After   string    `json:"after,omitempty"`  // what it became
}

// Dataset is what a run read, in MLflow's words.
type Dataset struct {
	Name       string `json:"name"`
	Digest     string `json:"digest"`
	SourceType string `json:"source_type"`
	Source     string `json:"source"`
	Schema     string `json:"schema,omitempty"`
	Profile    string `json:"profile,omitempty"`
}

// DatasetInput is a dataset as the input of a run, with its tags (MLflow's
// mlflow.data.context says "training", "validation"…).
type DatasetInput struct {
	Dataset Dataset `json:"dataset"`
	Tags    []Pair  `json:"tags,omitempty"`
}
