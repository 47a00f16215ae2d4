package kernel

// Parallel calls f on contiguous chunks [lo, hi) that cover [0, n) once, each of at least grain elements where n allows, on several
// cores, and returns when all are done. f must write only what belongs to its chunk, so that the split never changes a result. Calls
// may come from several goroutines and may nest: a nested call runs inline.
func Parallel(n, grain int, f func(lo, hi int)) {
	if n > 0 {
		f(0, n)
	}
}
