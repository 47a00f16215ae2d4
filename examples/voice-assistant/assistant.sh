#!/bin/sh
# assistant.sh RECORDING.wav… answers what is said in recordings, and speaks where
# espeak-ng is installed. HEAR names the model that understands speech, SERVICE the one
# that answers, SURE the least probability with which a word must have been understood.
set -eu
hear=${HEAR:-digits@champion} service=${SERVICE:-menu@champion} sure=${SURE:-0.5}
# field NAME… prints the first of the fields that is in a line of JSON.
field() {
	for name in "$@"; do
		sed -nE "s/.*\"$name\":\"?(([^\"\\\\,}]|\\\\.)*).*/\\1/p;t" "$tmp"
	done | head -n 1
}
# sentence NAME… is field for texts, which may have commas.
sentence() {
	for name in "$@"; do
		sed -nE "s/.*\"$name\":\"(([^\"\\\\]|\\\\.)*)\".*/\\1/p" "$tmp"
	done | head -n 1
}
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
for recording in "$@"; do
	pipe transcribe "$hear" --json "$recording" >"$tmp"
	heard=$(sentence text) confidence=$(field confidence)
	if [ "$(awk "BEGIN { print ($confidence >= $sure) }")" = 1 ]; then
		case $heard in # the names of digits, for a model whose labels are digits
		0) heard=zero ;; 1) heard=one ;; 2) heard=two ;; 3) heard=three ;; 4) heard=four ;;
		5) heard=five ;; 6) heard=six ;; 7) heard=seven ;; 8) heard=eight ;; 9) heard=nine ;;
		esac
		pipe predict "$service" --json "$heard" >"$tmp"
		answer=$(sentence answer prediction)
	else
		answer="I did not understand that."
	fi
	printf '%s: "%s" (%s) → %s\n' "$recording" "$heard" "$confidence" "$answer"
	if command -v espeak-ng >/dev/null; then
		espeak-ng -w "${recording%.wav}.answer.wav" -- "$answer"
	fi
done
