package registry

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	"pipe/artifacts"
)

// Status is the state of a run, in MLflow's words.
type Status string

// The states of a run.
const (
	Running   Status = "RUNNING"
	Scheduled Status = "SCHEDULED"
	Finished  Status = "FINISHED"
	Failed    Status = "FAILED"
	Killed    Status = "KILLED"
)

// Valid reports whether s is one of the states.
func (s Status) Valid() bool {
	switch s {
	case Running, Scheduled, Finished, Failed, Killed:
		return true
	}
	return false
}

// Experiment groups runs.
type Experiment struct {
	ID               int64     `json:"id"`
	Name             string    `json:"name"`
	ArtifactLocation string    `json:"artifact_location,omitempty"`
	Deleted          bool      `json:"deleted,omitempty"`
	Created          time.Time `json:"created"`
	Updated          time.Time `json:"updated"`
	Tags             []Pair    `json:"tags,omitempty"`
}

// Git says which code a run came from.
type Git struct {
	Commit string `json:"commit,omitempty"`
	Branch string `json:"branch,omitempty"`
	Dirty  bool   `json:"dirty,omitempty"` // the work tree differed from the commit
}

// Host says where a run ran.
type Host struct {
	Name  string `json:"name,omitempty"`
	OS    string `json:"os,omitempty"`
	Arch  string `json:"arch,omitempty"`
	CPU   string `json:"cpu,omitempty"`
	Cores int    `json:"cores,omitempty"`
}

// NewRun describes a run that is to be created.
type NewRun struct {
	// ID is MLflow's form of a run's name, 32 hexadecimal digits; empty: a
	// fresh one is drawn.
	ID           string
	Experiment   int64
	Name         string
	User         string
	Status       Status    // empty: Running
	Start        time.Time // zero: now
	ArtifactURI  string    // empty: the experiment's location, the run's id, "artifacts"
	Pipeline     string    // the pipeline's name
	PipelineText string    // its whole text, kept once per content
	Git          Git
	Host         Host
	Params       []Pair
	Tags         []Pair
	// Process is the process that runs it, so that its death can be noticed;
	// nil for a run that somebody else reports on.
	Process *Process
}

// Run is a row of a list of runs.
type Run struct {
	ID          string    `json:"id"`
	Experiment  int64     `json:"experiment"`
	Name        string    `json:"name"`
	User        string    `json:"user,omitempty"`
	Status      Status    `json:"status"`
	Start       time.Time `json:"start"`
	End         time.Time `json:"end,omitzero"`
	Deleted     bool      `json:"deleted,omitempty"`
	ArtifactURI string    `json:"artifact_uri,omitempty"`
	Error       string    `json:"error,omitempty"`
	// Queued tells of a run that is Scheduled that a process waits to begin it.
	Queued         bool             `json:"queued,omitempty"`
	Pipeline       string           `json:"pipeline,omitempty"`
	PipelineDigest artifacts.Digest `json:"pipeline_digest,omitempty"`
	Git            Git              `json:"git,omitzero"`
	Host           Host             `json:"host,omitzero"`
	Params         []Pair           `json:"params,omitempty"`
	Tags           []Pair           `json:"tags,omitempty"`
	// Metrics is the latest point of each series, by (step, time, value).
	Metrics []Metric `json:"metrics,omitempty"`
	// Inputs are datasets; ModelInputs and ModelOutputs are MLflow's logged
	// models.
	Inputs       []DatasetInput `json:"inputs,omitempty"`
	ModelInputs  []RunModel     `json:"model_inputs,omitempty"`
	ModelOutputs []RunModel     `json:"model_outputs,omitempty"`

	seq int64
}

// RunDetail is a run with all that belongs to it.
type RunDetail struct {
	Run
	PipelineText string        `json:"pipeline_text,omitempty"`
	Stages       []Stage       `json:"stages,omitempty"`
	Versions     []VersionName `json:"versions,omitempty"` // what the run registered
}

// Metric is one point of a series. Time has a resolution of milliseconds;
// Value may be NaN or infinite.
type Metric struct {
	Key   string
	Value float64
	Time  time.Time
	Step  int64
	// About is the logged model that a new point also says something about;
	// nil for most, and for points that are read.
	About *About
}

// About links a metric to a logged model and the dataset it was measured on.
type About struct{ ModelID, DatasetName, DatasetDigest string }

// MarshalJSON writes NaN and the infinities, which JSON lacks, as strings.
func (m Metric) MarshalJSON() ([]byte, error) {
	value := any(m.Value)
	if math.IsNaN(m.Value) || math.IsInf(m.Value, 0) {
		value = strconv.FormatFloat(m.Value, 'g', -1, 64)
	}
	return json.Marshal(struct {
		Key   string    `json:"key"`
		Value any       `json:"value"`
		Time  time.Time `json:"time"`
		Step  int64     `json:"step"`
	}{m.Key, value, m.Time, m.Step})
}

// StageState says how far a stage is.
type StageState string

// The states of a stage.
const (
	StageRunning StageState = "running"
	StageDone    StageState = "done"
	StageCached  StageState = "cached"
	StageFailed  StageState = "failed"
	StageSkipped StageState = "skipped"
)

// Stage is one stage of one run, with what it read and what it made.
type Stage struct {
	Name     string        `json:"name"`
	Kind     string        `json:"kind"`
	Key      artifacts.Key `json:"key,omitempty"`
	State    StageState    `json:"state"`
	Started  time.Time     `json:"started,omitzero"`
	Finished time.Time     `json:"finished,omitzero"`
	Error    string        `json:"error,omitempty"`
	// Inputs and Outputs are by port.
	Inputs  map[string]artifacts.Ref `json:"inputs,omitempty"`
	Outputs map[string]artifacts.Ref `json:"outputs,omitempty"`
	// Externals are the files outside the store that a source read.
	Externals []External `json:"externals,omitempty"`
}

// External is a file outside the store that a stage read.
type External struct {
	Path   string           `json:"path"`
	Digest artifacts.Digest `json:"digest"`
	Size   int64            `json:"size"`
}

// StageRecord is a stage with the points it logged, for PutStages.
type StageRecord struct {
	Stage   Stage
	Metrics []Metric
}
