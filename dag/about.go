package dag

// RunInfo is what a stage with an effect, or a hook, may know of the run that
// it is in. Other stages know nothing of it: their bytes must not depend on it.
type RunInfo struct {
	ID       string
	Pipeline string
	Outcome  *Outcome // of hooks: what the run came to; else nil
}

// Outcome is what a run came to, as its hooks see it.
type Outcome struct {
	Status   string       // as in Result
	Failures []StageError // in the order in which the stages failed
	Waiting  []string     // stages that wait for a person
	Ran      int
	Cached   int
	Seconds  float64
}

// What a run comes to.
const (
	StatusFinished = "finished"
	StatusFailed   = "failed"
	StatusKilled   = "killed"
	StatusWaiting  = "waiting" // for a person; the run goes on after they have decided
)
