package stages

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/sound"
)

// sequencesOf reads what speech.sequences made: a line for each, and the files.
func sequencesOf(t *testing.T, s *artifacts.Store, ref artifacts.Ref) (lines []string, files [][]byte) {
	t.Helper()
	r, err := dag.OpenTable(s, ref, "out")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for b, err := range table.All(r) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range int(b.NumRows()) {
			text := func(c int) string { return b.Column(c).(*array.String).Value(i) }
			lines = append(lines, fmt.Sprintf("%s %s: %s", text(0), text(2), text(1)))
			files = append(files, bytes.Clone(b.Column(3).(*array.Binary).Value(i)))
		}
	}
	return lines, files
}

func TestSequencesAreOfOneGroupWithPauses(t *testing.T) {
	// Each recording is a constant, so that it can be found in a sequence.
	files := map[string][]byte{}
	for g, speaker := range []string{"anna", "bo"} {
		for w, word := range []string{"one", "two", "three"} {
			c := sound.Clip{Rate: 8000, Samples: make([]float32, 800)}
			for i := range c.Samples {
				c.Samples[i] = float32(g*3+w+1) / 8
			}
			files[speaker+"/"+word+".wav"] = sound.EncodeWAV(c)
		}
	}
	names := strings.Fields("one two three one two three")
	s := dagtest.Store(t)
	in := dagtest.Run(t, s, dagtest.New(t, &SourceFiles{}, `{path: `+zipOf(t, files)+`, pattern: '(?P<speaker>\w+)/(?P<word>\w+)\.wav$'}`), nil)
	made := func(config string) ([]string, [][]byte) {
		out := dagtest.Run(t, s, dagtest.New(t, &SpeechSequences{}, config), map[string]artifacts.Ref{"in": in["out"]})
		return sequencesOf(t, s, out["out"])
	}
	const config = `text: word, by: speaker, rate: 8000, words: [1, 4], pause: [0.01, 0.05]`
	lines, wavs := made(`{` + config + `, count: 20}`)
	if len(lines) != 20 {
		t.Fatalf("%d sequences", len(lines))
	}
	different := map[string]bool{}
	for i, line := range lines {
		clip, err := sound.DecodeWAV(wavs[i])
		if err != nil {
			t.Fatal(err)
		}
		var heard []string
		speaker, pause := "", 0
		for at := 0; at < len(clip.Samples); {
			if clip.Samples[at] == 0 {
				pause++
				at++
				continue
			}
			if pause < 80 || pause > 400 {
				t.Errorf("%s: a pause of %d samples", line, pause)
			}
			pause = 0
			level := int(clip.Samples[at]*8+0.5) - 1
			if of := []string{"anna", "bo"}[level/3]; speaker == "" || speaker == of {
				speaker = of
			} else {
				t.Errorf("%s: two speakers", line)
			}
			heard = append(heard, names[level])
			at += 800
		}
		if pause < 80 || len(heard) < 1 || len(heard) > 4 {
			t.Errorf("%s: %d words, and %d samples of silence at the end", line, len(heard), pause)
		}
		if want := fmt.Sprintf("sequence-%06d.wav %s: %s", i+1, speaker, strings.Join(heard, " ")); line != want {
			t.Errorf("%q, and what is heard is %q", line, want)
		}
		different[line[strings.Index(line, ":"):]] = true
	}
	if len(different) < 10 {
		t.Errorf("%d different texts of 20", len(different))
	}
	// More of them begin alike, and noise moves no other draw.
	more, _ := made(`{` + config + `, count: 25}`)
	noisy, loud := made(`{` + config + `, count: 20, noise: 20}`)
	if strings.Join(more[:20], "\n") != strings.Join(lines, "\n") || strings.Join(noisy, "\n") != strings.Join(lines, "\n") || bytes.Equal(loud[0], wavs[0]) {
		t.Error("a setting moves the draws of another")
	}
	if other, _ := made(`{` + config + `, count: 20, seed: 9}`); strings.Join(other, "\n") == strings.Join(lines, "\n") {
		t.Error("another seed gives the same")
	}
}
