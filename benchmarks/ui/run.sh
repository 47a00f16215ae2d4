#!/usr/bin/env bash
# The runs page of pipe beside that of MLflow: bytes, requests, first contentful
# paint, and when the first rows stand there; with an empty cache, of 30, 1,000 and
# 10,000 runs. Needs Go, chromium, node, npm, and a Python with mlflow
# (PIPE_MLFLOW_PYTHON).
#
#   PIPE_MLFLOW_PYTHON=python3 benchmarks/ui/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PIPE_MLFLOW_PYTHON:-python3}
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT

go build -o "$work/pipe" ./cmd/pipe
go build -o "$work/seed" ./benchmarks/ui/seed
if [ -z "${PIPE_NODE_MODULES:-}" ]; then
	npm install --silent --prefix "$work/node" playwright-core@1.65.1 >/dev/null
	PIPE_NODE_MODULES=$work/node/node_modules
fi
export PIPE_NODE_MODULES

for n in ${RUNS:-30 1000 10000}; do
	mkdir -p "$work/$n/mlflow"
	"$work/seed" -n "$n" -store "$work/$n/.pipe"
	"$python" benchmarks/ui/seed_mlflow.py "$work/$n/.pipe/registry.db" "$work/$n/mlflow/mlflow.db"
	pipe_port=$((20000 + n % 9973)) mlflow_port=$((30000 + n % 9973))
	(cd "$work/$n" && exec "$work/pipe" up --port $pipe_port >/dev/null) & pids+=($!)
	(cd "$work/$n/mlflow" && exec "$python" -m mlflow server --backend-store-uri "sqlite:///$work/$n/mlflow/mlflow.db" --port $mlflow_port --workers 1 >"$work/$n/mlflow.log" 2>&1) & pids+=($!)
	node benchmarks/ui/measure.mjs "$n" "http://127.0.0.1:$pipe_port/runs" "http://127.0.0.1:$mlflow_port/#/experiments/1/runs"
	kill "${pids[@]}"; wait "${pids[@]}" 2>/dev/null || true; pids=()
done
