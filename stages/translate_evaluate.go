package stages

import (
	"context"
	"errors"
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

var translateEvaluateKind = dag.Info{
	Name:    "translate.evaluate",
	Version: 4,
	Doc: `Translates a table and compares with its translations. The metrics are bleu (as sacrebleu computes it by default, from 0 to 100), exact (the
share of translations that are a reference word for word), cut (the share for which the model had no room) and rows. Rows with equal
text are one, with all of their translations as references.`,
	Example: `evaluate: { uses: translate.evaluate, in: { model: train, data: split.test }, with: { source: swedish, target: english } }`,
	New:     func() dag.Kind { return &EvaluateTranslation{} },
}

// EvaluateTranslation is the kind translate.evaluate.
type EvaluateTranslation struct {
	Source string `yaml:"source" doc:"the column of texts that are translated" required:"true" example:"swedish"`
	Target string `yaml:"target" doc:"the column of their translations" required:"true" example:"english"`
	Beams  int    `yaml:"beams" doc:"how many hypotheses are followed; 1 takes the likeliest token at every step. Where the model is served it is 4" default:"4" min:"1" max:"64"`
	Shown  int    `yaml:"shown" doc:"how many translations are shown in the log" default:"5" min:"0"`
}

// Ports implements dag.Kind.
func (e *EvaluateTranslation) Ports() (in, out []dag.Port) {
	return []dag.Port{
			{Name: "model", Type: artifacts.Model, Doc: "the translator"},
			{Name: "data", Type: artifacts.Table, Doc: "texts and their translations"},
		}, []dag.Port{
			{Name: dag.Out, Type: artifacts.Metrics, Doc: "the metrics as JSON"},
			{Name: "translations", Type: artifacts.Table, Doc: "each different text, its translation, its probability and the references"},
		}
}

var (
	translateMetrics = []string{"bleu", "cut", "exact", "rows"}
	translateSchema  = arrow.NewSchema([]arrow.Field{
		{Name: "source", Type: arrow.BinaryTypes.String},
		{Name: "translation", Type: arrow.BinaryTypes.String},
		{Name: "probability", Type: arrow.PrimitiveTypes.Float64},
		{Name: "references", Type: arrow.ListOf(arrow.BinaryTypes.String)},
	}, nil)
)

// Check implements dag.Kind.
func (e *EvaluateTranslation) Check(c *dag.Check) {
	checkTask(c, "model", model.TranslationTask)
	checkTextColumn(c, "data", "source", e.Source)
	checkTextColumn(c, "data", "target", e.Target)
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Metrics, Metrics: translateMetrics}
	c.Out["translations"] = dag.Schema{Type: artifacts.Table, Table: translateSchema}
}

// Run implements dag.Kind.
func (e *EvaluateTranslation) Run(ctx context.Context, env *dag.Env) error {
	folder, err := env.Folder("model")
	if err != nil {
		return err
	}
	m, err := model.LoadTranslator(folder)
	if err != nil {
		return err
	}
	var texts []string
	var references [][]string
	place := map[string]int{}
	err = eachTexts(ctx, env, "data", []string{e.Source, e.Target}, func(pair []string) error {
		from, to := pair[0], pair[1]
		at, ok := place[from]
		if !ok {
			at = len(texts)
			place[from] = at
			texts, references = append(texts, from), append(references, nil)
		}
		references[at] = append(references[at], to)
		return nil
	})
	if err != nil {
		return err
	}
	if len(texts) == 0 {
		return errors.New("data has no rows to evaluate on")
	}
	translations, err := e.translate(ctx, env, m, texts)
	if err != nil {
		return err
	}
	if err := e.report(env, texts, references, translations); err != nil {
		return err
	}
	return e.write(env, texts, references, translations)
}

// translate translates the texts and tells how far it is.
func (e *EvaluateTranslation) translate(ctx context.Context, env *dag.Env, m *model.Translator, texts []string) ([]model.Translated, error) {
	began := time.Now()
	out := make([]model.Translated, 0, len(texts))
	err := m.Translate(ctx, texts, e.Beams, func(_ int, t model.Translated) error {
		out = append(out, t)
		env.Progress(int64(len(out)), int64(len(texts)), "texts")
		return nil
	})
	if err == nil {
		env.Logf("%d texts translated, %.1f ms each", len(out), time.Since(began).Seconds()*1000/float64(len(out)))
	}
	return out, err
}

func (e *EvaluateTranslation) report(env *dag.Env, texts []string, references [][]string, translations []model.Translated) error {
	hypotheses := make([]string, len(texts))
	exact, cut := 0, 0
	for i, t := range translations {
		hypotheses[i] = t.Text
		for _, r := range references[i] {
			if r == t.Text {
				exact++
				break
			}
		}
		if t.Cut {
			cut++
		}
		if i < e.Shown {
			env.Logf("%s → %s (%s)", texts[i], t.Text, references[i][0])
		}
	}
	share := func(n int) dag.Float { return dag.Float(float64(n) / float64(len(texts))) }
	r := &score.Result{Version: score.Version, Task: model.TranslationTask, Rows: int64(len(texts)), Metrics: map[string]dag.Float{
		"bleu": dag.Float(score.BLEU(hypotheses, references)), "exact": share(exact), "cut": share(cut), "rows": dag.Float(len(texts)),
	}}
	env.Logf("%d texts: BLEU %.2f, %.1f %% word for word", len(texts), float64(r.Metrics["bleu"]), 100*float64(r.Metrics["exact"]))
	return writeMetrics(env, r)
}

func (e *EvaluateTranslation) write(env *dag.Env, texts []string, references [][]string, translations []model.Translated) error {
	w, err := env.CreateTable("translations", translateSchema, table.Parquet)
	if err != nil {
		return err
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, translateSchema)
	defer b.Release()
	list := b.Field(3).(*array.ListBuilder)
	for i, t := range translations {
		b.Field(0).(*array.StringBuilder).Append(texts[i])
		b.Field(1).(*array.StringBuilder).Append(t.Text)
		b.Field(2).(*array.Float64Builder).Append(t.Probability)
		list.Append(true)
		for _, r := range references[i] {
			list.ValueBuilder().(*array.StringBuilder).Append(r)
		}
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	return w.Write(batch)
}
