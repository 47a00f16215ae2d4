package dag

import (
	"time"

	"pipe/artifacts"
)

// EventType says what happened.
type EventType string

// The life of a run in events. Each stage ends with exactly one of cached,
// finished, failed, skipped and waiting.
const (
	RunQueued     EventType = "run.queued" // for another run of its concurrency group
	RunStarted    EventType = "run.started"
	RunFinished   EventType = "run.finished"
	StageQueued   EventType = "stage.queued" // another run computes the same
	StageStarted  EventType = "stage.started"
	StageProgress EventType = "stage.progress"
	StageLog      EventType = "stage.log"
	StageMetric   EventType = "stage.metric"
	StageCached   EventType = "stage.cached"
	StageFinished EventType = "stage.finished"
	StageFailed   EventType = "stage.failed"
	StageSkipped  EventType = "stage.skipped"
	StageWaiting  EventType = "stage.waiting" // for a person
)

// Event is the only thing that leaves a run: the terminal, the journal, the
// registry and the server all consume it. Which fields are set depends on the
// type.
type Event struct {
	Time  time.Time `json:"time"`
	Type  EventType `json:"type"`
	Run   string    `json:"run,omitempty"`
	Stage string    `json:"stage,omitempty"`

	// run.queued, run.started
	Pipeline string `json:"pipeline,omitempty"`
	Stages   int    `json:"stages,omitempty"`

	// stage.started, .cached, .finished, .failed
	Kind    string                   `json:"kind,omitempty"`
	Key     artifacts.Key            `json:"key,omitempty"`
	Inputs  map[string]artifacts.Ref `json:"inputs,omitempty"`
	Outputs map[string]artifacts.Ref `json:"outputs,omitempty"`
	// Externals are the files outside the store that the stage read.
	Externals []artifacts.Fingerprint `json:"externals,omitempty"`
	Seconds   float64                 `json:"seconds,omitempty"`
	// Replayed marks metrics and logs of a hit: they were recorded when the
	// stage ran.
	Replayed bool `json:"replayed,omitempty"`

	// stage.progress
	Done  int64  `json:"done,omitempty"`
	Total int64  `json:"total,omitempty"`
	Unit  string `json:"unit,omitempty"`

	// stage.metric
	Metrics []Metric `json:"metrics,omitempty"`

	// run.queued, stage.queued, .log, .failed, .skipped, run.finished
	Text string `json:"text,omitempty"`
	// run.finished: "finished", "failed", "killed"
	Status string `json:"status,omitempty"`
	// run.queued, stage.queued: the run that is waited for, where it is known
	Other string `json:"other,omitempty"`
}

// Metric is one point of a series. Step counts what the stage counts (epochs,
// batches); a lone value has step 0.
type Metric struct {
	Name  string    `json:"name"`
	Value Float     `json:"value"`
	Step  int64     `json:"step"`
	Time  time.Time `json:"time"`
}

// Sink takes a run's events, in order and one at a time.
type Sink interface{ Event(e *Event) }

// Sinks hands each event to several.
type Sinks []Sink

// Event implements Sink.
func (s Sinks) Event(e *Event) {
	for _, x := range s {
		x.Event(e)
	}
}
