// Package sound owns what is done with recordings before a network hears them:
// reading WAV files, changing the sample rate, log-mel spectrograms and MFCCs as
// librosa computes them, and the changes that make more training material of
// what there is. It knows nothing of tables and pipelines.
package sound

import "errors"

// ErrNoSamples is of a file that is a recording of nothing.
var ErrNoSamples = errors.New("the recording has no samples")

// Clip is a recording: mono, samples from -1 to 1.
type Clip struct {
	Samples []float32
	Rate    int // samples a second
}

// Seconds is how long the clip lasts.
func (c Clip) Seconds() float64 { return float64(len(c.Samples)) / float64(c.Rate) }

// The rates that are taken: from telegraphy to measuring instruments.
const (
	MinRate = 1000
	MaxRate = 384000
)
