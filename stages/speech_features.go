package stages

import (
	"context"
	"errors"
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/sound"
	"pipe/stages/transform"
)

var speechFeaturesKind = dag.Info{
	Name:    "speech.features",
	Version: 1,
	Doc: `Makes a transform that turns recordings (WAV files) into log-mel spectrograms or MFCCs, as librosa computes them: frames × coefficients.
Each coefficient is scaled to mean 0 and standard deviation 1 over the rows that it is fitted on; fit it on training rows only.
Recordings of another rate are resampled, several channels become their mean, and all have the same length: longer ones are cut, shorter ones end in silence.`,
	Example: `heard: { uses: speech.features, in: train_rows, with: { column: content, rate: 8000, seconds: 0.8, n_mels: 40 } }`,
	New:     func() dag.Kind { return &SpeechFeatures{} },
}

// SpeechFeatures is the kind speech.features.
type SpeechFeatures struct {
	Column  string  `yaml:"column" doc:"the column of WAV files" default:"content"`
	Rate    int     `yaml:"rate" doc:"samples a second that recordings are brought to" default:"16000" min:"1000" max:"384000"`
	Seconds float64 `yaml:"seconds" doc:"how long the stretch is that is looked at" required:"true" above:"0" max:"600" example:"1"`
	FFT     int     `yaml:"n_fft" doc:"samples in a frame; without it, those of 32 ms" min:"16" max:"65536" example:"256"`
	Hop     int     `yaml:"hop_length" doc:"samples from frame to frame; without it, those of 10 ms" min:"1"`
	Mels    int     `yaml:"n_mels" doc:"bands of the mel scale" default:"40" min:"1" max:"512"`
	MFCC    int     `yaml:"n_mfcc" doc:"cepstral coefficients that are made of the bands; 0 takes the bands themselves" default:"0" min:"0" max:"512"`
	FMin    float64 `yaml:"fmin" doc:"the lowest frequency in Hz" default:"0" min:"0"`
	FMax    float64 `yaml:"fmax" doc:"the highest frequency in Hz; 0 for half of the rate" default:"0" min:"0"`
	Center  bool    `yaml:"center" doc:"whether each recording's own mean over time is taken off every coefficient: what a microphone and a voice do to all alike (cepstral mean normalisation)" default:"false"`
	TopDB   float64 `yaml:"top_db" doc:"what is more decibels below the loudest counts as that" default:"80" above:"0"`
}

// config fills in what is not set.
func (k *SpeechFeatures) config() transform.SoundConfig {
	c := sound.Config{Rate: k.Rate, FFT: k.FFT, Hop: k.Hop, Mels: k.Mels, MFCC: k.MFCC, FMin: k.FMin, FMax: k.FMax, TopDB: k.TopDB}
	if c.FFT == 0 {
		c.FFT = 32 * k.Rate / 1000
	}
	if c.Hop == 0 {
		c.Hop = max(1, k.Rate/100)
	}
	return transform.SoundConfig{Column: k.Column, Config: c, Samples: int(math.Round(k.Seconds * float64(k.Rate))), Center: k.Center}
}

// Ports implements dag.Kind.
func (k *SpeechFeatures) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "in", Type: artifacts.Table, Doc: "recordings to learn the scale of the coefficients from"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.Transform, Doc: "recordings to frames × coefficients"}}
}

// Check implements dag.Kind.
func (k *SpeechFeatures) Check(c *dag.Check) {
	if f, ok := c.Column("in", "column", k.Column); ok && f.Type.ID() != arrow.BINARY {
		c.Errorf("column", "must hold the bytes of WAV files, as source.files reads them; %q is %s", k.Column, table.TypeName(f.Type))
	}
	config := k.config()
	var bad *sound.FieldError
	if errors.As(config.Check(), &bad) {
		c.Errorf(bad.Field, "%s", bad.Msg)
		return
	}
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Transform, Signature: config.Signature()}
}

// Run implements dag.Kind.
func (k *SpeechFeatures) Run(ctx context.Context, env *dag.Env) (err error) {
	fit, err := transform.NewSoundFit(k.config())
	if err != nil {
		return err
	}
	s, err := openStream(env)
	if err != nil {
		return err
	}
	defer s.close(&err)
	if err := s.each(ctx, func(b batch) error { return fit.Add(b.RecordBatch, b.first) }); err != nil {
		return err
	}
	if fit.Clips == 0 {
		return errors.New("the table has no recordings")
	}
	fitted, err := fit.Sound()
	if err != nil {
		return err
	}
	shape := fitted.Signature().Shape
	env.Logf("%d recordings of up to %.2f s; %d frames of %d coefficients for each", fit.Clips, fit.Longest, shape[0], shape[1])
	if fit.Longest > k.Seconds {
		env.Logf("what comes after %g s is cut off", k.Seconds)
	}
	env.Metric("recordings", float64(fit.Clips), 0)
	env.Metric("longest_seconds", fit.Longest, 0)
	folder, err := env.CreateFolder(dag.Out, artifacts.Transform)
	if err != nil {
		return err
	}
	return transform.Save(folder, fitted)
}
