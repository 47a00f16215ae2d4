package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pipe/server/mlflow"
	"pipe/workspace"
)

// trained runs the small pipeline of `pipe init` in a folder of its own and
// serves the workspace as `pipe up` does.
func trained(t *testing.T) (url string, w *workspace.Workspace) {
	t.Helper()
	dir := t.TempDir()
	store := filepath.Join(dir, ".pipe")
	for _, args := range [][]string{{"init", dir}, {"run", filepath.Join(dir, "pipeline.yaml"), "-q", "--store", store, "-p", "data=" + filepath.Join(dir, "tickets.csv")}} {
		var out strings.Builder
		if code := run(args, strings.NewReader(""), &out, &out); code != exitDone {
			t.Fatalf("pipe %v: %d %s", args, code, out.String())
		}
	}
	w, err := workspace.Open(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	api, err := mlflow.New(w.Registry, filepath.Join(store, "mlartifacts"), mlflow.Options{Made: workspace.NewOutputs(w, mlflow.Release)})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(api)
	t.Cleanup(func() {
		web.Close()
		if err := api.Close(); err != nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return web.URL, w
}

// What a pipeline made is listed and downloaded as any run's artifacts, and
// cannot be changed.
func TestOutputsOfRunsAreMLflowArtifacts(t *testing.T) {
	url, w := trained(t)
	get := func(path string, into any) int {
		res, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := into.(*string); ok {
			*text = string(body)
		} else if err := json.Unmarshal(body, into); err != nil {
			t.Fatalf("%s: %v in %s", path, err, body)
		}
		return res.StatusCode
	}
	v, err := w.Registry.Version(t.Context(), "tickets", 1)
	if err != nil {
		t.Fatal(err)
	}
	type listing struct {
		Files []struct {
			Path string `json:"path"`
			Dir  bool   `json:"is_dir"`
			Size int64  `json:"file_size"`
		} `json:"files"`
	}
	var root, stage, folder listing
	get("/api/2.0/mlflow/artifacts/list?run_id="+v.RunID, &root)
	has := func(l listing, path string) bool {
		return slices.ContainsFunc(l.Files, func(f struct {
			Path string `json:"path"`
			Dir  bool   `json:"is_dir"`
			Size int64  `json:"file_size"`
		}) bool {
			return f.Path == path
		})
	}
	if !has(root, "train") || !has(root, "evaluate") {
		t.Errorf("root: %v", root)
	}
	get("/api/2.0/mlflow/artifacts/list?path=train&run_id="+v.RunID, &stage)
	if len(stage.Files) == 0 || !stage.Files[0].Dir {
		t.Fatalf("train: %v", stage)
	}
	get("/api/2.0/mlflow/artifacts/list?path="+stage.Files[0].Path+"&run_id="+v.RunID, &folder)
	for _, name := range []string{"MLmodel", "model.onnx", "weights.safetensors", "transform"} {
		if !has(folder, stage.Files[0].Path+"/"+name) {
			t.Errorf("model folder lacks %s: %v", name, folder)
		}
	}
	var uri struct {
		URI string `json:"artifact_uri"`
	}
	get("/api/2.0/mlflow/model-versions/get-download-uri?name=tickets&version=1", &uri)
	place, ok := strings.CutPrefix(uri.URI, "mlflow-artifacts:/")
	if !ok {
		t.Fatalf("download URI %q", uri.URI)
	}
	var fromModel, fromRun string
	get("/api/2.0/mlflow-artifacts/artifacts/"+place+"/MLmodel", &fromModel)
	get("/api/2.0/mlflow-artifacts/artifacts/0/"+v.RunID+"/artifacts/"+stage.Files[0].Path+"/MLmodel", &fromRun)
	if fromModel != fromRun || !strings.Contains(fromModel, "loader_module: mlflow.onnx") {
		t.Errorf("MLmodel %q and %q", fromModel, fromRun)
	}
	for _, method := range []string{"PUT", "DELETE"} {
		for _, path := range []string{place + "/MLmodel", place + "/new", "0/" + v.RunID + "/artifacts/" + stage.Files[0].Path + "/model.json"} {
			req, err := http.NewRequest(method, url+"/api/2.0/mlflow-artifacts/artifacts/"+path, strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != http.StatusBadRequest {
				t.Errorf("%s %s: %d", method, path, res.StatusCode)
			}
		}
	}
}

// MLflow's own loaders open the models of pipe, and their answers are those of
// the ONNX graph.
func TestMLflowLoadsModelsOfPipe(t *testing.T) {
	py := os.Getenv("PIPE_MLFLOW_PYTHON")
	if testing.Short() || py == "" {
		t.Skip("skipped: -short, or PIPE_MLFLOW_PYTHON is not set")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, py, "-c", "import mlflow, onnx, onnxruntime").CombinedOutput(); err != nil {
		t.Skipf("skipped: %s cannot import mlflow, onnx and onnxruntime: %s", py, out)
	}
	url, _ := trained(t)
	cmd := exec.CommandContext(ctx, py, "testdata/mlflow_load.py")
	cmd.Env = append(os.Environ(), "MLFLOW_TRACKING_URI="+url, "PYTHONWARNINGS=ignore")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// What a team has in MLflow's database comes over whole, from there to another
// server by the REST API, and back into a database of MLflow's.
func TestRegistryMovesFromAndToMLflow(t *testing.T) {
	py := os.Getenv("PIPE_MLFLOW_PYTHON")
	if testing.Short() || py == "" {
		t.Skip("skipped: -short, or PIPE_MLFLOW_PYTHON is not set")
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	python := func(uri string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(ctx, py, args...)
		cmd.Env = append(os.Environ(), "MLFLOW_TRACKING_URI="+uri, "PYTHONWARNINGS=ignore")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	script := func(name string) string {
		path, err := filepath.Abs("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	pipe := func(args ...string) {
		t.Helper()
		var out strings.Builder
		if code := run(args, strings.NewReader(""), &out, &out); code != exitDone {
			t.Fatalf("pipe %v: %d %s", args, code, out.String())
		}
	}
	serving := func(store string) string {
		w, err := workspace.Open(t.Context(), store)
		if err != nil {
			t.Fatal(err)
		}
		api, err := mlflow.New(w.Registry, filepath.Join(store, "mlartifacts"), mlflow.Options{})
		if err != nil {
			t.Fatal(err)
		}
		web := httptest.NewServer(api)
		t.Cleanup(func() { web.Close(); _ = api.Close(); _ = w.Close() })
		return web.URL
	}
	team, back := filepath.Join(dir, "team.db"), filepath.Join(dir, "back.db")
	python("sqlite:///"+team, script("mlflow_team.py"))
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	for range 2 { // the second time brings nothing, and harms nothing
		pipe("registry", "import", "mlflow", "sqlite:///"+team, "--store", first)
	}
	url := serving(first)
	python(url, script("mlflow_same.py"), "files")
	pipe("registry", "import", "mlflow", url, "--store", second)
	python(serving(second), script("mlflow_same.py"), "files")
	python("", "-m", "mlflow", "db", "upgrade", "sqlite:///"+back)
	pipe("registry", "export", "mlflow", "sqlite:///"+back, "--store", second)
	python("sqlite:///"+back, script("mlflow_same.py"))
}
