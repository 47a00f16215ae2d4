package model

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"pipe/stages/nn"
	"pipe/stages/sound"
	"pipe/stages/transform"
)

func TestPlainText(t *testing.T) {
	for text, want := range map[string]string{
		"Hello, World!": "hello world", " don’t  DON'T ": "don't don't", "A\u030angstro\u0308m 42": "ångström 42", "—…!": "", "well-known": "well known",
	} {
		if got := PlainText(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestSpellingOfTexts(t *testing.T) {
	s, err := NewSpelling(CharacterUnits, true, Search{Beams: 4, Words: AnyWords}, []string{"One two", "two, one", ""})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.Labels, "|"); got != "| |e|n|o|t|w" || strings.Join(s.Words, " ") != "one two" {
		t.Errorf("labels %s, words %v", got, s.Words)
	}
	labels, _ := s.Encode("Two one!")
	var words []string
	for _, w := range s.decode(labels) {
		words = append(words, w.text)
	}
	if strings.Join(words, " ") != "two one" {
		t.Errorf("%v are %v", labels, words)
	}
	if _, unknown := s.Encode("three"); unknown != "h" {
		t.Errorf("there is no label for %q", unknown)
	}
	whole, err := NewSpelling(WordUnits, false, Search{Beams: 1, Words: AnyWords}, []string{"One two"})
	if err != nil || strings.Join(whole.Labels, "|") != "|One|two" {
		t.Error(whole.Labels, err)
	}
	if _, err := NewSpelling(WordUnits, true, Search{Beams: 1, Words: AnyWords}, []string{"", "…"}); err == nil {
		t.Error("texts without words are learnt")
	}
	if _, err := NewSpelling(WordUnits, true, Search{}, []string{"a"}); err == nil {
		t.Error("a search without beams is taken")
	}
}

// say puts words together: tones of a tenth of a second with pauses as long.
func say(loud float64, words ...string) (samples []float32) {
	for _, w := range words {
		hz := map[string]float64{"low": 500, "high": 2500}[w]
		samples = append(samples, make([]float32, 800)...)
		for i := range 800 {
			samples = append(samples, float32(loud*math.Sin(2*math.Pi*hz*float64(i)/8000)))
		}
	}
	return append(samples, make([]float32, 800)...)
}

// listener is a recogniser of two words, made by hand: its network hears which of two
// mel bands is loud, and what is quiet is the blank.
func listener(t *testing.T) *Recognizer {
	t.Helper()
	const rate = 8000
	fitted, err := transform.NewSound(transform.SoundConfig{
		Column: "content", Samples: rate, Mean: []float64{0, 0}, Std: []float64{1, 1},
		Config: sound.Config{Rate: rate, FFT: 256, Hop: 80, Mels: 2, TopDB: 200},
	})
	if err != nil {
		t.Fatal(err)
	}
	spelling, err := NewSpelling(WordUnits, true, Search{Beams: 4, Words: AnyWords}, []string{"low high"})
	if err != nil {
		t.Fatal(err)
	}
	layer := &nn.Dense{Units: 3, UseBias: true, Activation: nn.Softmax, KernelInitializer: nn.Zeros, BiasInitializer: nn.Zeros}
	n, err := nn.NewNetwork(nn.Input{Shape: []int{101, 2}}, nn.Context{Classes: 3}, []nn.Layer{layer}, 1)
	if err != nil {
		t.Fatal(err)
	}
	middle := fitted.Append(nil, say(0.5, "low", "high"))
	low, high := middle[2*15], middle[2*35+1]             // decibels in the middle of the words
	copy(n.Params()[0].Data, []float32{0, 0, 0, 1, 1, 0}) // the labels are sorted: high, low
	copy(n.Params()[1].Data, []float32{0, 20 - high, 20 - low})
	m, err := NewRecognizer(Training{BatchSize: 1}, History{}, fitted, spelling, n)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRecordingsOfAnyLengthAreHeard(t *testing.T) {
	m := listener(t)
	for _, words := range []string{"", "low", "high low", "low low high", strings.TrimSpace(strings.Repeat("high low low ", 40))} {
		samples := say(0.5, strings.Fields(words)...)
		for _, how := range []Search{{Beams: 1, Words: AnyWords}, {Beams: 8, Words: AnyWords}, {Beams: 8, Words: KnownWords, Weight: 0.1}} {
			got, err := m.TranscribeBy(context.Background(), samples, 8000, how)
			if err != nil || got.Text != words {
				t.Fatalf("%+v: %d samples are %q, want %q; %v", how, len(samples), got.Text, words, err)
			}
			for i, w := range got.Words {
				if want := 0.2*float64(i) + 0.1; math.Abs(w.Start-want) > 0.04 || math.Abs(w.End-want-0.1) > 0.04 {
					t.Errorf("word %d is from %v to %v, and was said from %v", i, w.Start, w.End, want)
				}
			}
		}
	}
	faster, err := sound.Resample(sound.Clip{Samples: say(0.5, "low", "high"), Rate: 8000}, 44100)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.Transcribe(context.Background(), faster.Samples, 44100); err != nil || got.Text != "low high" {
		t.Errorf("at another rate: %q, %v", got.Text, err)
	}
	for name, samples := range map[string][]float32{"nothing": nil, "silence": make([]float32, 5000), "a hum of 90 dB below": say(3e-5, "low")} {
		if got, err := m.Transcribe(context.Background(), samples, 8000); err != nil || got.Text != "" {
			t.Errorf("%s: %q, %v", name, got.Text, err)
		}
	}
}

func TestRecognizerIsReadBack(t *testing.T) {
	m, saved := listener(t), folder{}
	if err := m.Save(saved); err != nil {
		t.Fatal(err)
	}
	back, err := Open(fstest.MapFS(saved))
	if err != nil {
		t.Fatal(err)
	}
	file := sound.EncodeWAV(sound.Clip{Samples: say(0.5, "high", "low"), Rate: 8000})
	answers, err := back.(Predictor).PredictRows(context.Background(), []map[string]any{{"content": file}})
	if err != nil || answers[0].Prediction != "high low" {
		t.Error(answers, err)
	}
	for name, bad := range map[string]any{"null": nil, "text": "no base64", "a number": 3, "no WAV": []byte("ID3")} {
		if _, err := back.(Predictor).PredictRows(context.Background(), []map[string]any{{"content": file}, {"content": bad}}); err == nil || !strings.Contains(err.Error(), "row 2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What does not fit together is refused.
	good := saved[spellingFile].Data
	for want, change := range map[string]func(*Spelling){
		"probabilities of 4 labels": func(s *Spelling) { s.Labels = append(s.Labels, "more") },
		"\"low\" twice":             func(s *Spelling) { s.Labels[1] = "low" },
		"not the blank":             func(s *Spelling) { s.Labels[0] = "x" },
		"its version is 7":          func(s *Spelling) { s.Version = 7 },
		"cannot have come":          func(s *Spelling) { s.Pairs[0][1] = 99 },
		"a search follows":          func(s *Spelling) { s.Search.Beams = 1 << 30 },
		"its units":                 func(s *Spelling) { s.Units = "letters" },
	} {
		s := new(Spelling)
		if err := json.Unmarshal(good, s); err != nil {
			t.Fatal(err)
		}
		change(s)
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		saved[spellingFile].Data = b
		if _, err := Open(fstest.MapFS(saved)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
