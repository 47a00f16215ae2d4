package transform

import (
	"math"
	"testing"

	"pipe/stages/sound"
)

// A recording that is louder has other decibels, and with center the same features.
func TestCenteredRecordingsAreAlikeHoweverLoud(t *testing.T) {
	for _, centered := range []bool{false, true} {
		s, err := NewSound(SoundConfig{
			Column: "content", Samples: 8000, Center: centered, Mean: []float64{0, 0, 0}, Std: []float64{1, 1, 1},
			Config: sound.Config{Rate: 8000, FFT: 256, Hop: 80, Mels: 3, TopDB: 60},
		})
		if err != nil {
			t.Fatal(err)
		}
		var in Input
		for _, loud := range []float32{0.5, 0.1} {
			clip := make([]float32, 4000)
			for i := range clip {
				clip[i] = loud * float32(math.Sin(float64(i)/3)+math.Sin(float64(i*i)/9000))
			}
			s.AppendClip(&in, clip)
		}
		n := len(in.Values) / 2
		worst, sums := 0.0, [3]float64{}
		for i := range n {
			worst = max(worst, math.Abs(float64(in.Values[i]-in.Values[n+i])))
			if i < 3*s.Frames(4000) {
				sums[i%3] += float64(in.Values[i])
			}
		}
		if centered && worst > 1e-3 || !centered && math.Abs(worst-20*math.Log10(5)) > 1e-3 {
			t.Errorf("centered %v: the greatest difference is %v dB", centered, worst)
		}
		for _, sum := range sums {
			if centered && math.Abs(sum) > 0.1 {
				t.Errorf("the means over the recording are not 0: %v", sums)
			}
		}
	}
}
