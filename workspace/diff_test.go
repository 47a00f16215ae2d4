package workspace

import (
	"context"
	"slices"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/registry"
)

// A stage with an effect has no record in the store: what it read tells why it
// was another one.
func TestDiffOfAStageWithoutARecord(t *testing.T) {
	w, err := Open(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	stage := func(digit, model string) registry.Stage {
		return registry.Stage{Name: "release", Key: artifacts.Key(strings.Repeat(digit, 64)),
			Inputs:    map[string]artifacts.Ref{"model": {Digest: artifacts.Digest(strings.Repeat(model, 64))}},
			Externals: []registry.External{{Path: "card.md", Digest: artifacts.Digest(strings.Repeat("e", 64))}}}
	}
	if got, want := w.whyOther(stage("1", "a"), stage("2", "b")), []string{"input model aaaaaaaaaaaa → bbbbbbbbbbbb"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := w.whyOther(stage("1", "a"), stage("2", "a")), []string{"its configuration differs; no record in the store says how"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
