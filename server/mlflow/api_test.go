package mlflow

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Every RPC answers under each prefix that clients and MLflow's UI use.
func TestPrefixes(t *testing.T) {
	web, _ := start(t)
	c := client{t, web.URL}
	for _, p := range prefixes {
		if got := dig(c.must("GET", p+"/mlflow/experiments/get?experiment_id=0", nil), "experiment", "name"); got != "Default" {
			t.Errorf("%s: experiment 0 is %v", p, got)
		}
	}
	if got := c.must("GET", "/version", nil)["text"]; got != Release {
		t.Errorf("version is %v", got)
	}
	if got := c.must("GET", "/health", nil)["text"]; got != "OK" {
		t.Errorf("health is %v", got)
	}
}

func TestRunLifeCycle(t *testing.T) {
	web, _ := start(t)
	c := client{t, web.URL}
	id := c.must("POST", api+"experiments/create", map[string]any{"name": "e", "tags": []map[string]string{{"key": "a", "value": "b"}}})["experiment_id"].(string)
	info := dig(c.must("POST", api+"runs/create", map[string]any{"experiment_id": id, "user_id": "ada", "start_time": "1234", "run_name": "first",
		"tags": []map[string]string{{"key": "t", "value": "v"}}}), "run", "info").(map[string]any)
	run := info["run_id"].(string)
	want := map[string]any{"run_uuid": run, "run_id": run, "experiment_id": id, "run_name": "first", "user_id": "ada", "status": "RUNNING",
		"start_time": 1234.0, "artifact_uri": "mlflow-artifacts:/" + id + "/" + run + "/artifacts", "lifecycle_stage": "active"}
	if fmt.Sprint(info) != fmt.Sprint(want) {
		t.Fatalf("info is %v, want %v", info, want)
	}
	for _, m := range []string{`{"run_id": %q, "key": "m", "value": 1.5, "timestamp": 10, "step": 2}`, `{"run_uuid": %q, "key": "m", "value": "2.5", "timestamp": "11", "step": "3"}`,
		`{"run_id": %q, "key": "nan", "value": "NaN", "timestamp": 10}`, `{"run_id": %q, "key": "inf", "value": "-Infinity", "timestamp": 10}`} {
		c.must("POST", api+"runs/log-metric", json.RawMessage(fmt.Sprintf(m, run)))
	}
	c.must("POST", api+"runs/log-parameter", map[string]any{"run_id": run, "key": "p", "value": strings.Repeat("ü", 7000)})
	c.must("POST", api+"runs/set-tag", map[string]any{"run_id": run, "key": "k", "value": "v"})
	c.must("POST", api+"runs/delete-tag", map[string]any{"run_id": run, "key": "k"})
	c.must("POST", api+"runs/update", map[string]any{"run_id": run, "status": "FINISHED", "end_time": 99, "run_name": "last"})
	got := c.must("GET", api+"runs/get?run_id="+run, nil)
	data := dig(got, "run", "data").(map[string]any)
	if fmt.Sprint(data["metrics"]) != fmt.Sprint([]any{
		map[string]any{"key": "inf", "value": -1.7976931348623157e308, "timestamp": 10.0, "step": 0.0},
		map[string]any{"key": "m", "value": 2.5, "timestamp": 11.0, "step": 3.0},
		map[string]any{"key": "nan", "value": "NaN", "timestamp": 10.0, "step": 0.0}}) {
		t.Errorf("metrics are %v", data["metrics"])
	}
	if value := dig(data, "params", 0, "value").(string); len([]rune(value)) != maxParam {
		t.Errorf("a long parameter has %d characters", len([]rune(value)))
	}
	if tags := fmt.Sprint(data["tags"]); tags != "[map[key:mlflow.runName value:last] map[key:t value:v]]" {
		t.Errorf("tags are %s", tags)
	}
	if dig(got, "run", "info", "end_time") != 99.0 || dig(got, "run", "info", "run_name") != "last" {
		t.Errorf("info is %v", dig(got, "run", "info"))
	}
}

func TestErrorsAreMLflows(t *testing.T) {
	web, _ := start(t)
	c := client{t, web.URL}
	run := c.run()
	c.must("POST", api+"runs/log-parameter", map[string]any{"run_id": run, "key": "p", "value": "1"})
	c.must("POST", api+"registered-models/create", map[string]any{"name": "m"})
	deleted := c.run()
	c.must("POST", api+"runs/delete", map[string]any{"run_id": deleted})
	for _, e := range []struct {
		method, path string
		body         any
		status       int
		code, text   string
	}{
		{"POST", "experiments/create", map[string]any{}, 400, "INVALID_PARAMETER_VALUE", "Missing value for required parameter 'name'"},
		{"POST", "experiments/create", map[string]any{"name": 3}, 400, "INVALID_PARAMETER_VALUE", "Invalid value 3 for parameter 'name' supplied:  Hint: Value was of type 'int'."},
		{"POST", "experiments/create", map[string]any{"name": "Default"}, 400, "RESOURCE_ALREADY_EXISTS", "already exists"},
		{"GET", "experiments/get?experiment_id=77", nil, 404, "RESOURCE_DOES_NOT_EXIST", "No Experiment with id=77 exists"},
		{"GET", "experiments/get?experiment_id=x", nil, 400, "INVALID_PARAMETER_VALUE", "Invalid experiment ID 'x'"},
		{"GET", "experiments/get-by-name?experiment_name=x", nil, 404, "RESOURCE_DOES_NOT_EXIST", "Could not find experiment with name 'x'"},
		{"POST", "runs/create", map[string]any{"experiment_id": "55"}, 404, "RESOURCE_DOES_NOT_EXIST", "No Experiment with id=55 exists"},
		{"POST", "runs/create", json.RawMessage(`{"x"`), 400, "BAD_REQUEST", "not a JSON object"},
		{"GET", "runs/get", nil, 400, "INVALID_PARAMETER_VALUE", "required parameter 'run_id'"},
		{"GET", "runs/get?run_id=none", nil, 404, "RESOURCE_DOES_NOT_EXIST", "Run with id=none not found"},
		{"POST", "runs/log-metric", map[string]any{"run_id": run, "key": "m", "value": 1}, 400, "INVALID_PARAMETER_VALUE", "'timestamp'"},
		{"POST", "runs/log-metric", map[string]any{"run_id": run, "key": "m", "value": "x", "timestamp": 1}, 400, "INVALID_PARAMETER_VALUE", "Invalid value \"x\" for parameter 'value' supplied"},
		{"POST", "runs/log-metric", map[string]any{"run_id": run, "key": "../m", "value": 1, "timestamp": 1}, 400, "INVALID_PARAMETER_VALUE", "would resolve to '../m'"},
		{"POST", "runs/log-metric", map[string]any{"run_id": run, "key": "a$b", "value": 1, "timestamp": 1}, 400, "INVALID_PARAMETER_VALUE", "Names may only contain"},
		{"POST", "runs/log-parameter", map[string]any{"run_id": run, "key": "p", "value": "2"}, 400, "INVALID_PARAMETER_VALUE", "Changing param values is not allowed"},
		{"POST", "runs/set-tag", map[string]any{"run_id": deleted, "key": "k", "value": "v"}, 400, "INVALID_PARAMETER_VALUE", "must be in the 'active' state"},
		{"POST", "runs/delete-tag", map[string]any{"run_id": run, "key": "k"}, 404, "RESOURCE_DOES_NOT_EXIST", "No tag with name: k"},
		{"POST", "runs/search", map[string]any{"experiment_ids": []string{"0"}, "page_token": "zzz"}, 400, "INVALID_PARAMETER_VALUE", "page token"},
		{"POST", "runs/search", map[string]any{"experiment_ids": []string{"0"}, "run_view_type": "ODD"}, 400, "INVALID_PARAMETER_VALUE", "view type"},
		{"POST", "registered-models/create", map[string]any{"name": "m"}, 400, "RESOURCE_ALREADY_EXISTS", "Registered Model (name=m) already exists."},
		{"GET", "registered-models/get?name=x", nil, 404, "RESOURCE_DOES_NOT_EXIST", "Registered Model with name=x not found"},
		{"GET", "registered-models/alias?name=m&alias=x", nil, 400, "INVALID_PARAMETER_VALUE", "Registered model alias x not found."},
		{"GET", "model-versions/get?name=m&version=9", nil, 404, "RESOURCE_DOES_NOT_EXIST", "Model Version (name=m, version=9) not found"},
		{"GET", "model-versions/get?name=m&version=x", nil, 400, "INVALID_PARAMETER_VALUE", "must be an integer"},
		{"GET", "logged-models/m-x", nil, 404, "RESOURCE_DOES_NOT_EXIST", "Logged model with ID 'm-x' not found."},
	} {
		status, answer := c.do(e.method, api+e.path, e.body)
		message, _ := answer["message"].(string)
		if status != e.status || answer["error_code"] != e.code || !strings.Contains(message, e.text) {
			t.Errorf("%s %s %v: %d %v, want %d %s …%s…", e.method, e.path, e.body, status, answer, e.status, e.code, e.text)
		}
	}
}

func TestArtifactsAndListing(t *testing.T) {
	web, _ := start(t)
	c := client{t, web.URL}
	run := c.run()
	base := "/api/2.0/mlflow-artifacts/artifacts/0/" + run + "/artifacts/"
	c.must("PUT", base+"d/a%20b%C3%BC.txt", []byte("hello"))
	c.must("PUT", base+"z.bin", []byte{0, 1, 2})
	c.must("PUT", base+"z.bin", []byte{3}) // replaced
	if got := fmt.Sprint(c.must("GET", api+"artifacts/list?run_id="+run, nil)["files"]); got != "[map[is_dir:true path:d] map[file_size:1 is_dir:false path:z.bin]]" {
		t.Errorf("files are %s", got)
	}
	if got := fmt.Sprint(c.must("GET", api+"artifacts/list?run_id="+run+"&path=d", nil)["files"]); got != "[map[file_size:5 is_dir:false path:d/a bü.txt]]" {
		t.Errorf("files in d are %s", got)
	}
	res, err := http.Get(web.URL + base + "d/a%20b%C3%BC.txt")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || string(text) != "hello" {
		t.Errorf("the file is %q, %v", text, err)
	}
	for _, path := range []string{"none", "d", "z.bin/x"} {
		if status, _ := c.do("GET", base+path, nil); status != 404 && status != 400 {
			t.Errorf("GET %s: %d", path, status)
		}
	}
	if status, answer := c.do("PUT", base+"z.bin/x", []byte("x")); status != 400 {
		t.Errorf("a file below a file: %d %v", status, answer)
	}
	c.must("DELETE", base+"d", nil)
	c.must("DELETE", base+"d", nil)
	if status, _ := c.do("GET", base+"d/a%20b%C3%BC.txt", nil); status != 404 {
		t.Errorf("a deleted file: %d", status)
	}
}

func TestHistoryPagesAndIntervals(t *testing.T) {
	web, _ := start(t)
	c := client{t, web.URL}
	run := c.run()
	var metrics []map[string]any
	for i := range 900 {
		metrics = append(metrics, map[string]any{"key": "m", "value": i, "timestamp": i, "step": i})
	}
	c.must("POST", api+"runs/log-batch", map[string]any{"run_id": run, "metrics": metrics})
	n, token := 0, ""
	for pages := 0; pages < 10; pages++ {
		page := c.must("GET", api+"metrics/get-history?run_id="+run+"&metric_key=m&max_results=400&page_token="+token, nil)
		n += len(page["metrics"].([]any))
		next, more := page["next_page_token"].(string)
		if !more {
			break
		}
		token = next
	}
	if n != 900 {
		t.Errorf("pages hold %d points", n)
	}
	if all := c.must("GET", api+"metrics/get-history?run_id="+run+"&metric_key=m", nil); len(all["metrics"].([]any)) != 900 {
		t.Errorf("all are %d points", len(all["metrics"].([]any)))
	}
	few := c.must("GET", api+"metrics/get-history-bulk-interval?run_ids="+run+"&metric_key=m&max_results=100", nil)["metrics"].([]any)
	if len(few) > 103 || dig(few, 0, "step") != 0.0 || dig(few, len(few)-1, "step") != 899.0 || dig(few, 0, "run_id") != run {
		t.Errorf("interval is %d points: %v", len(few), few[0])
	}
	if some := c.must("GET", api+"metrics/get-history-bulk-interval?run_ids="+run+"&metric_key=m&start_step=5&end_step=9", nil)["metrics"].([]any); len(some) != 5 {
		t.Errorf("steps 5 to 9 are %d points", len(some))
	}
	if bulk := c.must("GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id="+run+"&metric_key=m&max_results=7", nil)["metrics"].([]any); len(bulk) != 7 {
		t.Errorf("bulk is %d points", len(bulk))
	}
}

// Traces of MLflow 2's clients are the same traces as those of MLflow 3's.
func TestTracesOfBothGenerations(t *testing.T) {
	web, _ := start(t)
	c := client{t, web.URL}
	pairs := func(kv ...string) (list []map[string]string) {
		for i := 0; i < len(kv); i += 2 {
			list = append(list, map[string]string{"key": kv[i], "value": kv[i+1]})
		}
		return list
	}
	info := dig(c.must("POST", api+"traces", map[string]any{"experiment_id": "0", "timestamp_ms": 1000, "request_metadata": pairs("m1", "apple", "m2", "grape"),
		"tags": pairs("t1", "football")}), "trace_info")
	id := dig(info, "request_id").(string)
	if dig(info, "status") != "IN_PROGRESS" || dig(info, "timestamp_ms") != 1000.0 {
		t.Fatalf("a new trace is %v", info)
	}
	info = dig(c.must("PATCH", api+"traces/"+id, map[string]any{"timestamp_ms": 3000, "status": "OK", "request_metadata": pairs("m1", "orange"),
		"tags": pairs("t1", "soccer", "t2", "tennis")}), "trace_info")
	want := "map[execution_time_ms:2000 experiment_id:0 request_id:" + id + " request_metadata:[map[key:m1 value:orange] map[key:m2 value:grape]] status:OK " +
		"tags:[map[key:mlflow.artifactLocation value:mlflow-artifacts:/0/traces/" + id + "/artifacts] map[key:t1 value:soccer] map[key:t2 value:tennis]] timestamp_ms:1000]"
	if fmt.Sprint(info) != want {
		t.Fatalf("the ended trace is\n     %v\nwant %s", info, want)
	}
	v3 := dig(c.must("GET", "/api/3.0/mlflow/traces/"+id, nil), "trace", "trace_info")
	if dig(v3, "state") != "OK" || dig(v3, "execution_duration") != "2s" || dig(v3, "tags", "t2") != "tennis" || dig(v3, "trace_metadata", "m2") != "grape" {
		t.Errorf("for MLflow 3 it is %v", v3)
	}
	c.must("PATCH", api+"traces/"+id+"/tags", map[string]any{"key": "t3", "value": "x"})
	c.must("DELETE", api+"traces/"+id+"/tags", map[string]any{"key": "t3"})
	found := c.must("GET", api+"traces?experiment_ids=0&filter=status%20%3D%20%27OK%27&order_by=timestamp_ms%20ASC", nil)["traces"].([]any)
	if len(found) != 1 {
		t.Errorf("the search found %v", found)
	}
	if n := c.must("POST", api+"traces/delete-traces", map[string]any{"experiment_id": "0", "request_ids": []string{id}})["traces_deleted"]; n != 1.0 {
		t.Errorf("%v traces deleted", n)
	}
	if status, _ := c.do("GET", "/api/3.0/mlflow/traces/"+id, nil); status != 404 {
		t.Errorf("a deleted trace: %d", status)
	}
}

func TestLoggedModelsAndVersions(t *testing.T) {
	web, _ := start(t)
	c := client{t, web.URL}
	run := c.run()
	model := dig(c.must("POST", api+"logged-models", map[string]any{"experiment_id": "0", "name": "lm", "source_run_id": run}), "model", "info")
	id := dig(model, "model_id").(string)
	c.must("PATCH", api+"logged-models/"+id, map[string]any{"model_id": id, "status": "LOGGED_MODEL_READY"})
	c.must("POST", api+"runs/outputs", map[string]any{"run_id": run, "models": []map[string]any{{"model_id": id, "step": 1}}})
	c.must("PUT", "/api/2.0/mlflow-artifacts/artifacts/0/models/"+id+"/artifacts/MLmodel", []byte("x"))
	if files := c.must("GET", api+"logged-models/"+id+"/artifacts/directories", nil)["files"]; dig(files, 0, "path") != "MLmodel" {
		t.Errorf("files are %v", files)
	}
	c.must("POST", api+"registered-models/create", map[string]any{"name": "m"})
	v := dig(c.must("POST", api+"model-versions/create", map[string]any{"name": "m", "source": "models:/" + id, "run_id": run}), "model_version")
	if dig(v, "version") != "1" || dig(v, "model_id") != id {
		t.Errorf("version is %v", v)
	}
	if uri := c.must("GET", api+"model-versions/get-download-uri?name=m&version=1", nil)["artifact_uri"]; uri != "mlflow-artifacts:/0/models/"+id+"/artifacts" {
		t.Errorf("files are at %v", uri)
	}
	if got := dig(c.must("GET", api+"runs/get?run_id="+run, nil), "run", "outputs", "model_outputs", 0, "model_id"); got != id {
		t.Errorf("the run's output is %v", got)
	}
}
