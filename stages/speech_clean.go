package stages

import (
	"context"
	"fmt"
	"math"

	"pipe/dag"
	"pipe/stages/sound"
)

var speechCleanKind = dag.Info{
	Name:    "speech.clean",
	Version: 1,
	Doc: `Sorts out recordings that nothing can be learnt from, and names each: what is damaged or no WAV file, silent, clipped,
shorter than min_seconds or longer than max_seconds, of another rate than rate, and the same file under two labels,
which all of its rows are left out for, because one of them is wrong. A file that comes again under the same label is
left out after its first time. The output sorted_out has the file's path where the table has one, its row, its label
and the reason.`,
	Example: `good: { uses: speech.clean, in: recordings, with: { label: digit, min_seconds: 0.1 } }`,
	New:     func() dag.Kind { return &SpeechClean{} },
}

// SpeechClean is the kind speech.clean.
type SpeechClean struct {
	SortFiles  `yaml:",inline"`
	Silence    float64 `yaml:"silence" doc:"a recording is silent if its loudest sample is so many decibels below full scale or more" default:"60" above:"0"`
	Clipped    float64 `yaml:"clipped" doc:"the share of samples at full scale from which on a recording is clipped; 1 for never" default:"0.02" above:"0" max:"1"`
	MinSeconds float64 `yaml:"min_seconds" doc:"how long a recording is at least" default:"0" min:"0"`
	MaxSeconds float64 `yaml:"max_seconds" doc:"how long it is at most; 0 for any length" default:"0" min:"0"`
	Rate       int     `yaml:"rate" doc:"samples a second that it must have; 0 for any, as speech.features resamples" default:"0" min:"0"`
}

// Run implements dag.Kind.
func (k *SpeechClean) Run(ctx context.Context, env *dag.Env) error { return k.sort(ctx, env, k.reason) }

func (k *SpeechClean) reason(file []byte) string {
	clip, err := sound.DecodeWAV(file)
	if err != nil {
		return err.Error()
	}
	seconds := clip.Seconds()
	peak, full := 0.0, 0
	for _, v := range clip.Samples {
		a := math.Abs(float64(v))
		peak = max(peak, a)
		if a >= fullScale {
			full++
		}
	}
	share := float64(full) / float64(max(len(clip.Samples), 1))
	switch {
	case len(clip.Samples) == 0:
		return "it has no samples"
	case k.Rate > 0 && clip.Rate != k.Rate:
		return fmt.Sprintf("it has %d samples a second, and rate is %d", clip.Rate, k.Rate)
	case seconds < k.MinSeconds:
		return fmt.Sprintf("it lasts %.2f seconds, and min_seconds is %g", seconds, k.MinSeconds)
	case k.MaxSeconds > 0 && seconds > k.MaxSeconds:
		return fmt.Sprintf("it lasts %.2f seconds, and max_seconds is %g", seconds, k.MaxSeconds)
	case peak == 0:
		return "it is silent: all samples are 0"
	case peak <= math.Pow(10, -k.Silence/20):
		return fmt.Sprintf("it is silent: its loudest sample is %.0f dB below full scale", -20*math.Log10(peak))
	case k.Clipped < 1 && share >= k.Clipped:
		return fmt.Sprintf("it is clipped: %.1f %% of its samples are at full scale", 100*share)
	}
	return ""
}

// fullScale is the least size of a sample that counts as at full scale: 8 bits cannot
// come nearer to 1 on the positive side.
const fullScale = 127.0 / 128
