package mlflow

import (
	"encoding/json"
	"reflect"
	"testing"
)

// What the fast decoder takes, the general one decodes to the same.
func FuzzFastBatch(f *testing.F) {
	for _, body := range []string{
		`{"run_id": "r", "metrics": [{"key": "m", "value": 1.5, "timestamp": 10, "step": 2}, {"key": "ü", "value": -1e-7, "timestamp": 0}], "params": [{"key": "p", "value": "x"}], "tags": []}`,
		`{"run_id":"r","key":"m","value":1,"timestamp":1,"step":-3,"model_id":"m-1","dataset_name":"d","dataset_digest":"g"}`,
		`{}`, `{"run_id":"\u0041"}`, `{"value": 01}`, `{"value": 1.}`, `{"value": +1}`, `{"value": .5}`, `{"value": -}`, `{"value": 1e}`, `{"value":1e999}`, `{"run_id": null}`,
		`{"metrics": [{"value": "NaN"}]}`, `{"metrics": null}`, `{"run_id": "a", "run_id": "b"}`, `{"step": 1.0}`, "{\"key\": \"\xff\"}", `{"key": "a"} x`, `{"key": "a",}`, `{"metrics":[{"key":"a"},]}`,
		`{"metrics":[{"key":"a"}],"metrics":[{"value":1}]}`, `{"tags":[{"key":"a"}],"tags":[{"value":"b"}]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var fast, slow logBatch
		if fastBatch(body, &fast) {
			if err := json.Unmarshal(body, &slow); err != nil {
				t.Fatalf("%q is taken, and is wrong: %v", body, err)
			}
			if !same(fast, slow) {
				t.Errorf("%q: %+v, and generally %+v", body, fast, slow)
			}
		}
		var one, other logMetric
		if fastMetric(body, &one) {
			if err := json.Unmarshal(body, &other); err != nil {
				t.Fatalf("%q is taken, and is wrong: %v", body, err)
			}
			if !reflect.DeepEqual(one, other) {
				t.Errorf("%q: %+v, and generally %+v", body, one, other)
			}
		}
	})
}

func same(a, b logBatch) bool {
	if len(a.Metrics) != len(b.Metrics) || len(a.Params) != len(b.Params) || len(a.Tags) != len(b.Tags) {
		return false
	}
	for i := range a.Metrics {
		if !reflect.DeepEqual(a.Metrics[i], b.Metrics[i]) {
			return false
		}
	}
	for i := range a.Params {
		if a.Params[i] != b.Params[i] {
			return false
		}
	}
	for i := range a.Tags {
		if a.Tags[i] != b.Tags[i] {
			return false
		}
	}
	return a.ID == b.ID
}
