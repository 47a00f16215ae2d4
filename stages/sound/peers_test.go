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

// libsndfile writes files of each coding and says what it reads of them.
const libsndfile = `
import sys, io, json, base64, numpy as np, soundfile
rng = np.random.default_rng(1)
answers = []
json.load(sys.stdin)
for form in ("WAV", "WAVEX"):
    for coding in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"):
        for channels in (1, 2, 5):
            for rate in (8000, 11025, 47999):
                x = rng.uniform(-1, 1, (37, channels))
                f = io.BytesIO()
                soundfile.write(f, x, rate, subtype=coding, format=form)
                f.seek(0)
                y, _ = soundfile.read(f, dtype="float64", always_2d=True)
                answers.append({"name": f"{form} {coding} {channels} {rate}", "rate": rate, "file": base64.b64encode(f.getvalue()).decode(), "samples": y.mean(axis=1).tolist()})
print(json.dumps(answers))
`

func TestFilesAreReadAsLibsndfileReadsThem(t *testing.T) {
	var answers []struct {
		Name    string
		Rate    int
		File    []byte
		Samples []float64
	}
	librosa(t, libsndfile, nil, &answers)
	if len(answers) != 144 {
		t.Fatalf("%d files", len(answers))
	}
	for _, a := range answers {
		c, err := DecodeWAV(a.File)
		if err != nil || c.Rate != a.Rate || len(c.Samples) != len(a.Samples) {
			t.Errorf("%s: %d samples at %d, %v", a.Name, len(c.Samples), c.Rate, err)
			continue
		}
		for i, want := range a.Samples {
			if math.Abs(float64(c.Samples[i])-want) > 1e-6 {
				t.Errorf("%s: sample %d is %v, libsndfile reads %v", a.Name, i, c.Samples[i], want)
				break
			}
		}
	}
}

const resamplers = `
import sys, json, numpy as np, librosa, scipy.signal, math
answers = []
for q in json.load(sys.stdin):
    y, a, b = np.array(q["samples"], np.float64), q["from"], q["to"]
    g = math.gcd(a, b)
    answers.append([scipy.signal.resample_poly(y, b // g, a // g, window=("kaiser", 12.0)).tolist(), librosa.resample(y, orig_sr=a, target_sr=b, res_type="soxr_vhq").tolist()])
print(json.dumps(answers))
`

// What every rate can hold comes out alike, whoever resamples.
func TestRatesAreChangedAsScipyAndSoxrChangeThem(t *testing.T) {
	type question struct {
		Samples []float32 `json:"samples"`
		From    int       `json:"from"`
		To      int       `json:"to"`
	}
	var questions []question
	for _, r := range [][2]int{{8000, 16000}, {16000, 8000}, {44100, 16000}, {22050, 8000}, {11025, 16000}, {48000, 44100}, {8000, 44100}, {47999, 16000}} {
		c := Clip{Rate: r[0], Samples: make([]float32, r[0]/4)}
		for i := range c.Samples { // a chirp up to 2500 Hz that comes and goes
			x := float64(i) / float64(len(c.Samples))
			c.Samples[i] = float32(0.5 * math.Sin(math.Pi*x) * math.Sin(2*math.Pi*(100+1200*x)*float64(i)/float64(r[0])))
		}
		questions = append(questions, question{c.Samples, r[0], r[1]})
	}
	var answers [][2][]float64
	librosa(t, resamplers, questions, &answers)
	for i, q := range questions {
		c, err := Resample(Clip{Rate: q.From, Samples: q.Samples}, q.To)
		if err != nil {
			t.Fatal(err)
		}
		for k, name := range []string{"scipy", "soxr"} {
			want := answers[i][k]
			if d := len(c.Samples) - len(want); d < -1 || d > 1 {
				t.Errorf("%d to %d: %d samples, %s makes %d", q.From, q.To, len(c.Samples), name, len(want))
				continue
			}
			worst := 0.0
			for j := range min(len(c.Samples), len(want)) {
				worst = max(worst, math.Abs(float64(c.Samples[j])-want[j]))
			}
			if worst > 1e-3 {
				t.Errorf("%d to %d: the greatest difference from %s is %g", q.From, q.To, name, worst)
			}
		}
	}
}

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
