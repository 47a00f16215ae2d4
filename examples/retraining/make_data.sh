# Ten batches (or BATCHES) of 600 rows whose world turns: what decides the class moves, and
# with it where the values lie. Batch 02 is like 01; from 03 on the column noise lies
# elsewhere, which changes no class; from 04 on the world turns.
mkdir -p batches
for b in $(seq -f %02.0f 1 "${BATCHES:-10}"); do
	awk -v b="$b" '
	function uniform() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 }
	function normal() { return sqrt(-2 * log(uniform() + 1e-12)) * cos(6.283185307 * uniform()) }
	BEGIN {
		seed = 1000 + b; turns = b > 3 ? b - 3 : 0; angle = turns * 0.4; shift = b > 2 ? 0.8 : 0
		print "x,y,noise,class"
		for (i = 0; i < 600; i++) {
			x = normal() + 0.3 * turns; y = normal() - 0.2 * turns
			side = cos(angle) * (x - 0.3 * turns) + sin(angle) * (y + 0.2 * turns) + 0.2 * normal()
			printf "%.4f,%.4f,%.4f,%d\n", x, y, normal() + shift, (side > 0)
		}
	}' > "batches/$b.csv"
done
