package sound

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
)

// librosa runs a script with the Python of PIPE_PYTHON, which is asked and answers
// in JSON.
func librosa(t *testing.T, script string, question, answer any) {
	t.Helper()
	python := os.Getenv("PIPE_PYTHON")
	if python == "" {
		t.Skip("skipped: PIPE_PYTHON names no Python with librosa")
	}
	if exec.Command(python, "-c", "import librosa").Run() != nil {
		t.Skip("skipped: this Python has no librosa")
	}
	asked, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(python, "-c", script)
	c.Stdin = bytes.NewReader(asked)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, answer); err != nil {
		t.Fatal(err)
	}
}

// testClip is a chirp with noise that ends in silence.
func testClip(rate, n int) Clip {
	rng := rand.New(rand.NewPCG(1, 2))
	c := Clip{Rate: rate, Samples: make([]float32, n)}
	for i := range c.Samples[:3*n/4] {
		x := float64(i) / float64(rate)
		c.Samples[i] = float32(0.4*math.Sin(2*math.Pi*(200+900*x)*x) + 0.02*rng.NormFloat64())
	}
	return c
}

// configs are compared with librosa.
var configs = []Config{
	{Rate: 8000, FFT: 256, Hop: 80, Mels: 40, TopDB: 80},
	{Rate: 16000, FFT: 512, Hop: 160, Mels: 80, MFCC: 13, TopDB: 80},
	{Rate: 22050, FFT: 2048, Hop: 512, Mels: 128, MFCC: 20, FMin: 50, FMax: 8000, TopDB: 60},
	{Rate: 8000, FFT: 400, Hop: 100, Mels: 20, TopDB: 80},
}

const librosaFeatures = `
import sys, io, json, numpy as np, librosa
answers = []
for c in json.load(sys.stdin):
    y = np.array(c["samples"], np.float32)
    m = librosa.feature.melspectrogram(y=y, sr=c["rate"], n_fft=c["n_fft"], hop_length=c["hop_length"],
        n_mels=c["n_mels"], fmin=c.get("fmin", 0), fmax=c.get("fmax"))
    x = librosa.power_to_db(m, top_db=c["top_db"])
    if c.get("n_mfcc"):
        x = librosa.feature.mfcc(S=x, n_mfcc=c["n_mfcc"])
    answers.append(x.T.astype(float).ravel().tolist())
print(json.dumps(answers))
`

func TestFeaturesAreThoseOfLibrosa(t *testing.T) {
	type question struct {
		Config
		Samples []float32 `json:"samples"`
	}
	var questions []question
	for _, c := range configs {
		questions = append(questions, question{c, testClip(c.Rate, c.Rate/2).Samples})
	}
	var want [][]float64
	librosa(t, librosaFeatures, questions, &want)
	for i, q := range questions {
		e, err := NewExtractor(q.Config)
		if err != nil {
			t.Fatal(err)
		}
		got := e.Append(nil, q.Samples)
		if len(got) != len(want[i]) {
			t.Errorf("%+v: %d numbers, librosa has %d", q.Config, len(got), len(want[i]))
			continue
		}
		worst := 0.0
		for k := range got {
			worst = max(worst, math.Abs(float64(got[k])-want[i][k]))
		}
		if worst > 1e-3 {
			t.Errorf("%+v: the greatest difference from librosa is %g", q.Config, worst)
		}
	}
}
