package stages

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/rows"
	"pipe/stages/sound"
	"pipe/stages/transform"
)

var speechAugmentKind = dag.Info{
	Name:    "speech.augment",
	Version: 1,
	Seeded:  true,
	Doc: `Makes more training material of recordings: each row stays, and is followed by copies whose recording is played faster or slower, moved in pitch and in time,
made louder or quieter, and noisier, each by an amount that is drawn for it. Augment training rows only.`,
	Example: `more: { uses: speech.augment, in: train_rows, with: { column: content, copies: 3, speed: 0.1, pitch: 2, shift: 0.05, gain: 6, noise: 20 } }`,
	New:     func() dag.Kind { return &SpeechAugment{} },
}

// SpeechAugment is the kind speech.augment.
type SpeechAugment struct {
	Column string   `yaml:"column" doc:"the column of WAV files" default:"content"`
	Copies int      `yaml:"copies" doc:"copies of each row" default:"1" min:"1" max:"100"`
	Speed  float64  `yaml:"speed" doc:"by up to what share a copy is played faster or slower" default:"0" min:"0" max:"0.5"`
	Pitch  float64  `yaml:"pitch" doc:"by up to how many semitones its pitch is moved" default:"0" min:"0" max:"12"`
	Shift  float64  `yaml:"shift" doc:"by up to how many seconds it is moved" default:"0" min:"0" max:"10"`
	Gain   float64  `yaml:"gain" doc:"by up to how many decibels it is louder or quieter" default:"0" min:"0" max:"60"`
	Noise  *float64 `yaml:"noise" doc:"white noise is added that is at least so many decibels quieter than the recording; without it, none" example:"20" min:"-10" max:"120"`
	Seed   *uint64  `yaml:"seed" doc:"of the draws; without it, the pipeline's seed"`
}

// Ports implements dag.Kind.
func (k *SpeechAugment) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "in", Type: artifacts.Table, Doc: "rows with recordings"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.Table, Doc: "each row, and after it its copies"}}
}

// Check implements dag.Kind.
func (k *SpeechAugment) Check(c *dag.Check) {
	if f, ok := c.Column("in", "column", k.Column); ok && f.Type.ID() != arrow.BINARY {
		c.Errorf("column", "must hold the bytes of WAV files, as source.files reads them; %q is %s", k.Column, table.TypeName(f.Type))
	}
	if k.Speed == 0 && k.Pitch == 0 && k.Shift == 0 && k.Gain == 0 && k.Noise == nil {
		c.Errorf("copies", "a copy would be as the recording: say by how much speed, pitch, shift, gain or noise differ")
	}
	c.Out[dag.Out] = c.In["in"]
}

// Run implements dag.Kind.
func (k *SpeechAugment) Run(ctx context.Context, env *dag.Env) (err error) {
	s, err := openStream(env)
	if err != nil {
		return err
	}
	defer s.close(&err)
	at, err := columnsOf(s.Schema(), []string{k.Column})
	if err != nil {
		return err
	}
	seed := env.Seed
	if k.Seed != nil {
		seed = *k.Seed
	}
	return s.rewrite(ctx, s.Schema(), func(b batch) (arrow.RecordBatch, error) {
		files, ok := b.Column(at[0]).(*array.Binary)
		if !ok {
			return nil, fmt.Errorf("column %q is %s and not the bytes of WAV files", k.Column, b.Column(at[0]).DataType())
		}
		made := make([][]byte, files.Len()*k.Copies)
		i, err := rows.Each(files.Len(), func(i int) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if files.IsNull(i) {
				return errors.New("it is null; leave such rows out with clean's drop_null")
			}
			clip, err := sound.DecodeWAV(files.Value(i))
			if err != nil {
				return err
			}
			for n := range k.Copies {
				copied := k.change(clip, rand.New(rand.NewChaCha8(augmentSeed(seed, b.first+int64(i), n))))
				made[i*k.Copies+n] = sound.EncodeWAV(copied)
			}
			return nil
		})
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			return nil, fmt.Errorf("row %d, column %q: %s%w", b.first+int64(i), k.Column, transform.OfFile(b.RecordBatch, i), err)
		}
		changed := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
		defer changed.Release()
		var from []int
		for i := range files.Len() {
			changed.Append(files.Value(i))
			from = append(from, i)
			for _, file := range made[i*k.Copies : (i+1)*k.Copies] {
				changed.Append(file)
				from = append(from, i)
			}
		}
		taken := rows.Take(b.RecordBatch, from)
		defer taken.Release()
		columns := make([]arrow.Array, taken.NumCols())
		copy(columns, taken.Columns())
		columns[at[0]] = changed.NewArray()
		defer columns[at[0]].Release()
		return array.NewRecordBatch(s.Schema(), columns, taken.NumRows()), nil
	})
}

// augmentSeed makes the draws of each copy its own, whatever the batches.
func augmentSeed(seed uint64, row int64, copied int) (key [32]byte) {
	copy(key[:], "speech.augment")
	binary.LittleEndian.PutUint64(key[14:], seed)
	binary.LittleEndian.PutUint64(key[22:], uint64(row))
	binary.LittleEndian.PutUint16(key[30:], uint16(copied))
	return key
}

// change makes a copy. Every draw is made whether it is used or not, so that a
// setting does not move the draws of the others.
func (k *SpeechAugment) change(c sound.Clip, rng *rand.Rand) sound.Clip {
	draw := func(most float64) float64 { return most * (2*rng.Float64() - 1) }
	speed, pitch, shift, gain, quieter := draw(k.Speed), draw(k.Pitch), draw(k.Shift), draw(k.Gain), 20*rng.Float64()
	if speed != 0 {
		c = sound.Speed(c, 1+speed)
	}
	if pitch != 0 {
		c = sound.Pitch(c, pitch)
	}
	if shift != 0 {
		c = sound.Shift(c, int(shift*float64(c.Rate)))
	}
	if gain != 0 {
		c = sound.Gain(c, gain)
	}
	if k.Noise != nil {
		c = sound.Noise(c, *k.Noise+quieter, rng)
	}
	return c
}
