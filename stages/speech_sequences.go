package stages

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/sound"
	"pipe/stages/transform"
)

var speechSequencesKind = dag.Info{
	Name:    "speech.sequences",
	Version: 1,
	Seeded:  true,
	Doc: `Makes recordings of several words out of recordings of one: so many words of one group (such as a speaker), drawn at random, one
after the other with pauses of random length before, between and behind them, and noise over all where it is asked for. Each row has
path (a name), text (the words with spaces between them), the group where there is one, and content (the bytes of a WAV file). All
recordings are held in memory.`,
	Example: `sequences: { uses: speech.sequences, in: words, with: { text: word, by: speaker, rate: 8000, count: 2000, words: [1, 6], pause: [0, 0.4] } }`,
	New:     func() dag.Kind { return &SpeechSequences{} },
}

// SpeechSequences is the kind speech.sequences.
type SpeechSequences struct {
	Column string    `yaml:"column" doc:"the column of WAV files" default:"content"`
	Text   string    `yaml:"text" doc:"the column of what is said in them" required:"true" example:"word"`
	By     string    `yaml:"by" doc:"a column whose value all recordings of a sequence share; without it, any are put together" example:"speaker"`
	Rate   int       `yaml:"rate" doc:"samples a second that recordings are brought to" default:"16000" min:"1000" max:"384000"`
	Count  int       `yaml:"count" doc:"how many sequences are made" required:"true" min:"1" max:"10000000" example:"2000"`
	Words  []int     `yaml:"words" doc:"how many recordings one has: from, to" default:"[1, 5]"`
	Pause  []float64 `yaml:"pause" doc:"seconds of silence before, between and behind them: from, to" default:"[0, 0.3]"`
	Noise  *float64  `yaml:"noise" doc:"white noise lies over each sequence that is at least so many decibels quieter than it, and up to 20 more; without it, none" example:"25" min:"-10" max:"120"`
	Seed   *uint64   `yaml:"seed" doc:"of the draws; without it, the pipeline's seed"`
}

const (
	mostWords = 1000 // of a sequence
	mostPause = 60.0 // seconds
)

// Ports implements dag.Kind.
func (k *SpeechSequences) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "in", Type: artifacts.Table, Doc: "rows with recordings of one word or a few"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.Table, Doc: "a row for each sequence"}}
}

// Check implements dag.Kind.
func (k *SpeechSequences) Check(c *dag.Check) {
	if f, ok := c.Column("in", "column", k.Column); ok && f.Type.ID() != arrow.BINARY {
		c.Errorf("column", "must hold the bytes of WAV files, as source.files reads them; %q is %s", k.Column, table.TypeName(f.Type))
	}
	for _, of := range []struct{ field, column string }{{"text", k.Text}, {"by", k.By}} {
		if of.column == "" {
			continue
		}
		if f, ok := c.Column("in", of.field, of.column); ok && !model.LabelType(f.Type) {
			c.Errorf(of.field, "must be text, whole numbers or booleans; %q is %s", of.column, table.TypeName(f.Type))
		}
	}
	if len(k.Words) != 2 || k.Words[0] < 1 || k.Words[1] < k.Words[0] || k.Words[1] > mostWords {
		c.Errorf("words", "must be the least and the greatest number of words, 1 to %d, such as [1, 5]; is %v", mostWords, k.Words)
	}
	if len(k.Pause) != 2 || k.Pause[0] < 0 || k.Pause[1] < k.Pause[0] || k.Pause[1] > mostPause {
		c.Errorf("pause", "must be the shortest and the longest pause in seconds, 0 to %g, such as [0, 0.3]; is %v", mostPause, k.Pause)
	}
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Table, Table: k.schema()}
}

func (k *SpeechSequences) schema() *arrow.Schema {
	fields := []arrow.Field{{Name: pathColumn, Type: arrow.BinaryTypes.String}, {Name: "text", Type: arrow.BinaryTypes.String}}
	if k.By != "" {
		fields = append(fields, arrow.Field{Name: k.By, Type: arrow.BinaryTypes.String})
	}
	return arrow.NewSchema(append(fields, arrow.Field{Name: contentColumn, Type: arrow.BinaryTypes.Binary}), nil)
}

// utterance is a recording and what is said in it.
type utterance struct {
	text    string
	samples []float32
}

// Run implements dag.Kind.
func (k *SpeechSequences) Run(ctx context.Context, env *dag.Env) error {
	groups, names, err := k.read(ctx, env)
	if err != nil {
		return err
	}
	seed := env.Seed
	if k.Seed != nil {
		seed = *k.Seed
	}
	schema := k.schema()
	w, err := env.CreateTable(dag.Out, schema, table.Arrow)
	if err != nil {
		return err
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	flush := func() error {
		batch := b.NewRecordBatch()
		defer batch.Release()
		return w.Write(batch)
	}
	var seconds float64
	size := 0
	for n := range k.Count {
		if err := ctx.Err(); err != nil {
			return err
		}
		var key [32]byte
		copy(key[:], "speech.sequences")
		binary.LittleEndian.PutUint64(key[16:], seed)
		binary.LittleEndian.PutUint64(key[24:], uint64(n))
		rng := rand.New(rand.NewChaCha8(key))
		name := names[n%len(names)]
		text, clip := k.sequence(groups[name], rng)
		seconds += clip.Seconds()
		file := sound.EncodeWAV(clip)
		b.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("sequence-%06d.wav", n+1))
		b.Field(1).(*array.StringBuilder).Append(text)
		if k.By != "" {
			b.Field(2).(*array.StringBuilder).Append(name)
		}
		b.Field(len(schema.Fields()) - 1).(*array.BinaryBuilder).Append(file)
		if size += len(file); size >= batchFileBytes {
			if err := flush(); err != nil {
				return err
			}
			size = 0
		}
		env.Progress(int64(n+1), int64(k.Count), "sequences")
	}
	if err := flush(); err != nil {
		return err
	}
	env.Logf("%d sequences of %d groups, %.2f s each", k.Count, len(names), seconds/float64(k.Count))
	env.Metric("rows", float64(k.Count), 0)
	env.Metric("seconds", seconds, 0)
	return nil
}

// read gathers the recordings by group, and the groups in the order in which they
// come.
func (k *SpeechSequences) read(ctx context.Context, env *dag.Env) (groups map[string][]utterance, names []string, err error) {
	columns := []string{k.Column, k.Text}
	s, err := openStream(env)
	if err != nil {
		return nil, nil, err
	}
	defer s.close(&err)
	if k.By != "" {
		columns = append(columns, k.By)
	}
	at, err := columnsOf(s.Schema(), columns)
	if err != nil {
		return nil, nil, err
	}
	for i, column := range columns[1:] {
		if t := s.Schema().Field(at[i+1]).Type; !model.LabelType(t) {
			return nil, nil, fmt.Errorf("column %q must be text, whole numbers or booleans, is %s", column, table.TypeName(t))
		}
	}
	groups = map[string][]utterance{}
	err = s.each(ctx, func(b batch) error {
		value := func(i, column int) (string, error) {
			v, ok := model.Label(b.Column(at[column]), i)
			if !ok {
				return "", &transform.RowError{Row: b.first + int64(i), Column: columns[column], Msg: "it is null or no text; leave such rows out with clean's drop_null"}
			}
			return strings.Clone(v), nil
		}
		return transform.EachClip(b.RecordBatch, k.Column, b.first, k.Rate, func(i int, c sound.Clip) error {
			text, err := value(i, 1)
			if err != nil {
				return err
			}
			name := ""
			if k.By != "" {
				if name, err = value(i, 2); err != nil {
					return err
				}
			}
			if groups[name] == nil {
				names = append(names, name)
			}
			groups[name] = append(groups[name], utterance{strings.TrimSpace(text), c.Samples})
			return nil
		})
	})
	if err == nil && len(names) == 0 {
		err = errors.New("the table has no recordings")
	}
	return groups, names, err
}

// sequence puts recordings of a group together.
func (k *SpeechSequences) sequence(of []utterance, rng *rand.Rand) (text string, clip sound.Clip) {
	clip.Rate = k.Rate
	pause := func() {
		seconds := k.Pause[0] + (k.Pause[1]-k.Pause[0])*rng.Float64()
		clip.Samples = append(clip.Samples, make([]float32, int(seconds*float64(k.Rate)))...)
	}
	var words []string
	pause()
	for range k.Words[0] + rng.IntN(k.Words[1]-k.Words[0]+1) {
		one := of[rng.IntN(len(of))]
		if one.text != "" {
			words = append(words, one.text)
		}
		clip.Samples = append(clip.Samples, one.samples...)
		pause()
	}
	quieter := 20 * rng.Float64()
	if k.Noise != nil {
		clip = sound.Noise(clip, *k.Noise+quieter, rng)
	}
	return strings.Join(words, " "), clip
}
