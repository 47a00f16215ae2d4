#!/bin/sh
# The whole loop, in a folder of its own: sh story.sh [CSV TARGET]
# Without a file it makes its own data; with one, its rows arrive in batches, in
# their order: ten, or BATCHES.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 0 ] || set -- "$(cd "$(dirname "$1")" && pwd)/$(basename "$1")" "$2"
work=${WORK:-story}
mkdir -p "$work" && cd "$work"
cp "$here/retrain.yaml" "$here/select.sh" .
rm -rf batches incoming .pipe accuracy.csv
mkdir -p incoming
target=class
if [ $# -gt 0 ]; then
	target=$2
	mkdir -p batches
	awk -v batches="${BATCHES:-10}" -v all="$(($(wc -l < "$1") - 1))" 'NR == 1 { head = $0; next }
		{ n = int((NR - 2) * batches / all) + 1; file = sprintf("batches/%02d.csv", n)
		  if (!(file in seen)) { print head > file; seen[file] = 1 } print >> file }' "$1"
else
	sh "$here/make_data.sh"
fi
export PIPE_PARAM_target="$target"

# right MODEL FILE prints the share of rows that the model answers as they are labelled.
right() {
	pipe predict "$1" --in "$2" --out answers.csv > /dev/null
	awk -F, -v target="$target" '
		NR == FNR { if (FNR == 1) { for (i = 1; i <= NF; i++) if ($i == target) at = i } else truth[FNR] = $at; next }
		FNR == 1 { for (i = 1; i <= NF; i++) if ($i == "prediction") p = i; next }
		{ n++; if (($p "") == (truth[FNR] "")) ok++ }
		END { printf "%.4f", ok / n }' "$2" answers.csv
}

cp batches/01.csv incoming/
pipe run retrain.yaml --quiet
pipe schedule add retrain.yaml
pipe up --port "${PORT:-0}" > up.log 2>&1 &
up=$!
trap 'kill $up 2> /dev/null || true' EXIT

echo "batch,without,with,version" > accuracy.csv
for file in batches/*.csv; do
	batch=$(basename "$file" .csv)
	[ "$batch" = 01 ] && continue
	# What comes is answered before anybody has its labels.
	version=$(pipe models show keeps-up --json | tr -d ' \n' | sed 's/.*"champion":\([0-9]*\).*/\1/')
	echo "$batch,$(right keeps-up/1 "$file"),$(right keeps-up@champion "$file"),$version" >> accuracy.csv
	# Then the labels arrive: the trigger looks at the batch, and perhaps fires.
	before=$(date -u +%Y-%m-%dT%H:%M:%S)
	cp "$file" incoming/
	tries=0
	while :; do
		sleep 1
		pipe schedule ls --json > state.json
		looked=$(sed -n 's/.*"looked": *"\([^".]*\).*/\1/p' state.json | tr -d Z)
		if [ "$looked" \> "$before" ] && grep -q '"running": *0' state.json && grep -q '"queued": *0' state.json; then
			tries=$((tries + 1))
			[ $tries -ge 2 ] && break
		else
			tries=0
		fi
	done
done
kill $up
wait $up 2> /dev/null || true
trap - EXIT

pipe schedule history retrain
awk -F, 'NR == 1 { print "\nbatch  without retraining  with retraining  by version"; next }
	{ a += $2; b += $3; n++; printf "%s     %.1f %%              %.1f %%           %s\n", $1, 100 * $2, 100 * $3, $4 }
	END { printf "mean   %.1f %%              %.1f %%\n", 100 * a / n, 100 * b / n }' accuracy.csv
