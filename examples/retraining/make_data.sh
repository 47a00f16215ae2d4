# Ten batches (or BATCHES) of 600 rows whose world turns: what decides the class moves, and
# with it where the values lie.
mkdir -p batches
for b in $(seq -f %02.0f 1 "${BATCHES:-10}"); do
	awk -v b="$b" '
	function uniform() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 }
	function normal() { return sqrt(-2 * log(uniform() + 1e-12)) * cos(6.283185307 * uniform()) }
	BEGIN {
		seed = 1000 + b; angle = (b - 1) * 0.35
		print "x,y,noise,class"
		for (i = 0; i < 600; i++) {
			x = normal() + 0.3 * (b - 1); y = normal() - 0.2 * (b - 1)
			side = cos(angle) * (x - 0.3 * (b - 1)) + sin(angle) * (y + 0.2 * (b - 1)) + 0.2 * normal()
			printf "%.4f,%.4f,%.4f,%d\n", x, y, normal(), (side > 0)
		}
	}' > "batches/$b.csv"
done
