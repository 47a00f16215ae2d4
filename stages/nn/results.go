package nn

// Metrics are the mean loss over some rows, and the share of them that are
// answered with the right label (0 where targets are numbers).
type Metrics struct {
	Loss     float64 `json:"loss"`
	Accuracy float64 `json:"accuracy"`
}

// StepResult tells of one step. Metrics are those of the step's batch.
type StepResult struct {
	Epoch, Step, Steps int // the first epoch and the first step are 1
	Metrics
	GradientNorm  float64 // of all gradients together, before they are clipped
	LearningRate  float64 // as a factor of the optimiser's
	Rows          int     // examples in the batch
	RowsPerSecond float64 // 0 without a clock
}

// EpochResult tells of one epoch. Metrics are means over the epoch, taken while
// the weights changed.
type EpochResult struct {
	Epoch int `json:"epoch"`
	Metrics
	Validation    *Metrics `json:"validation,omitempty"`
	Seconds       float64  `json:"seconds"`
	RowsPerSecond float64  `json:"rows_per_second"`
	Best          bool     `json:"best"` // the best epoch so far

	GradientNorm float64          `json:"gradient_norm"`        // the mean over the steps, before gradients are clipped
	Weights      []ParamHistogram `json:"histograms,omitempty"` // after the epoch, where they are asked for
}

// Callbacks are told how a training goes. Each may be nil.
type Callbacks struct {
	Step  func(StepResult)
	Epoch func(EpochResult)

	// Checkpoint is called after every step and every epoch, when WriteState may
	// be called. An error ends the training.
	Checkpoint func(*Trainer) error
}
