package model

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"

	"pipe/dag"
	"pipe/stages/ctc"
	"pipe/stages/nn"
	"pipe/stages/sound"
	"pipe/stages/transform"
)

// TranscriptionTask is that of models that write down what is said.
const TranscriptionTask = "transcription"

// Recognizer writes down what is said: a transform of recordings, a network that was
// trained by CTC, and how words are spelt with its labels. It does not change and may
// be used by several goroutines at once.
type Recognizer struct {
	parts
	sound    *transform.Sound
	spelling *Spelling
}

// TranscriptionSignature says what a recogniser reads and gives.
func TranscriptionSignature(column string) dag.Signature {
	return dag.Signature{
		Inputs: []dag.Column{{Name: column, Type: "binary", Doc: "a WAV file"}},
		Outputs: []dag.Column{{Name: PredictionColumn, Type: "utf8", Doc: "what is said"},
			{Name: ProbabilityColumn, Type: "float", Doc: "the geometric mean of the probabilities of its words"}},
		Task: TranscriptionTask,
	}
}

// NewRecognizer puts a recogniser together and checks that its parts fit. The network
// belongs to it from then on.
func NewRecognizer(t Training, h History, s *transform.Sound, spelling *Spelling, n *nn.Network) (*Recognizer, error) {
	h.Version = Version
	m := Manifest{Version: Version, Task: TranscriptionTask, Signature: TranscriptionSignature(s.Signature().Inputs[0].Name), Training: t}
	return newRecognizer(&parts{m, h, s, n}, spelling)
}

func newRecognizer(p *parts, spelling *Spelling) (*Recognizer, error) {
	s, ok := p.transform.(*transform.Sound)
	if !ok {
		return nil, errors.New("the transform reads no recordings")
	}
	in, out := p.network.Input, p.network.OutShape()
	switch {
	case len(p.manifest.Signature.Inputs) != 1:
		return nil, errors.New("a recogniser reads one column")
	case in.Tokens || !nn.Shape(in.Shape).Equal(nn.Shape(s.Signature().Shape)):
		return nil, fmt.Errorf("the transform gives rows of shape %v and the network reads others", nn.Shape(s.Signature().Shape))
	case len(out) != 3 || out[1] < 1 || out[2] != len(spelling.Labels) || p.network.EndsWith() != nn.Softmax:
		return nil, fmt.Errorf("the network gives %v, and not probabilities of %d labels at every step", out, len(spelling.Labels))
	}
	return &Recognizer{*p, s, spelling}, nil
}

const spellingFile = "speech.json"

// LoadRecognizer reads a recogniser from its folder.
func LoadRecognizer(fsys fs.FS) (*Recognizer, error) {
	m, err := loadRecognizer(fsys)
	if err != nil {
		return nil, fmt.Errorf("load the model: %w", err)
	}
	return m, nil
}

func loadRecognizer(fsys fs.FS) (*Recognizer, error) {
	p, err := loadParts(fsys, TranscriptionTask)
	if err != nil {
		return nil, err
	}
	s := new(Spelling)
	if err := readJSON(fsys, spellingFile, s); err != nil {
		return nil, err
	}
	if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("%s: %w", spellingFile, err)
	}
	return newRecognizer(p, s)
}

// Save writes the model as files of a folder.
func (m *Recognizer) Save(w transform.Files) error {
	if err := cmp.Or(m.save(w), nn.WriteJSON(w.Create, spellingFile, m.spelling)); err != nil {
		return fmt.Errorf("save the model: %w", err)
	}
	return nil
}

// Network is the network with its weights.
func (m *Recognizer) Network() *nn.Network { return m.network }

// Rate is that of the recordings; others are resampled to it.
func (m *Recognizer) Rate() int { return m.sound.Rate() }

// Spelling is that of its texts. It is not to be changed.
func (m *Recognizer) Spelling() *Spelling { return m.spelling }

// Signature implements Served.
func (m *Recognizer) Signature() dag.Signature { return m.manifest.Signature }

// Bytes implements Served.
func (m *Recognizer) Bytes() int64 { return m.bytes() }

// PredictRows implements Predictor. A recording is bytes, or text in base64 as JSON
// brings it.
func (m *Recognizer) PredictRows(ctx context.Context, rows []map[string]any) ([]*Answer, error) {
	out := make([]*Answer, len(rows))
	for i, row := range rows {
		clip, err := m.sound.RowClip(row)
		var bad *transform.RowError
		if errors.As(err, &bad) {
			bad.Row = int64(i) + 1
		}
		if err != nil {
			return nil, err
		}
		t, err := m.Transcribe(ctx, clip.Samples, clip.Rate)
		if err != nil {
			return nil, err
		}
		out[i] = &Answer{Prediction: t.Text, Probability: float32(t.Confidence)}
	}
	return out, nil
}

// Transcribe implements Transcriber.
func (m *Recognizer) Transcribe(ctx context.Context, samples []float32, rate int) (Transcript, error) {
	return m.TranscribeBy(ctx, samples, rate, m.spelling.Search)
}

// faint is how loud the loudest sample must be for anything to be heard: 80 decibels
// below full scale.
const faint = 1e-4

// TranscribeBy looks for the text in a way of the caller's. A recording may be of any
// length and rate; where nothing is loud enough to be heard the text is empty.
func (m *Recognizer) TranscribeBy(ctx context.Context, samples []float32, rate int, how Search) (Transcript, error) {
	if !audible(samples) {
		return Transcript{}, nil
	}
	clip, err := sound.Resample(sound.Clip{Samples: samples, Rate: rate}, m.sound.Rate())
	if err != nil {
		return Transcript{}, err
	}
	o, err := m.listen(ctx, clip.Samples)
	if err != nil {
		return Transcript{}, err
	}
	found := ctc.Found{Labels: o.Greedy()}
	if grammar := m.spelling.grammar(how); how.Beams > 1 || grammar != nil {
		ok := false
		if found, ok = o.Search(how.Beams, grammar); !ok {
			return Transcript{}, nil // no known word is heard
		}
	} else {
		found.LogProbability = o.Probability(found.Labels)
	}
	return m.transcript(o, found), nil
}

func audible(samples []float32) bool {
	for _, s := range samples {
		if s > faint || s < -faint {
			return true
		}
	}
	return false
}

// transcript puts labels together to words with their times.
func (m *Recognizer) transcript(o *ctc.Output, f ctc.Found) Transcript {
	words := m.spelling.decode(f.Labels)
	spans := o.Align(f.Labels)
	t := Transcript{Confidence: math.Exp(f.LogProbability / float64(max(len(words), 1)))}
	seconds := m.stepSamples() / float64(m.sound.Rate())
	at := func(step int) float64 { return math.Round(float64(step)*seconds*1000) / 1000 }
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.text
		if spans != nil {
			t.Words = append(t.Words, Word{w.text, at(spans[w.first].First), at(spans[w.last].Last + 1)})
		}
	}
	t.Text = strings.Join(texts, " ")
	return t
}

// stepSamples is how many samples lie between two steps of the network's output.
func (m *Recognizer) stepSamples() float64 {
	return float64(m.sound.Stretch()) / float64(m.network.OutShape()[1])
}

// windowsAtOnce bounds the memory that a long recording takes in the network.
const windowsAtOnce = 16

// listen sends a recording through the network. What is longer than the stretch that
// the network reads is read in windows that overlap by a half, of which the middle
// counts, so that what is said at an edge of a window is heard whole in the next. What
// is behind the end of the recording is not there, as in training.
func (m *Recognizer) listen(ctx context.Context, samples []float32) (*ctc.Output, error) {
	stretch, steps, labels := m.sound.Stretch(), m.network.OutShape()[1], m.network.OutShape()[2]
	edge := steps / 4
	if len(samples) <= stretch {
		edge = 0
	}
	var offsets []int
	for n := 0; ; n++ {
		offset := int(math.Round(float64(n*(steps-2*edge)) * m.stepSamples()))
		offsets = append(offsets, offset)
		if offset+stretch >= len(samples) {
			break
		}
	}
	var all []float32
	for first := 0; first < len(offsets); first += windowsAtOnce {
		some := offsets[first:min(first+windowsAtOnce, len(offsets))]
		var in transform.Input
		for _, offset := range some {
			m.sound.AppendClip(&in, samples[offset:min(offset+stretch, len(samples))])
		}
		err := m.network.Predict(ctx, &nn.Examples{Count: len(some), Features: in.Values}, len(some), func(_ int, y []float32) error {
			for i := range some {
				from, to := edge, steps-edge
				if first+i == 0 {
					from = 0
				}
				if first+i == len(offsets)-1 { // it ends with the recording
					to = min(int(math.Ceil(float64(len(samples)-offsets[first+i])/m.stepSamples())), steps)
				}
				all = append(all, y[(i*steps+from)*labels:(i*steps+to)*labels]...)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	for _, p := range all {
		if p-p != 0 {
			return nil, fmt.Errorf("the network's output is %v, which is no number", p)
		}
	}
	return ctc.NewOutput(all, labels), nil
}
