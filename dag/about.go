package dag

// RunInfo is what a stage with an effect may know of the run that it is in.
// Other stages know nothing of it: their bytes must not depend on it.
type RunInfo struct {
	ID       string
	Pipeline string
}
