package schedule

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"pipe/dag"
)

// Lineage sends OpenLineage events (https://openlineage.io, RunEvent of schema
// 2-0-2) of scheduled runs: one when a run starts and one when it ends, with
// the files that it read, the artifacts that it made, and its logical time.
type Lineage struct {
	url    string
	file   *os.File
	log    *slog.Logger
	events chan []byte
}

// openLineage names the schemas of the events.
const (
	runEventSchema     = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
	nominalTimeSchema  = "https://openlineage.io/spec/facets/1-0-1/NominalTimeRunFacet.json#/$defs/NominalTimeRunFacet"
	errorMessageSchema = "https://openlineage.io/spec/facets/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet"
	jobTypeSchema      = "https://openlineage.io/spec/facets/2-0-3/JobTypeJobFacet.json#/$defs/JobTypeJobFacet"
	producer           = "urn:pipe"
)

// NewLineage sends to an http(s) address or appends to a file; "" is nowhere.
func NewLineage(to string, log *slog.Logger) (*Lineage, error) {
	l := &Lineage{log: log, events: make(chan []byte, 1024)}
	switch {
	case to == "":
	case strings.HasPrefix(to, "http://"), strings.HasPrefix(to, "https://"):
		l.url = to
	default:
		f, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
		if err != nil {
			return nil, fmt.Errorf("--openlineage: %w", err)
		}
		l.file = f
	}
	return l, nil
}

// Run sends until ctx is done.
func (l *Lineage) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			if l.file != nil {
				return l.file.Close()
			}
			return nil
		case e := <-l.events:
			if err := l.send(ctx, e); err != nil && ctx.Err() == nil {
				l.log.Warn("schedules: an OpenLineage event could not be sent", "error", err)
			}
		}
	}
}

func (l *Lineage) send(ctx context.Context, event []byte) error {
	if l.file != nil {
		_, err := l.file.Write(append(event, '\n'))
		return err
	}
	limited, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	req, err := http.NewRequestWithContext(limited, http.MethodPost, l.url, bytes.NewReader(event))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if key := os.Getenv("OPENLINEAGE_API_KEY"); key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the receiver answered %s", resp.Status)
	}
	return nil
}

// Sink watches a run for its events; nil where they go nowhere.
func (l *Lineage) Sink(j Job, p *dag.Pipeline) dag.Sink {
	if l.url == "" && l.file == nil {
		return nil
	}
	return &lineageSink{to: l, job: j, pipeline: p, inputs: map[string]dataset{}, outputs: map[string]dataset{}}
}

// lineageSink gathers what a run reads and makes.
type lineageSink struct {
	to              *Lineage
	job             Job
	pipeline        *dag.Pipeline
	inputs, outputs map[string]dataset
}

type dataset struct {
	Namespace string         `json:"namespace"`
	Name      string         `json:"name"`
	Facets    map[string]any `json:"facets,omitempty"`
}

// Event implements dag.Sink.
func (s *lineageSink) Event(e *dag.Event) {
	switch e.Type {
	case dag.RunStarted:
		s.emit(e, "START")
	case dag.StageFinished, dag.StageCached:
		for _, x := range e.Externals {
			s.inputs[x.Path] = dataset{Namespace: "file", Name: x.Path, Facets: version(string(x.Digest))}
		}
		for port, ref := range e.Outputs {
			name := e.Stage
			if port != dag.Out {
				name += "." + port
			}
			s.outputs[name] = dataset{Namespace: "pipe", Name: s.pipeline.Name + "." + name, Facets: version(string(ref.Digest))}
		}
	case dag.RunFinished:
		s.emit(e, map[string]string{"finished": "COMPLETE", "failed": "FAIL", "killed": "ABORT"}[e.Status])
	}
}

func version(digest string) map[string]any {
	return map[string]any{"version": map[string]any{"_producer": producer, "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet", "datasetVersion": digest}}
}

func (s *lineageSink) emit(e *dag.Event, kind string) {
	run := map[string]any{"nominalTime": map[string]any{
		"_producer": producer, "_schemaURL": nominalTimeSchema,
		"nominalStartTime": s.job.Start.Format(time.RFC3339), "nominalEndTime": s.job.End.Format(time.RFC3339),
	}}
	if kind == "FAIL" {
		run["errorMessage"] = map[string]any{"_producer": producer, "_schemaURL": errorMessageSchema, "message": e.Text, "programmingLanguage": "YAML"}
	}
	event := map[string]any{
		"eventType": kind, "eventTime": e.Time.UTC().Format(time.RFC3339Nano), "producer": producer, "schemaURL": runEventSchema,
		"run": map[string]any{"runId": uuid(s.job.Fire.Run), "facets": run},
		"job": map[string]any{"namespace": "pipe", "name": s.pipeline.Name, "facets": map[string]any{
			"jobType": map[string]any{"_producer": producer, "_schemaURL": jobTypeSchema, "processingType": "BATCH", "integration": "PIPE", "jobType": "PIPELINE"},
		}},
		"inputs": sorted(s.inputs), "outputs": sorted(s.outputs),
	}
	b, err := json.Marshal(event)
	if err != nil {
		s.to.log.Warn("schedules: an OpenLineage event", "error", err)
		return
	}
	select {
	case s.to.events <- b:
	default:
		s.to.log.Warn("schedules: too many OpenLineage events wait; one was dropped", "run", s.job.Fire.Run)
	}
}

// uuid is a run's id in the form with hyphens.
func uuid(id string) string {
	if len(id) != 32 {
		return id
	}
	return id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
}

func sorted(m map[string]dataset) []dataset {
	out := make([]dataset, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}
