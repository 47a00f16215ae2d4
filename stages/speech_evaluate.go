package stages

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/score"
)

var speechEvaluateKind = dag.Info{
	Name:    "speech.evaluate",
	Version: 2,
	Doc: `Writes down what is said in recordings and compares with their texts. The metrics are wer and cer (word and character error rate: the
least number of substitutions, deletions and insertions by the length of the texts, over all rows together, as jiwer computes them), their parts
substitutions, deletions, insertions and words (of the texts), exact (the share of recordings without an error), rows, and seconds of sound. Texts are compared as the
model writes them: in lower case and without punctuation, where it was trained so.`,
	Example: `evaluate: { uses: speech.evaluate, in: { model: train, data: unheard }, with: { text: text } }`,
	New:     func() dag.Kind { return &EvaluateSpeech{} },
}

// EvaluateSpeech is the kind speech.evaluate.
type EvaluateSpeech struct {
	Column string        `yaml:"column" doc:"the column of WAV files" default:"content"`
	Text   string        `yaml:"text" doc:"the column of what is said" default:"text"`
	Search *model.Search `yaml:"search" doc:"how texts are looked for; without it, as the model does where it is served"`
	Shown  int           `yaml:"shown" doc:"how many transcripts are shown in the log" default:"5" min:"0"`
}

// Ports implements dag.Kind.
func (e *EvaluateSpeech) Ports() (in, out []dag.Port) {
	return []dag.Port{
			{Name: "model", Type: artifacts.Model, Doc: "the recogniser"},
			{Name: "data", Type: artifacts.Table, Doc: "recordings and what is said in them"},
		}, []dag.Port{
			{Name: dag.Out, Type: artifacts.Metrics, Doc: "the metrics as JSON"},
			{Name: "transcripts", Type: artifacts.Table, Doc: "each recording's path, text, transcript, confidence and errors"},
		}
}

var (
	speechMetrics    = []string{"cer", "deletions", "exact", "insertions", "rows", "seconds", "substitutions", "wer", "words"}
	transcriptSchema = arrow.NewSchema([]arrow.Field{
		{Name: "path", Type: arrow.BinaryTypes.String},
		{Name: "text", Type: arrow.BinaryTypes.String},
		{Name: "transcript", Type: arrow.BinaryTypes.String},
		{Name: "confidence", Type: arrow.PrimitiveTypes.Float64},
		{Name: "errors", Type: arrow.PrimitiveTypes.Int64},
	}, nil)
)

// Check implements dag.Kind.
func (e *EvaluateSpeech) Check(c *dag.Check) {
	checkTask(c, "model", model.TranscriptionTask)
	checkTextColumn(c, "data", "text", e.Text)
	if f, ok := c.Column("data", "column", e.Column); ok && f.Type.ID() != arrow.BINARY {
		c.Errorf("column", "must hold the bytes of WAV files, as source.files reads them; %q is %s", e.Column, table.TypeName(f.Type))
	}
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Metrics, Metrics: speechMetrics}
	c.Out["transcripts"] = dag.Schema{Type: artifacts.Table, Table: transcriptSchema}
}

// Run implements dag.Kind.
func (e *EvaluateSpeech) Run(ctx context.Context, env *dag.Env) error {
	folder, err := env.Folder("model")
	if err != nil {
		return err
	}
	m, err := model.LoadRecognizer(folder)
	if err != nil {
		return err
	}
	search := m.Spelling().Search
	if e.Search != nil {
		search = *e.Search
	}
	w, err := env.CreateTable("transcripts", transcriptSchema, table.Parquet)
	if err != nil {
		return err
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, transcriptSchema)
	defer b.Release()
	var words, characters score.Edits
	var rows, exact int
	var seconds float64
	began := time.Now()
	err = eachRecording(ctx, env, "data", e.Column, e.Text, m.Rate(), func(r recording) error {
		t, err := m.TranscribeBy(ctx, r.Samples, r.Rate, search)
		if err != nil {
			return err
		}
		want := m.Spelling().Text(r.text)
		before := words.Errors()
		words.AddWords(want, t.Text)
		characters.AddCharacters(want, t.Text)
		wrong := words.Errors() - before
		if rows < e.Shown {
			env.Logf("%s: %s → %s", r.name(), want, t.Text)
		}
		rows++
		seconds += r.Seconds()
		if want == t.Text {
			exact++
		}
		b.Field(0).(*array.StringBuilder).Append(r.path)
		b.Field(1).(*array.StringBuilder).Append(want)
		b.Field(2).(*array.StringBuilder).Append(t.Text)
		b.Field(3).(*array.Float64Builder).Append(t.Confidence)
		b.Field(4).(*array.Int64Builder).Append(int64(wrong))
		return nil
	})
	if err != nil {
		return err
	}
	switch {
	case rows == 0:
		return errors.New("data has no rows to evaluate on")
	case words.Length() == 0:
		return fmt.Errorf("data has %d rows and no word in column %q, so that there is no word error rate", rows, e.Text)
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	if err := w.Write(batch); err != nil {
		return err
	}
	r := &score.Result{Version: score.Version, Task: model.TranscriptionTask, Rows: int64(rows), Metrics: map[string]dag.Float{
		"wer": dag.Float(words.Rate()), "cer": dag.Float(characters.Rate()), "exact": dag.Float(float64(exact) / float64(rows)),
		"substitutions": dag.Float(words.Substitutions), "deletions": dag.Float(words.Deletions), "insertions": dag.Float(words.Insertions),
		"words": dag.Float(words.Length()), "rows": dag.Float(rows), "seconds": dag.Float(seconds),
	}}
	env.Logf("%d recordings: %.2f %% of %d words wrong, %.2f %% of the characters; %.0f times as fast as it is spoken",
		rows, 100*words.Rate(), words.Length(), 100*characters.Rate(), seconds/max(time.Since(began).Seconds(), 1e-9))
	return writeMetrics(env, r, "wer", "cer", "exact")
}
