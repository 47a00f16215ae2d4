package stages

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/nn"
	"pipe/stages/sound"
	"pipe/stages/transform"
)

// recording is a row of a table of recordings and texts.
type recording struct {
	row  int64  // from 1
	path string // of the file, "" where the table does not say
	text string
	sound.Clip
}

// name is that of the file, or the number of the row.
func (r *recording) name() string {
	if r.path != "" {
		return r.path
	}
	return fmt.Sprintf("row %d", r.row)
}

// eachRecording calls f with the recordings of a table, brought to a rate, and their
// texts.
func eachRecording(ctx context.Context, env *dag.Env, port, content, text string, rate int, f func(recording) error) (err error) {
	r, err := env.Table(port)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	at, err := columnsOf(r.Schema(), []string{text})
	if err != nil {
		return err
	}
	done := int64(0)
	for batch, err := range table.All(r) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		texts, ok := batch.Column(at[0]).(*array.String)
		if !ok {
			return fmt.Errorf("%s: column %q must be text, is %s", port, text, table.TypeName(batch.Column(at[0]).DataType()))
		}
		if err := eachOf(batch, texts, content, text, done+1, rate, f); err != nil {
			return fmt.Errorf("%s: %w", port, err)
		}
		done += batch.NumRows()
		env.Progress(done, max(r.Rows(), 0), "recordings of "+port+" read")
	}
	return nil
}

func eachOf(batch arrow.RecordBatch, texts *array.String, content, text string, first int64, rate int, f func(recording) error) error {
	return transform.EachClip(batch, content, first, rate, func(i int, c sound.Clip) error {
		if texts.IsNull(i) {
			return &transform.RowError{Row: first + int64(i), Column: text, Msg: transform.OfFile(batch, i) + "the text is null; drop such rows with clean's drop_null"}
		}
		path := strings.Clone(transform.PathBeside(batch, i))
		return f(recording{first + int64(i), path, strings.Clone(texts.Value(i)), c})
	})
}

// speechRows is a nn.Source of spectrograms and what is said in them. The steps behind a
// recording are all alike, so of those the first only is kept.
type speechRows struct {
	port         string
	steps, width int // of a spectrogram
	names, texts []string
	sounds       [][]float32
	ends         []float64 // of the recordings, as a share of the stretch
	labels       [][]int32

	augment *Augment // nil: none
	shape   []int
	seed    uint64
	epoch   int
	room    []float32
}

// readSpeech reads the recordings of a port that fit into the stretch.
func readSpeech(ctx context.Context, env *dag.Env, port, text string, fitted *transform.Sound) (*speechRows, error) {
	shape := fitted.Signature().Shape
	s := &speechRows{port: port, steps: shape[0], width: shape[1]}
	var long []string
	var in transform.Input
	err := eachRecording(ctx, env, port, fitted.Signature().Inputs[0].Name, text, fitted.Rate(), func(r recording) error {
		if len(r.Samples) > fitted.Stretch() {
			long = append(long, r.name())
			return nil
		}
		in.Reset()
		fitted.AppendClip(&in, r.Samples)
		s.names, s.texts = append(s.names, r.name()), append(s.texts, r.text)
		s.sounds, s.ends = append(s.sounds, s.trimmed(in.Values)), append(s.ends, float64(len(r.Samples))/float64(fitted.Stretch()))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(long) > 0 {
		env.Logf("%s: %d recordings are left out, because they are longer than seconds of speech.features; the first is %s", port, len(long), long[0])
	}
	if len(s.sounds) == 0 {
		return nil, fmt.Errorf("%s has no recordings to learn from; %d are longer than seconds of speech.features", port, len(long))
	}
	return s, nil
}

// trimmed is a spectrogram without the steps at its end that equal the one before.
func (s *speechRows) trimmed(x []float32) []float32 {
	for len(x) > s.width && slices.Equal(x[len(x)-s.width:], x[len(x)-2*s.width:len(x)-s.width]) {
		x = x[:len(x)-s.width]
	}
	return slices.Clone(x)
}

// encode spells the texts for a network with so many steps, and leaves out what
// cannot be.
func (s *speechRows) encode(env *dag.Env, spelling *model.Spelling, steps int) error {
	kept := 0
	var crowded, strange []string
	for i, text := range s.texts {
		labels, unknown := spelling.Encode(text)
		switch {
		case unknown != "":
			strange = append(strange, fmt.Sprintf("%s, which has %q", s.names[i], unknown))
			continue
		case room(labels) > stepsOf(s.ends[i], steps):
			crowded = append(crowded, fmt.Sprintf("%s, which needs %d of %d", s.names[i], room(labels), stepsOf(s.ends[i], steps)))
			continue
		}
		s.names[kept], s.texts[kept], s.sounds[kept], s.ends[kept] = s.names[i], text, s.sounds[i], s.ends[i]
		s.labels = append(s.labels, labels)
		kept++
	}
	s.names, s.texts, s.sounds, s.ends = s.names[:kept], s.texts[:kept], s.sounds[:kept], s.ends[:kept]
	if len(crowded) > 0 {
		env.Logf("%s: %d texts are left out, because they have more labels than the network has steps for the recording; the first is that of %s", s.port, len(crowded), crowded[0])
	}
	if len(strange) > 0 {
		env.Logf("%s: %d texts are left out, because there is no label for a part of them; the first is that of %s", s.port, len(strange), strange[0])
	}
	if kept == 0 {
		return fmt.Errorf("%s has no recording with a text that fits: %d have more labels than the network has steps for the recording (pool less), and %d have what was not learnt", s.port, len(crowded), len(strange))
	}
	env.Logf("%s: %d recordings", s.port, kept)
	return nil
}

// stepsOf is how many of a network's steps a part of the stretch has.
func stepsOf(part float64, steps int) int { return min(int(math.Ceil(part*float64(steps))), steps) }

// room is how many steps labels need at least: a blank is between equal ones.
func room(labels []int32) int {
	n := len(labels)
	for i := 1; i < len(labels); i++ {
		if labels[i] == labels[i-1] {
			n++
		}
	}
	return n
}

// Len implements nn.Source.
func (s *speechRows) Len() int { return len(s.sounds) }

// BeginEpoch implements nn.Varied.
func (s *speechRows) BeginEpoch(epoch int) { s.epoch = epoch }

// Batch implements nn.Source.
func (s *speechRows) Batch(_ context.Context, examples []int, b *nn.Batch) error {
	size, places := s.steps*s.width, len(b.Labels)/len(examples)
	for i, e := range examples {
		x := b.Features[i*size : (i+1)*size]
		n := copy(x, s.sounds[e])
		for n < size {
			n += copy(x[n:], x[n-s.width:n])
		}
		if s.augment != nil {
			s.augment.apply(x, s.shape, s.seed, s.epoch, e, s.room)
		}
		if b.Labels == nil {
			continue
		}
		labels := b.Labels[i*places : (i+1)*places]
		end := stepsOf(s.ends[e], places)
		for j := copy(labels, s.labels[e]); j < places; j++ {
			labels[j] = -1
			if j >= end {
				labels[j] = nn.NotThere
			}
		}
	}
	return nil
}
