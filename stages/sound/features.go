package sound

import (
	"fmt"
	"math"
	"sync"

	"gonum.org/v1/gonum/dsp/fourier"
)

// Config says how a clip becomes rows of numbers. The names and the arithmetic
// are those of librosa 0.10 and later (librosa.feature.melspectrogram, mfcc):
// frames are centred, the clip is padded with silence, the window is a periodic
// Hann window, mel bands are Slaney's with his normalisation, and decibels are
// 10·log10 of the power, at least 1e-10 and at most TopDB below the loudest.
type Config struct {
	Rate  int     `json:"rate"`
	FFT   int     `json:"n_fft"`      // samples in a frame
	Hop   int     `json:"hop_length"` // samples from frame to frame
	Mels  int     `json:"n_mels"`
	MFCC  int     `json:"n_mfcc,omitempty"` // cepstral coefficients; 0 gives the mel bands themselves
	FMin  float64 `json:"fmin,omitempty"`   // Hz
	FMax  float64 `json:"fmax,omitempty"`   // Hz; 0 for half of the rate
	TopDB float64 `json:"top_db"`
}

// FieldError is a setting that cannot be; the name is that of the configuration.
type FieldError struct{ Field, Msg string }

// Error reads: n_mels must be …
func (e *FieldError) Error() string { return e.Field + " " + e.Msg }

// Check tells what makes a configuration impossible.
func (c Config) Check() error {
	if e := c.check(); e != nil {
		return e
	}
	return nil
}

func (c Config) check() *FieldError {
	bad := func(field, format string, args ...any) *FieldError {
		return &FieldError{field, fmt.Sprintf(format, args...)}
	}
	switch high := c.high(); {
	case c.Rate < MinRate || c.Rate > MaxRate:
		return bad("rate", "must be %d to %d, is %d", MinRate, MaxRate, c.Rate)
	case c.FFT < 16 || c.FFT > 1<<16:
		return bad("n_fft", "must be 16 to 65536, is %d", c.FFT)
	case c.Hop < 1 || c.Hop > c.FFT:
		return bad("hop_length", "must be 1 to n_fft (%d), is %d", c.FFT, c.Hop)
	case c.Mels < 1 || c.Mels > c.FFT/2+1:
		return bad("n_mels", "must be 1 to n_fft/2+1 (%d), is %d", c.FFT/2+1, c.Mels)
	case c.MFCC < 0 || c.MFCC > c.Mels:
		return bad("n_mfcc", "must be 0 to n_mels (%d), is %d", c.Mels, c.MFCC)
	case c.FMin < 0 || high <= c.FMin || high > float64(c.Rate)/2:
		return bad("fmax", "and fmin must lie between 0 and half of the rate (%g Hz), and the bands would be %g to %g Hz", float64(c.Rate)/2, c.FMin, high)
	case c.TopDB <= 0:
		return bad("top_db", "must be above 0, is %g", c.TopDB)
	}
	return nil
}

func (c Config) high() float64 {
	if c.FMax == 0 {
		return float64(c.Rate) / 2
	}
	return c.FMax
}

// Width is how many numbers a frame has.
func (c Config) Width() int {
	if c.MFCC > 0 {
		return c.MFCC
	}
	return c.Mels
}

// Frames is how many frames come of so many samples.
func (c Config) Frames(samples int) int { return 1 + samples/c.Hop }

// Extractor computes features. It may be used by several goroutines at once.
type Extractor struct {
	Config
	window []float64
	bands  []melBand
	dct    [][]float64 // MFCC × Mels
	works  sync.Pool
}

// melBand is a triangular filter over the bins from first on.
type melBand struct {
	first   int
	weights []float64
}

type work struct {
	fft   *fourier.FFT
	frame []float64
	bins  []complex128
	mels  []float64
}

// NewExtractor prepares the window, the bands and the transform.
func NewExtractor(c Config) (*Extractor, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	e := &Extractor{Config: c, window: make([]float64, c.FFT), bands: melBands(c)}
	for i := range e.window {
		e.window[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(c.FFT))
	}
	for k := range c.MFCC { // DCT-II, orthonormal
		row := make([]float64, c.Mels)
		norm := math.Sqrt(2 / float64(c.Mels))
		if k == 0 {
			norm = math.Sqrt(1 / float64(c.Mels))
		}
		for m := range row {
			row[m] = norm * math.Cos(math.Pi*float64(k)*(float64(m)+0.5)/float64(c.Mels))
		}
		e.dct = append(e.dct, row)
	}
	e.works.New = func() any {
		return &work{fft: fourier.NewFFT(c.FFT), frame: make([]float64, c.FFT)}
	}
	return e, nil
}

// Append appends the features of a clip's samples to dst: Frames rows of Width
// numbers. The samples have the configuration's rate.
func (e *Extractor) Append(dst []float32, samples []float32) []float32 {
	w := e.works.Get().(*work)
	defer e.works.Put(w)
	frames := e.Frames(len(samples))
	w.mels = w.mels[:0]
	loudest := math.Inf(-1)
	for t := range frames {
		e.fill(w, samples, t*e.Hop-e.FFT/2)
		w.bins = w.fft.Coefficients(w.bins, w.frame)
		for _, b := range e.bands {
			var power float64
			for i, weight := range b.weights {
				c := w.bins[b.first+i]
				power += weight * (real(c)*real(c) + imag(c)*imag(c))
			}
			db := 10 * math.Log10(max(power, 1e-10))
			loudest = max(loudest, db)
			w.mels = append(w.mels, db)
		}
	}
	floor := loudest - e.TopDB
	for i, db := range w.mels {
		w.mels[i] = max(db, floor)
	}
	for t := range frames {
		row := w.mels[t*e.Mels : (t+1)*e.Mels]
		if e.MFCC == 0 {
			for _, db := range row {
				dst = append(dst, float32(db))
			}
			continue
		}
		for _, basis := range e.dct {
			var sum float64
			for m, db := range row {
				sum += basis[m] * db
			}
			dst = append(dst, float32(sum))
		}
	}
	return dst
}

// fill puts the windowed samples from first on into the frame; before and after
// the clip there is silence.
func (e *Extractor) fill(w *work, samples []float32, first int) {
	for i := range w.frame {
		w.frame[i] = 0
		if j := first + i; j >= 0 && j < len(samples) {
			w.frame[i] = float64(samples[j]) * e.window[i]
		}
	}
}

// melBands makes Slaney's filters (M. Slaney, Auditory Toolbox, 1998): linear
// below 1000 Hz and logarithmic above, each with an area of one.
func melBands(c Config) []melBand {
	edges := make([]float64, c.Mels+2)
	low, high := hzToMel(c.FMin), hzToMel(c.high())
	for i := range edges {
		edges[i] = melToHz(low + (high-low)*float64(i)/float64(c.Mels+1))
	}
	bands := make([]melBand, c.Mels)
	for m := range bands {
		from, top, to := edges[m], edges[m+1], edges[m+2]
		area := 2 / (to - from)
		b := melBand{first: -1}
		for bin := range c.FFT/2 + 1 {
			hz := float64(bin) * float64(c.Rate) / float64(c.FFT)
			weight := min((hz-from)/(top-from), (to-hz)/(to-top))
			if weight <= 0 {
				continue
			}
			if b.first < 0 {
				b.first = bin
			}
			b.weights = append(b.weights, area*weight)
		}
		b.first = max(b.first, 0)
		bands[m] = b
	}
	return bands
}

const (
	melLinear = 200.0 / 3 // Hz for one mel below the break
	melBreak  = 1000.0    // Hz
)

var melStep = math.Log(6.4) / 27 // of the logarithm for one mel above it

func hzToMel(hz float64) float64 {
	if hz < melBreak {
		return hz / melLinear
	}
	return melBreak/melLinear + math.Log(hz/melBreak)/melStep
}

func melToHz(mel float64) float64 {
	if at := melBreak / melLinear; mel >= at {
		return melBreak * math.Exp(melStep*(mel-at))
	}
	return mel * melLinear
}
