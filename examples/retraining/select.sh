# The rows to learn from and those to judge by: of the newest $1 batches, every
# third row of the newest one is kept for the test.
set -eu
ls incoming/*.csv | sort | tail -n "$1" > batches.txt
newest=$(tail -n 1 batches.txt)
head -n 1 "$newest" > "$PIPE_OUTPUT_TRAIN"
head -n 1 "$newest" > "$PIPE_OUTPUT_TEST"
while read -r file; do
	if [ "$file" = "$newest" ]; then
		awk -v test="$PIPE_OUTPUT_TEST" -v train="$PIPE_OUTPUT_TRAIN" 'NR > 1 { if (NR % 3 == 0) print >> test; else print >> train }' "$file"
	else
		tail -n +2 "$file" >> "$PIPE_OUTPUT_TRAIN"
	fi
done < batches.txt
rm batches.txt
