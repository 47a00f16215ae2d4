package policy

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pipe/dag"
)

func TestParseFillsInDefaultsAndReadsWhatItWrote(t *testing.T) {
	p, err := Parse(nil)
	if err != nil || p.MaxBatch != 32 || p.Queue != 1024 || time.Duration(p.Timeout) != 30*time.Second || p.MaxBody != 16<<20 {
		t.Fatalf("%+v %v", p, err)
	}
	p.MaxDelay = dag.Duration(2 * time.Millisecond)
	p.Canary = &Canary{Target: "@challenger", Percent: 10, Key: "X-User"}
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(b)
	if err != nil || again.MaxDelay != p.MaxDelay || *again.Canary != *p.Canary {
		t.Errorf("%s: %+v %v", b, again, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{"canary":{"target":"challenger","percent":10}}`: "canary.target",
		`{"canary":{"target":"/2","percent":0}}`:          "canary.percent",
		`{"shadow":"x"}`:                                  "shadow",
		`{"queue":-1}`:                                    "negative",
		`{"log":{"sample":2}}`:                            "log.sample",
		`{"drift":{"psi":-1}}`:                            "drift.psi",
		`{"drift":{"window":"200h"}}`:                     "drift.window",
		`{"drift":{"window":"10ms"}}`:                     "drift.window",
		`{"rollback":{"drift":-1}}`:                       "rollback.drift",
		`{"timeout":"soon"}`:                              "soon",
		`{"max_batch":"everyone"}`:                        "max_batch",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestReadRefusesWhatHasNoMeaning(t *testing.T) {
	for given, want := range map[string]string{
		`{"rollback":{"drft":1}}`: `unknown field "drft"`, `null`: "is a JSON object", `[]`: "is a JSON object", `{} {}`: "behind the JSON object",
	} {
		if _, err := Read(given); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", given, err, want)
		}
	}
	for given, want := range map[string]string{
		`{"log":{"sample":1,"inputs":"foo"}}`: "log.inputs is keep, hash or none", `{"rollback":{"error_rate":7}}`: "between 0 and 1",
		`{"rollback":{"min_requests":-1}}`: "must not be negative",
	} {
		p, err := Read(given)
		if err == nil {
			err = p.Validate()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", given, err, want)
		}
	}
	if p, err := Read(`{"max_batch": 4}`); err != nil || p.MaxBatch != 4 {
		t.Errorf("%+v, %v", p, err)
	}
}
