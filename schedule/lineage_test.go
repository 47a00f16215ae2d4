package schedule

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/registry"
)

// TestOpenLineage holds the events of a run against the schema: of one that
// ends well and one that fails. PIPE_OPENLINEAGE_SCHEMA names a file with the
// official schema to hold them against as well.
func TestOpenLineage(t *testing.T) {
	file := t.TempDir() + "/events.jsonl"
	l, err := NewLineage(file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	j := Job{Fire: registry.Fire{Run: newRunID(), Start: epoch, End: epoch.Add(time.Hour)}}
	for _, status := range []string{"finished", "failed"} {
		s := l.Sink(j, &dag.Pipeline{Name: "p"})
		now := time.Now()
		s.Event(&dag.Event{Type: dag.RunStarted, Time: now})
		s.Event(&dag.Event{Type: dag.StageFinished, Time: now, Stage: "rows", Externals: []artifacts.Fingerprint{{Path: "a.csv", Digest: "00ff"}},
			Outputs: map[string]artifacts.Ref{dag.Out: {Digest: "ab"}, "log": {Digest: "cd"}}})
		s.Event(&dag.Event{Type: dag.RunFinished, Time: now, Status: status, Text: "no disk"})
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- l.Run(ctx) }()
	var lines [][]byte
	eventually(t, "four events", func() bool {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines = bytes.Split(bytes.TrimSpace(b), []byte("\n"))
		return len(lines) == 4
	})
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	schemas := []string{"testdata/openlineage.json"}
	if official := os.Getenv("PIPE_OPENLINEAGE_SCHEMA"); official != "" {
		schemas = append(schemas, official)
	}
	for _, path := range schemas {
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		schema, err := c.Compile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(v); err != nil {
				t.Errorf("%s: %v\n%s", path, err, line)
			}
		}
	}
	for i, want := range []string{`"eventType":"START"`, `"eventType":"COMPLETE"`, `"eventType":"START"`, `"eventType":"FAIL"`} {
		if !bytes.Contains(lines[i], []byte(want)) {
			t.Errorf("event %d is no %s: %s", i, want, lines[i])
		}
	}
	if !bytes.Contains(lines[1], []byte(`"a.csv"`)) || !bytes.Contains(lines[1], []byte(`"p.rows.log"`)) {
		t.Errorf("no datasets in %s", lines[1])
	}
}
