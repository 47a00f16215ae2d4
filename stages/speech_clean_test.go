package stages

import (
	"math"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag/dagtest"
	"pipe/stages/sound"
)

func TestSpeechCleanNamesWhatCannotBeLearnt(t *testing.T) {
	wav := func(rate int, seconds, loud float64) []byte {
		c := sound.Clip{Rate: rate, Samples: make([]float32, int(seconds*float64(rate)))}
		for i := range c.Samples {
			c.Samples[i] = float32(min(max(loud*math.Sin(float64(i)*0.3), -1), 1))
		}
		return sound.EncodeWAV(c)
	}
	good := wav(8000, 0.5, 0.5)
	files := map[string][]byte{
		"a/good.wav": good, "a/again.wav": good, "b/other.wav": wav(8000, 0.4, 0.4), "a/nothing.wav": wav(8000, 0.5, 0), "a/whisper.wav": wav(8000, 0.5, 0.0005),
		"a/loud.wav": wav(8000, 0.5, 3), "a/short.wav": wav(8000, 0.05, 0.5), "a/long.wav": wav(8000, 3, 0.5), "a/fast.wav": wav(16000, 0.5, 0.5), "a/cut.wav": good[:200], "a/text.wav": []byte("hello"),
		"a/none.wav": wav(8000, 0, 1), "a/song.wav": []byte("ID3\x04 and so on"), "a/empty.wav": {},
		"a/torn.wav": wav(8000, 0.3, 0.3), "b/torn.wav": wav(8000, 0.3, 0.3),
	}
	s := dagtest.Store(t)
	in := dagtest.Run(t, s, dagtest.New(t, &SourceFiles{}, `{path: `+zipOf(t, files)+`, pattern: '(?P<label>[^/]+)/[^/]+$'}`), nil)
	out := dagtest.Run(t, s, dagtest.New(t, &SpeechClean{}, "{label: label, rate: 8000, min_seconds: 0.1, max_seconds: 2}"), map[string]artifacts.Ref{"in": in["out"]})
	if got, want := strings.Join(pathsOf(t, s, out["out"], ""), " "), "a/again.wav b/other.wav"; got != want {
		t.Errorf("kept are %s, want %s", got, want)
	}
	reasons := strings.Join(pathsOf(t, s, out["sorted_out"], "reason"), "\n")
	for _, want := range []string{
		"a/good.wav: the same file as a/again.wav", "a/nothing.wav: it is silent: all samples are 0", "a/whisper.wav: it is silent: its loudest sample is 66 dB below full scale",
		"a/loud.wav: it is clipped: 7", "a/short.wav: it lasts 0.05 seconds, and min_seconds is 0.1", "a/long.wav: it lasts 3.00 seconds, and max_seconds is 2",
		"a/fast.wav: it has 16000 samples a second, and rate is 8000", `a/cut.wav: WAV: the chunk "data" should have`, "a/text.wav: this is no WAV file: it begins with \"hello\"", "a/none.wav: it has no samples", "a/song.wav: this is no WAV file: it is an MP3 file", "a/empty.wav: this is no WAV file: it is empty", "b/torn.wav: the same file has two labels",
	} {
		if !strings.Contains(reasons, want) {
			t.Errorf("%q is missing in\n%s", want, reasons)
		}
	}
	// Silence and another rate are recordings like any other where nothing sorts them out.
	all := dagtest.Run(t, s, dagtest.New(t, &SpeechClean{}, "{silence: 400, clipped: 1}"), map[string]artifacts.Ref{"in": in["out"]})
	for _, want := range []string{"a/whisper.wav", "a/loud.wav", "a/fast.wav", "a/short.wav"} {
		if !strings.Contains(strings.Join(pathsOf(t, s, all["out"], ""), " "), want) {
			t.Errorf("%s was sorted out", want)
		}
	}
}
