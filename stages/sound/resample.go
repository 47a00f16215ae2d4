package sound

import (
	"fmt"
	"math"
)

// The filter reaches over lobes zero crossings of the sinc to each side, ends
// with a Kaiser window of that shape, and begins to fall at rolloff of the lower
// of the two Nyquist frequencies: about 80 dB of what would be mirrored is kept
// away (J. O. Smith, Digital Audio Resampling, 2002).
const (
	lobes      = 32
	kaiserBeta = 9
	rolloff    = 0.94
)

// Resample changes a clip's rate. The result has ceil(n·to/from) samples.
func Resample(c Clip, rate int) (Clip, error) {
	if rate < MinRate || rate > MaxRate {
		return Clip{}, fmt.Errorf("a rate of %d samples a second cannot be made; %d to %d can", rate, MinRate, MaxRate)
	}
	if c.Rate == rate {
		return c, nil
	}
	g := gcd(c.Rate, rate)
	return Clip{Rate: rate, Samples: resample(c.Samples, rate/g, c.Rate/g)}, nil
}

// resample makes up samples of each down samples, by a windowed sinc of which
// only the phases that occur are computed.
func resample(x []float32, up, down int) []float32 {
	scale := min(1, float64(up)/float64(down)) * rolloff // the cut-off, of the old Nyquist frequency
	half := int(math.Ceil(lobes / scale))
	phases := make([][]float32, up)
	out := make([]float32, (len(x)*up+down-1)/down)
	for i := range out {
		place := i * down
		first, phase := place/up, place%up
		if phases[phase] == nil {
			phases[phase] = sincPhase(float64(phase)/float64(up), scale, half)
		}
		taps := phases[phase]
		var sum float64
		for k, w := range taps {
			if j := first - half + 1 + k; j >= 0 && j < len(x) {
				sum += float64(w) * float64(x[j])
			}
		}
		out[i] = float32(sum)
	}
	return out
}

// sincPhase gives the weights of the 2·half samples around a place that lies
// offset behind the half-th of them. They add up to one, so that silence with an
// offset stays what it is.
func sincPhase(offset, scale float64, half int) []float32 {
	taps := make([]float64, 2*half)
	var sum float64
	for k := range taps {
		x := float64(k-half+1) - offset
		taps[k] = scale * sinc(scale*x) * kaiser(x/float64(half))
		sum += taps[k]
	}
	out := make([]float32, len(taps))
	for k, t := range taps {
		out[k] = float32(t / sum)
	}
	return out
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

func kaiser(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return bessel0(kaiserBeta*math.Sqrt(1-x*x)) / bessel0(kaiserBeta)
}

// bessel0 is the modified Bessel function of order zero, by its series.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-16*sum; k++ {
		term *= (x / (2 * k)) * (x / (2 * k))
		sum += term
	}
	return sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
