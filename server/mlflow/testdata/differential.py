"""The same calls to a server under test and to `mlflow server`; every answer
must be equal but for ids, times, drawn names, the order of tags, parameters
and metrics, and the wording of errors. Arguments: the two base URLs."""
import json
import re
import sys
import urllib.error
import urllib.request


def normal(value, key=""):
    """Makes answers comparable: lists of keyed things are sorted, ids and times named."""
    if isinstance(value, dict):
        if "error_code" in value:
            return value["error_code"]
        return {k: normal(v, k) for k, v in value.items()}
    if isinstance(value, list):
        items = [normal(v) for v in value]
        if items and all(isinstance(v, dict) and "key" in v and "value" in v for v in items) and key != "history":
            items.sort(key=lambda v: (v["key"], v.get("timestamp", 0), v.get("step", 0)))
        if key == "latest_versions":
            items.sort(key=lambda v: v["version"])
        return items
    if isinstance(value, (int, float)) and ("time" in key) and value > 1e12:
        return "<time>"
    if isinstance(value, (int, float)) and key in ("creation_time", "last_update_time"):
        return "<time>"
    if isinstance(value, str):
        value = re.sub(r"(m-)?[0-9a-f]{32}", "<id>", value)
        return re.sub(r"^[a-z]+-[a-z]+-\d{1,3}$", "<name>", value)
    return value


class Server:
    def __init__(self, base):
        self.base, self.log = base, []

    def call(self, method, path, body=None, raw=None, headers=None):
        data = raw if raw is not None else (json.dumps(body).encode() if body is not None else None)
        headers = headers or ({"Content-Type": "application/json"} if data is not None else {})
        request = urllib.request.Request(self.base + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            status, text = e.code, e.read().decode()
        try:
            answer = json.loads(text)
        except ValueError:
            answer = {"text": text} if text else {}
        shown = re.sub(r"[0-9a-f]{32}", "<id>", f"{method} {path} {json.dumps(body)[:200]}")
        self.log.append((shown, status, normal(answer)))
        return answer


def story(call):
    A = "/api/2.0/mlflow/"
    e = call("POST", A + "experiments/create", {"name": "e1", "tags": [{"key": "a", "value": "b"}]})
    call("POST", A + "experiments/create", {"name": "e1"})
    call("POST", A + "experiments/create", {})
    call("GET", A + "experiments/get?experiment_id=0")
    call("GET", A + "experiments/get?experiment_id=77")
    call("GET", A + "experiments/get-by-name?experiment_name=e1")
    call("GET", A + "experiments/get-by-name?experiment_name=nope")
    call("POST", A + "experiments/search", {"max_results": 1, "order_by": ["name DESC"]})
    call("GET", A + "experiments/search?max_results=5&filter=name+LIKE+%27e%25%27")
    call("POST", A + "experiments/search", {"max_results": 100000})
    r = call("POST", A + "runs/create", {"experiment_id": "1", "start_time": 1234, "user_id": "u", "run_name": "rn", "tags": [{"key": "t", "value": "v"}]})
    rid = r["run"]["info"]["run_id"]
    call("POST", A + "runs/create", {"experiment_id": "1"})
    call("POST", A + "runs/create", {"experiment_id": "55"})
    call("POST", A + "runs/log-metric", {"run_id": rid, "key": "m", "value": 1.5, "timestamp": 10, "step": 2})
    call("POST", A + "runs/log-metric", {"run_id": rid, "key": "inf", "value": "Infinity", "timestamp": 10})
    call("POST", A + "runs/log-metric", {"run_id": rid, "key": "nan", "value": "NaN", "timestamp": 10, "step": 0})
    call("POST", A + "runs/log-metric", {"run_id": rid, "key": "../m", "value": 1, "timestamp": 10})
    call("POST", A + "runs/log-metric", {"run_id": "nope", "key": "m", "value": 1, "timestamp": 10})
    call("POST", A + "runs/log-metric", {"run_id": rid, "key": "m", "value": 1})
    call("POST", A + "runs/log-parameter", {"run_id": rid, "key": "p", "value": "1"})
    call("POST", A + "runs/log-parameter", {"run_id": rid, "key": "p", "value": "2"})
    call("POST", A + "runs/log-batch", {"run_id": rid, "metrics": [{"key": "m", "value": 2, "timestamp": 11, "step": 3}], "params": [{"key": "q", "value": "x"}], "tags": [{"key": "g", "value": "h"}]})
    call("POST", A + "runs/log-batch", {"run_id": rid, "params": [{"key": "q", "value": "x"}, {"key": "q", "value": "y"}]})
    call("POST", A + "runs/log-batch", {"run_id": rid, "metrics": [{"key": "m", "value": 2, "timestamp": 11, "step": 3}]*1001})
    call("POST", A + "runs/log-batch", {"run_id": rid, "params": [{"key": "q%d"%i,"value": "x"} for i in range(101)]})
    call("POST", A + "runs/log-inputs", {"run_id": rid, "datasets": [{"dataset": {"name": "d", "digest": "g", "source_type": "local", "source": "{}"}, "tags": [{"key": "mlflow.data.context", "value": "train"}]}]})
    call("GET", A + "runs/get?run_id="+rid)
    call("GET", A + "runs/get?run_id=nope")
    call("GET", A + "runs/get")
    call("POST", A + "runs/search", {"experiment_ids": ["1"], "filter": "metrics.m > 1", "max_results": 1})
    call("POST", A + "runs/search", {"experiment_ids": ["1"], "filter": "metrics.m > 'x'"})
    call("POST", A + "runs/search", {"experiment_ids": ["1"], "filter": "foo = 'x'"})
    call("POST", A + "runs/search", {"experiment_ids": ["1"], "max_results": 50001})
    call("POST", A + "runs/search", {"experiment_ids": ["1"], "max_results": 1, "page_token": "zzz"})
    call("POST", A + "runs/update", {"run_id": rid, "status": "FINISHED", "end_time": 5555, "run_name": "new"})
    call("GET", A + "metrics/get-history?run_id=%s&metric_key=m" % rid)
    call("GET", A + "metrics/get-history?run_id=%s&metric_key=m&max_results=1" % rid)
    call("GET", A + "metrics/get-history?run_id=%s&metric_key=none" % rid)
    call("GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id=%s&metric_key=m" % rid)
    call("GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids=%s&metric_key=m" % rid)
    call("GET", "/api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids=%s&metric_key=m" % rid)
    call("POST", A + "runs/set-tag", {"run_id": rid, "key": "k", "value": "v"})
    call("POST", A + "runs/delete-tag", {"run_id": rid, "key": "k"})
    call("POST", A + "runs/delete-tag", {"run_id": rid, "key": "k"})
    call("POST", A + "runs/delete", {"run_id": rid})
    call("POST", A + "runs/set-tag", {"run_id": rid, "key": "k", "value": "v"})
    call("POST", A + "runs/restore", {"run_id": rid})
    call("GET", A + "artifacts/list?run_id="+rid)
    call("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/%s/artifacts/d/a.txt" % rid, raw=b"hello", headers={"Content-Type": "application/octet-stream"})
    call("GET", A + "artifacts/list?run_id="+rid)
    call("GET", A + "artifacts/list?run_id=%s&path=d" % rid)
    call("GET", A + "artifacts/list?run_id=%s&path=../x" % rid)
    call("GET", "/api/2.0/mlflow-artifacts/artifacts?path=1/%s/artifacts" % rid)
    call("GET", "/api/2.0/mlflow-artifacts/artifacts/1/%s/artifacts/d/a.txt" % rid)
    call("GET", "/api/2.0/mlflow-artifacts/artifacts/1/%s/artifacts/nope" % rid)
    call("GET", "/get-artifact?path=d/a.txt&run_uuid="+rid)
    call("DELETE", "/api/2.0/mlflow-artifacts/artifacts/1/%s/artifacts/d" % rid)
    call("POST", A + "registered-models/create", {"name": "M", "tags": [{"key": "a", "value": "b"}], "description": "de"})
    call("POST", A + "registered-models/create", {"name": "M"})
    call("POST", A + "registered-models/create", {"name": ""})
    call("GET", A + "registered-models/get?name=M")
    call("GET", A + "registered-models/get?name=none")
    call("POST", A + "model-versions/create", {"name": "M", "source": "runs:/%s/model" % rid, "run_id": rid})
    call("POST", A + "model-versions/create", {"name": "M", "source": "mlflow-artifacts:/1/%s/artifacts/model" % rid, "run_id": rid})
    call("POST", A + "model-versions/create", {"name": "M", "source": "s3://b/x/y"})
    call("POST", A + "model-versions/create", {"name": "none", "source": "s3://b/x/y"})
    call("GET", A + "model-versions/get?name=M&version=1")
    call("GET", A + "model-versions/get?name=M&version=99")
    call("GET", A + "model-versions/get?name=M&version=x")
    call("POST", A + "registered-models/alias", {"name": "M", "alias": "champion", "version": "1"})
    call("POST", A + "registered-models/alias", {"name": "M", "alias": "v1", "version": "1"})
    call("GET", A + "registered-models/alias?name=M&alias=champion")
    call("GET", A + "registered-models/alias?name=M&alias=nope")
    call("POST", A + "model-versions/transition-stage", {"name": "M", "version": "1", "stage": "production", "archive_existing_versions": True})
    call("POST", A + "model-versions/transition-stage", {"name": "M", "version": "1", "stage": "bogus"})
    call("POST", A + "registered-models/get-latest-versions", {"name": "M"})
    call("POST", A + "registered-models/get-latest-versions", {"name": "M", "stages": ["Production"]})
    call("GET", A + "registered-models/get?name=M")
    call("GET", A + "registered-models/search?filter=name%20LIKE%20%27M%25%27&max_results=1")
    call("GET", A + "model-versions/search?filter=name%3D%27M%27&max_results=1")
    call("GET", A + "model-versions/search?filter=run_id%20IN%20('" + rid + "')")
    call("GET", A + "model-versions/search?filter=foo%3D1")
    call("POST", A + "model-versions/set-tag", {"name": "M", "version": "1", "key": "k", "value": "v"})
    call("PATCH", A + "model-versions/update", {"name": "M", "version": "1", "description": "d"})
    call("DELETE", A + "model-versions/delete-tag", {"name": "M", "version": "1", "key": "k"})
    call("PATCH", A + "registered-models/update", {"name": "M", "description": "d2"})
    call("POST", A + "registered-models/rename", {"name": "M", "new_name": "N"})
    call("DELETE", A + "registered-models/alias", {"name": "N", "alias": "champion"})
    call("DELETE", A + "model-versions/delete", {"name": "N", "version": "1"})
    call("DELETE", A + "registered-models/delete", {"name": "N"})
    m = call("POST", A + "logged-models", {"experiment_id": "1", "name": "lm", "source_run_id": rid, "model_type": "t", "params": [{"key": "a", "value": "b"}], "tags": [{"key": "c", "value": "d"}]})
    mid = m.get("model", {}).get("info", {}).get("model_id")
    call("PATCH", A + "logged-models/%s" % mid, {"model_id": mid, "status": "LOGGED_MODEL_READY"})
    call("PATCH", A + "logged-models/%s/tags" % mid, {"tags": [{"key": "x", "value": "y"}]})
    call("DELETE", A + "logged-models/%s/tags/x" % mid)
    call("POST", A + "runs/outputs", {"run_id": rid, "models": [{"model_id": mid, "step": 1}]})
    call("POST", A + "runs/log-inputs", {"run_id": rid, "models": [{"model_id": mid}]})
    call("POST", A + "runs/log-metric", {"run_id": rid, "key": "mm", "value": 1, "timestamp": 10, "model_id": mid, "dataset_name": "d", "dataset_digest": "g"})
    call("GET", A + "logged-models/%s" % mid)
    call("GET", A + "logged-models/m-none")
    call("GET", A + "runs/get?run_id="+rid)
    call("GET", A + "logged-models/%s/artifacts/directories" % mid)
    call("POST", A + "logged-models/search", {"experiment_ids": ["1"], "filter": "name = 'lm'", "order_by": [{"field_name": "creation_timestamp", "ascending": False}]})
    call("POST", A + "logged-models/search", {"experiment_ids": ["1"], "filter": "metrics.mm >= 1"})
    call("DELETE", A + "logged-models/%s" % mid)
    call("GET", A + "logged-models/%s" % mid)
    call("POST", A + "runs/log-model", {"run_id": rid, "model_json": "{\"artifact_path\": \"model\", \"flavors\": {},\"utc_time_created\": \"x\", \"run_id\": \"%s\"}" % rid})
    call("POST", A + "experiments/set-experiment-tag", {"experiment_id": "1", "key": "k", "value": "v"})
    call("POST", A + "experiments/delete-experiment-tag", {"experiment_id": "1", "key": "k"})
    call("POST", A + "experiments/delete-experiment-tag", {"experiment_id": "1", "key": "k"})
    call("POST", A + "experiments/update", {"experiment_id": "1", "new_name": "e2"})
    call("POST", A + "experiments/delete", {"experiment_id": "1"})
    call("POST", A + "runs/create", {"experiment_id": "1"})
    call("POST", A + "experiments/restore", {"experiment_id": "1"})


def main():
    ours, theirs = Server(sys.argv[1]), Server(sys.argv[2])
    story(ours.call)
    story(theirs.call)
    different = 0
    for a, b in zip(ours.log, theirs.log, strict=True):
        if a != b:
            different += 1
            print(f"DIFFERENT {a[0]}\n   ours   {a[1]} {json.dumps(a[2], sort_keys=True)}\n   theirs {b[1]} {json.dumps(b[2], sort_keys=True)}")
    print(f"{len(ours.log)} calls, {different} different")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
