package stages

import (
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag/dagtest"
)

// The rows that are measured may be those of the training: the report must not
// say that they are others.
func TestReportClaimsNothingOfTheRows(t *testing.T) {
	y := newToy(t, "cat", "dog")
	m := y.model(t, strings.Replace(toyTraining, "epochs: 12", "epochs: 1", 1))
	out := dagtest.Run(t, y.store, dagtest.New(t, evaluateKind.New(), "{}"), map[string]artifacts.Ref{"model": m, "data": y.train})
	page, err := y.store.ReadAll(out["report"])
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "measured on 300 rows.") || strings.Contains(string(page), "did not learn") {
		t.Error("the report says of the training rows that the model did not learn from them")
	}
}
