package stages

import (
	"encoding/json"
	"testing"

	"pipe/artifacts"
	"pipe/dag/dagtest"
	"pipe/stages/score"
)

func TestTrainEvaluate(t *testing.T) {
	y := newToy(t, "cat", "dog", "owl")
	m := y.model(t, toyTraining)
	out := dagtest.Run(t, y.store, dagtest.New(t, evaluateKind.New(), ""), map[string]artifacts.Ref{"model": m, "data": y.test})
	b, err := y.store.ReadAll(out["out"])
	if err != nil {
		t.Fatal(err)
	}
	var r score.Result
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if r.Metrics["accuracy"] < 0.9 {
		t.Errorf("accuracy is %v", r.Metrics["accuracy"])
	}
	t.Log(string(b[:400]))
	t.Log(dagtest.Rows(t, y.store, out["predictions"])[:300])
}
