#!/bin/sh
# speak.sh QUESTIONS.txt FOLDER has espeak-ng say each line with several voices, at
# several speeds and pitches, and writes a table of what is said in which file.
set -eu
mkdir -p "$2"
printf 'path\tvoice\ttext\n' >"$2/transcripts.tsv"
line=0
while IFS= read -r text; do
	line=$((line + 1))
	for voice in en-us en-us+f1 en-us+f2 en-us+f3 en-us+m1 en-us+m3 en-us+m5 en-gb; do
		for speed in 140 165 190; do
			file=$line-$voice-$speed.wav
			espeak-ng -v "$voice" -s "$speed" -p $(((line * 7 + speed) % 60 + 20)) -w "$2/$file" -- "$text"
			printf '%s\t%s\t%s\n' "$file" "$voice" "$text" >>"$2/transcripts.tsv"
		done
	done
done <"$1"
