package sound

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/dsp/fourier"
)

// steps is how finely a speed is graded: each phase of the filter is computed
// anew for it.
const steps = 100

// Speed plays a clip faster (factor above 1) or slower, to the nearest hundredth,
// which moves its pitch as well. The rate stays.
func Speed(c Clip, factor float64) Clip {
	heard := max(1, int(math.Round(steps*factor)))
	g := gcd(steps, heard)
	return Clip{Rate: c.Rate, Samples: resample(c.Samples, steps/g, heard/g)}
}

// Pitch moves a clip's pitch by some semitones and keeps its length: it is played
// faster or slower and stretched back.
func Pitch(c Clip, semitones float64) Clip {
	factor := math.Round(steps*math.Exp2(semitones/12)) / steps
	samples := make([]float32, len(c.Samples))
	copy(samples, stretch(Speed(c, factor).Samples, 1/factor))
	return Clip{Samples: samples, Rate: c.Rate}
}

// Shift moves a clip by so many samples to the right (below zero: to the left);
// silence comes in.
func Shift(c Clip, by int) Clip {
	out := make([]float32, len(c.Samples))
	for i := range out {
		if j := i - by; j >= 0 && j < len(c.Samples) {
			out[i] = c.Samples[j]
		}
	}
	return Clip{Samples: out, Rate: c.Rate}
}

// Noise adds white noise that is so many decibels quieter than the clip.
func Noise(c Clip, snr float64, rng *rand.Rand) Clip {
	var power float64
	for _, s := range c.Samples {
		power += float64(s) * float64(s)
	}
	sigma := math.Sqrt(power/float64(max(1, len(c.Samples)))) * math.Pow(10, -snr/20)
	out := make([]float32, len(c.Samples))
	for i, s := range c.Samples {
		out[i] = s + float32(sigma*rng.NormFloat64())
	}
	return Clip{Samples: out, Rate: c.Rate}
}

// Gain makes a clip so many decibels louder.
func Gain(c Clip, db float64) Clip {
	k := float32(math.Pow(10, db/20))
	out := make([]float32, len(c.Samples))
	for i, s := range c.Samples {
		out[i] = k * s
	}
	return Clip{Samples: out, Rate: c.Rate}
}

// stretch plays samples rate times as fast without moving the pitch: a phase
// vocoder (J. L. Flanagan and R. M. Golden, Phase Vocoder, 1966), frames of 512
// with a hop of a quarter.
func stretch(x []float32, rate float64) []float32 {
	const n, hop = 512, 128
	fft := fourier.NewFFT(n)
	window := make([]float64, n)
	for i := range window {
		window[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/n)
	}
	frame := make([]float64, n)
	spectrum := func(t int) []complex128 {
		for i := range frame {
			frame[i] = 0
			if j := t*hop - n/2 + i; j >= 0 && j < len(x) {
				frame[i] = float64(x[j]) * window[i]
			}
		}
		return fft.Coefficients(nil, frame)
	}
	frames := 1 + len(x)/hop
	out := make([]float64, int(float64(len(x))/rate)+2*n)
	weight := make([]float64, len(out))
	var phase []float64
	bins := make([]complex128, n/2+1)
	before, beforeAt := spectrum(0), 0
	after := spectrum(1)
	for k := 0; ; k++ {
		place := float64(k) * rate
		t := int(place)
		if t >= frames || k*hop+n > len(out) {
			break
		}
		if t != beforeAt {
			if t == beforeAt+1 {
				before = after
			} else {
				before = spectrum(t)
			}
			after, beforeAt = spectrum(t+1), t
		}
		part := place - float64(t)
		if phase == nil {
			phase = make([]float64, n/2+1)
			for i, c := range before {
				phase[i] = math.Atan2(imag(c), real(c))
			}
		}
		for i := range bins {
			a, b := before[i], after[i]
			magnitude := (1-part)*math.Hypot(real(a), imag(a)) + part*math.Hypot(real(b), imag(b))
			bins[i] = complex(magnitude*math.Cos(phase[i]), magnitude*math.Sin(phase[i]))
			expected := 2 * math.Pi * float64(i) * hop / n
			moved := math.Atan2(imag(b), real(b)) - math.Atan2(imag(a), real(a)) - expected
			phase[i] += expected + moved - 2*math.Pi*math.Round(moved/(2*math.Pi))
		}
		for i, v := range fft.Sequence(frame, bins) {
			out[k*hop+i] += v / n * window[i]
			weight[k*hop+i] += window[i] * window[i]
		}
	}
	samples := make([]float32, int(float64(len(x))/rate))
	for i := range samples { // the first frame is centred on the first sample
		if j := i + n/2; weight[j] > 1e-3 {
			samples[i] = float32(out[j] / weight[j])
		}
	}
	return samples
}
