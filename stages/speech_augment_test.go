package stages

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/sound"
)

// tones are recordings in a folder of a label, each of another pitch.
func tones(n int) map[string][]byte {
	files := map[string][]byte{}
	for i := range n {
		c := sound.Clip{Rate: 8000, Samples: make([]float32, 3000+40*i)}
		for j := range c.Samples {
			c.Samples[j] = float32(math.Sin(float64(j)*(0.05+0.01*float64(i)))) / 2
		}
		files[fmt.Sprintf("a/%02d.wav", i)] = sound.EncodeWAV(c)
	}
	return files
}

// The copies are the same bits on any number of cores, each behind its row.
func TestSpeechAugmentIsTheSameOnAnyCores(t *testing.T) {
	s := dagtest.Store(t)
	in := dagtest.Run(t, s, dagtest.New(t, &SourceFiles{}, `{path: `+zipOf(t, tones(17))+`, pattern: '(?P<label>[^/]+)/[^/]+$'}`), nil)
	var first artifacts.Ref
	for _, cores := range []int{1, 2, 5} {
		before := runtime.GOMAXPROCS(cores)
		out := dagtest.Run(t, s, dagtest.New(t, &SpeechAugment{}, "{copies: 3, speed: 0.1, pitch: 2, shift: 0.05, gain: 6, noise: 20}"), map[string]artifacts.Ref{"in": in["out"]})["out"]
		runtime.GOMAXPROCS(before)
		if first.Digest == "" {
			first = out
		}
		if out.Rows != 4*17 || out.Digest != first.Digest {
			t.Errorf("%d cores: %d rows, %s; one core gave %s", cores, out.Rows, out.Digest.Short(), first.Digest.Short())
		}
	}
	paths := pathsOf(t, s, first, "")
	for i, p := range paths {
		if want := fmt.Sprintf("a/%02d.wav", i/4); p != want {
			t.Errorf("row %d is of %s, want %s", i+1, p, want)
		}
	}
}

// Of several rows that are no recordings the first is named.
func TestSpeechAugmentNamesTheFirstBadRow(t *testing.T) {
	files := tones(20)
	files["a/07.wav"], files["a/15.wav"] = []byte("hello"), []byte("hello")
	s := dagtest.Store(t)
	in := dagtest.Run(t, s, dagtest.New(t, &SourceFiles{}, `{path: `+zipOf(t, files)+`, pattern: '(?P<label>[^/]+)/[^/]+$'}`), nil)
	_, _, err := dag.RunKind(t.Context(), s, dagtest.New(t, &SpeechAugment{}, "{copies: 2, pitch: 1}"), map[string][]artifacts.Ref{"in": {in["out"]}}, 7, nil, t.TempDir(), nil)
	if want := `row 8, column "content": a/07.wav: this is no WAV file`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}
