package stages

import (
	"context"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
)

// TestExecParamsAreExact: a number reaches the program as it is written.
func TestExecParamsAreExact(t *testing.T) {
	s := dagtest.Store(t)
	k := dagtest.New(t, &Exec{}, `{ run: "cat $PIPE_PARAMS > $PIPE_OUTPUT_P", outputs: { p: file }, params: { a: 123456789012345678901234567890, b: 18446744073709551615, c: 012, d: 0o12, e: 1.50, f: "7", g: [9007199254740993, { h: -0.1e-400 }], i: ~, j: yes, k: true } }`)
	out := dagtest.Run(t, s, k, nil)
	const want = `{"a":123456789012345678901234567890,"b":18446744073709551615,"c":12,"d":10,"e":1.50,"f":"7","g":[9007199254740993,{"h":-0.1e-400}],"i":null,"j":"yes","k":true}`
	if b, _ := s.ReadAll(out["p"]); strings.TrimSpace(string(b)) != want {
		t.Errorf(" got %s\nwant %s", b, want)
	}
	for with, want := range map[string]string{
		`{ run: x, params: { a: .inf } }`:          "with.params.a: JSON, in which the program gets it, has no .inf; write it as text",
		`{ run: x, params: { a: { b: [.nan] } } }`: "with.params.a.b: JSON, in which the program gets it, has no .nan",
		`{ run: x, params: [1] }`:                  "with.params: expected a map of names and values, found a list",
	} {
		if got := dagtest.Decode(&Exec{}, with); !strings.Contains(got, want) {
			t.Errorf("%s: %s", with, got)
		}
	}
}

// TestExecMetricLines: a line that is meant as a metric and is none is told.
func TestExecMetricLines(t *testing.T) {
	s := dagtest.Store(t)
	k := dagtest.New(t, &Exec{}, `run: "echo metric a 0.5; echo metric acc abc; echo metric big 1e400; echo metric loss x 3; echo metric system is good enough"`)
	var said strings.Builder
	_, metrics, err := dag.RunKind(context.Background(), s, k, map[string][]artifacts.Ref{}, 7, nil, t.TempDir(), func(e dag.Event) { said.WriteString(e.Text + "\n") })
	if err != nil || len(metrics) != 1 || metrics[0].Name != "a" {
		t.Fatalf("%v %v", metrics, err)
	}
	for _, want := range []string{`the line above is no metric: "abc" is no number; write metric NAME VALUE or metric NAME STEP VALUE`, "1e400 is beyond what a number of 64 bits holds", `the step "x" is no whole number`} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("no %q in %s", want, said.String())
		}
	}
	if strings.Count(said.String(), "no metric") != 3 {
		t.Error(said.String())
	}
}
