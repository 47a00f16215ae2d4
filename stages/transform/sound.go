package transform

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/dag"
	"pipe/stages/sound"
)

// SoundConfig says how recordings become rows of numbers: features of sound.Config
// over a stretch of equal length for all, each coefficient with mean 0 and
// standard deviation 1 over the rows that the transform was fitted on.
type SoundConfig struct {
	Column string `json:"column"`
	sound.Config
	Samples int       `json:"samples"`          // of the stretch: longer recordings are cut, shorter ones end in silence
	Center  bool      `json:"center,omitempty"` // each recording's own mean over time is taken off its coefficients
	Mean    []float64 `json:"mean"`             // of each coefficient
	Std     []float64 `json:"std"`
}

// Signature says what the transform reads and gives.
func (c *SoundConfig) Signature() *dag.Signature {
	shape := []int{c.Frames(c.Samples), c.Width()}
	return &dag.Signature{
		Inputs:  []dag.Column{{Name: c.Column, Type: arrow.BinaryTypes.Binary.String(), Doc: "a WAV file"}},
		Outputs: []dag.Column{{Name: "features", Type: arrow.FixedSizeListOfNonNullable(int32(shape[0]*shape[1]), arrow.PrimitiveTypes.Float32).String(), Doc: "frames × coefficients"}},
		Shape:   shape,
	}
}

// Sound turns a column of WAV files into features.
type Sound struct {
	config SoundConfig
	*sound.Extractor
}

// maxSamples bounds a stretch: every row of a batch takes memory for it.
const maxSamples = 1 << 26

// NewSound prepares a transform.
func NewSound(c SoundConfig) (*Sound, error) {
	e, err := sound.NewExtractor(c.Config)
	if err != nil {
		return nil, err
	}
	if c.Samples < 1 || c.Samples > maxSamples {
		return nil, fmt.Errorf("a stretch has 1 to %d samples, not %d", maxSamples, c.Samples)
	}
	if len(c.Mean) != c.Width() || len(c.Std) != c.Width() {
		return nil, fmt.Errorf("it has %d means and %d deviations for %d coefficients", len(c.Mean), len(c.Std), c.Width())
	}
	for i := range c.Mean {
		if math.IsNaN(c.Mean[i]+c.Std[i]) || math.IsInf(c.Mean[i]+c.Std[i], 0) || c.Std[i] <= 0 {
			return nil, fmt.Errorf("coefficient %d has the mean %v and the deviation %v", i, c.Mean[i], c.Std[i])
		}
	}
	return &Sound{c, e}, nil
}

// SoundFit gathers means and deviations.
type SoundFit struct {
	config   SoundConfig
	features *sound.Extractor
	row      []float32
	count    float64
	mean, m2 []float64 // Welford's sums
	Clips    int
	Longest  float64 // seconds
}

// NewSoundFit begins; the configuration's Mean and Std are not read.
func NewSoundFit(c SoundConfig) (*SoundFit, error) {
	e, err := sound.NewExtractor(c.Config)
	if err != nil {
		return nil, err
	}
	return &SoundFit{config: c, features: e, mean: make([]float64, c.Width()), m2: make([]float64, c.Width())}, nil
}

// Add takes the recordings of a batch in. Silence that fills a short recording
// up does not count.
func (f *SoundFit) Add(batch arrow.RecordBatch, first int64) error {
	return EachClip(batch, f.config.Column, first, f.config.Rate, func(_ int, c sound.Clip) error {
		f.Clips++
		f.Longest = max(f.Longest, c.Seconds())
		samples := c.Samples[:min(len(c.Samples), f.config.Samples)]
		f.row = f.features.Append(f.row[:0], samples)
		if f.config.Center {
			center(f.row, len(f.row), len(f.mean))
		}
		for i, v := range f.row {
			k := i % len(f.mean)
			if k == 0 {
				f.count++
			}
			d := float64(v) - f.mean[k]
			f.mean[k] += d / f.count
			f.m2[k] += d * (float64(v) - f.mean[k])
		}
		return nil
	})
}

// Sound is the fitted transform. A coefficient that never changes is only
// centred.
func (f *SoundFit) Sound() (*Sound, error) {
	c := f.config
	c.Mean, c.Std = f.mean, make([]float64, len(f.m2))
	for k, m2 := range f.m2 {
		c.Std[k] = math.Sqrt(m2 / max(f.count, 1))
		if c.Std[k] < 1e-8 {
			c.Std[k] = 1
		}
	}
	return NewSound(c)
}

// Signature implements Transform.
func (s *Sound) Signature() dag.Signature { return *s.config.Signature() }

// Rate is that of the recordings; others are resampled to it.
func (s *Sound) Rate() int { return s.config.Rate }

// Stretch is how many samples of a recording are looked at.
func (s *Sound) Stretch() int { return s.config.Samples }

// Apply implements Transform.
func (s *Sound) Apply(dst *Input, batch arrow.RecordBatch, first int64) error {
	return EachClip(batch, s.config.Column, first, s.config.Rate, func(_ int, c sound.Clip) error {
		s.AppendClip(dst, c.Samples)
		return nil
	})
}

// ApplyRow implements Transform.
func (s *Sound) ApplyRow(dst *Input, row map[string]any) error {
	c, err := s.RowClip(row)
	if err == nil {
		s.AppendClip(dst, c.Samples)
	}
	return err
}

// RowClip is the recording of a row, at the transform's rate. It is given as bytes, or
// as text in base64 as JSON brings it.
func (s *Sound) RowClip(row map[string]any) (c sound.Clip, err error) {
	v, ok := row[s.config.Column]
	bad := func(format string, args ...any) error {
		return &RowError{1, s.config.Column, fmt.Sprintf(format, args...)}
	}
	var b []byte
	switch x := v.(type) {
	case []byte:
		b = x
	case string:
		if b, err = base64.StdEncoding.DecodeString(x); err != nil {
			return c, bad("a recording is the bytes of a WAV file, as text in base64: %v", err)
		}
	default:
		if !ok || v == nil {
			return c, bad("it is missing; it is to hold the bytes of a WAV file")
		}
		return c, bad("a recording is the bytes of a WAV file, not %T", v)
	}
	if c, err = clipOf(b, s.config.Rate); err != nil {
		return c, bad("%v", err)
	}
	return c, nil
}

// AppendClip appends samples that have the transform's rate.
func (s *Sound) AppendClip(dst *Input, samples []float32) {
	stretch := make([]float32, s.config.Samples)
	copy(stretch, samples)
	from := len(dst.Values)
	dst.Values = s.Append(dst.Values, stretch)
	width := s.config.Width()
	if s.config.Center {
		center(dst.Values[from:], s.config.Frames(min(len(samples), len(stretch)))*width, width)
	}
	for i := from; i < len(dst.Values); i++ {
		k := (i - from) % width
		dst.Values[i] = float32((float64(dst.Values[i]) - s.config.Mean[k]) / s.config.Std[k])
	}
	dst.Rows++
}

// center takes off each coefficient its mean over the frames of the recording, which
// are the first ones of so many numbers: what a microphone, a room and a voice do to all
// of them alike (cepstral mean normalisation, B. Atal 1974).
func center(x []float32, heard, width int) {
	mean := make([]float64, width)
	for i, v := range x[:heard] {
		mean[i%width] += float64(v) / float64(heard/width)
	}
	for i := range x {
		x[i] -= float32(mean[i%width])
	}
}

// clipOf reads a WAV file and brings it to a rate.
func clipOf(b []byte, rate int) (sound.Clip, error) {
	c, err := sound.DecodeWAV(b)
	if err != nil {
		return c, err
	}
	if len(c.Samples) == 0 {
		return c, sound.ErrNoSamples
	}
	return sound.Resample(c, rate)
}

// EachClip gives every recording of a column to f, at a rate, with its place in the
// batch. What is no recording is an error that names the row, which first counts from,
// and the file.
func EachClip(batch arrow.RecordBatch, column string, first int64, rate int, f func(i int, c sound.Clip) error) error {
	at := batch.Schema().FieldIndices(column)
	if len(at) == 0 {
		return fmt.Errorf("there is no column %q", column)
	}
	files, ok := batch.Column(at[0]).(*array.Binary)
	if !ok {
		return fmt.Errorf("column %q is %s and not the bytes of WAV files", column, batch.Column(at[0]).DataType())
	}
	for i := range files.Len() {
		if files.IsNull(i) {
			return &RowError{first + int64(i), column, OfFile(batch, i) + "it is null; leave such rows out with clean's drop_null"}
		}
		c, err := clipOf(files.Value(i), rate)
		if err != nil {
			return &RowError{first + int64(i), column, OfFile(batch, i) + err.Error()}
		}
		if err := f(i, c); err != nil {
			return err
		}
	}
	return nil
}

// OfFile names the file that a row was read from, for messages: what the column
// path of source.files has, "" where there is none.
func OfFile(batch arrow.RecordBatch, row int) string {
	at := batch.Schema().FieldIndices("path")
	if len(at) == 0 {
		return ""
	}
	paths, ok := batch.Column(at[0]).(*array.String)
	if !ok || paths.IsNull(row) {
		return ""
	}
	return paths.Value(row) + ": "
}

// save implements Transform.
func (s *Sound) save(Files) (any, error) { return s.config, nil }

func loadSound(_ fs.FS, config json.RawMessage) (Transform, error) {
	var c SoundConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	return NewSound(c)
}
