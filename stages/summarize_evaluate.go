package stages

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/report"
	"pipe/stages/score"
)

var summarizeEvaluateKind = dag.Info{
	Name:    "summarize.evaluate",
	Version: 2,
	Doc: `Sums up the texts of a table and compares with summaries that people wrote. rouge1, rouge2 and rougeL are the means of the F1
scores of ROUGE as Google's rouge-score computes them, from 0 to 1; of several summaries of a text the best counts, for each
score. rouge-score knows words of a–z and 0–9 only: for other scripts set words: unicode. Beside the model (rouge1, …) stand the first sentences, as many as the model takes (rouge1_lead, …), the first (rouge1_lead1, …), the
first three (…_lead3), sentences drawn at random (…_random) and the best that can be chosen, nearly, by somebody who knows the
summaries (…_oracle). The report says how sure the differences are.`,
	Example: `evaluate: { uses: summarize.evaluate, in: { model: summarize, data: test }, with: { text: abstract, summary: tldr } }`,
	New:     func() dag.Kind { return &EvaluateSummary{} },
}

// EvaluateSummary is the kind summarize.evaluate.
type EvaluateSummary struct {
	Text    string `yaml:"text" doc:"the column of texts, or of lists of sentences" default:"text"`
	Summary string `yaml:"summary" doc:"the column of summaries, or of lists of summaries of one text" default:"summary"`
	Stem    bool   `yaml:"stem" doc:"whether words are compared by their stems (Porter 1980), as in most papers" default:"true"`
	Words   string `yaml:"words" doc:"what a word is: ascii is runs of a–z and 0–9, as rouge-score has it, by which a text in another script has no words; unicode is runs of letters and digits of every script, and each character of scripts without spaces, such as Chinese" default:"ascii" enum:"ascii,unicode"`
	Shown   int    `yaml:"shown" doc:"how many texts the report shows" default:"10" min:"0" max:"1000"`
}

// Ports implements dag.Kind.
func (k *EvaluateSummary) Ports() (in, out []dag.Port) {
	return []dag.Port{
			{Name: "model", Type: artifacts.Model, Doc: "the summarizer"},
			{Name: "data", Type: artifacts.Table, Doc: "texts and their summaries"},
		}, []dag.Port{
			{Name: dag.Out, Type: artifacts.Metrics, Doc: "the metrics as JSON"},
			{Name: "summaries", Type: artifacts.Table, Doc: "for each text its summary, the places of its sentences from 0, and its scores"},
			{Name: "report", Type: artifacts.Report, Doc: "a page with the comparison, and texts with what was chosen"},
		}
}

// The systems that are compared; the model is the first.
var summarySystems = [6]struct{ suffix, name string }{
	{"", "the model"}, {"_lead", "as many first sentences"}, {"_lead1", "the first sentence"}, {"_lead3", "the first three"}, {"_random", "as many at random"}, {"_oracle", "the best choice"},
}

var summarizeMetrics = func() []string {
	names := []string{"rows", "sentences"}
	for _, s := range summarySystems {
		for _, n := range score.RougeNames {
			names = append(names, n+s.suffix)
		}
	}
	return names
}

var summarySchema = arrow.NewSchema([]arrow.Field{
	{Name: "summary", Type: arrow.BinaryTypes.String},
	{Name: "sentences", Type: arrow.ListOf(arrow.PrimitiveTypes.Int64)},
	{Name: "rouge1", Type: arrow.PrimitiveTypes.Float64},
	{Name: "rouge2", Type: arrow.PrimitiveTypes.Float64},
	{Name: "rougeL", Type: arrow.PrimitiveTypes.Float64},
}, nil)

// Check implements dag.Kind.
func (k *EvaluateSummary) Check(c *dag.Check) {
	checkTask(c, "model", model.SummaryTask)
	checkTextOrList(c, "data", "text", k.Text)
	checkTextOrList(c, "data", "summary", k.Summary)
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Metrics, Metrics: summarizeMetrics()}
	c.Out["summaries"] = dag.Schema{Type: artifacts.Table, Table: summarySchema}
	c.Out["report"] = dag.Schema{Type: artifacts.Report}
}

// Run implements dag.Kind.
func (k *EvaluateSummary) Run(ctx context.Context, env *dag.Env) error {
	folder, err := env.Folder("model")
	if err != nil {
		return err
	}
	m, err := model.LoadSummarizer(folder)
	if err != nil {
		return err
	}
	w, err := env.CreateTable("summaries", summarySchema, table.Parquet)
	if err != nil {
		return err
	}
	x := summaryExam{model: m, words: score.RougeWords{Stem: k.Stem, Unicode: k.Words == "unicode"}, shown: k.Shown, seed: env.Seed}
	err = eachSummarized(ctx, env, "data", k.Text, k.Summary, m, func(some []summarized) error {
		ranked, err := m.Rank(ctx, sentencesOf(some))
		if err != nil {
			return err
		}
		b := array.NewRecordBuilder(memory.DefaultAllocator, summarySchema)
		defer b.Release()
		for i, r := range ranked {
			x.observe(some[i], m.Pick(r), b)
		}
		batch := b.NewRecordBatch()
		defer batch.Release()
		return w.Write(batch)
	})
	if err != nil {
		return err
	}
	if x.rows() == 0 {
		return fmt.Errorf("data has no rows to evaluate on")
	}
	switch x.wordless {
	case 0:
	case x.rows():
		return noWords("data", k.Summary, x.words, x.other)
	default:
		env.Logf("%d of %d texts have no summary with a word, row %d first; they count as 0 in the means, as rouge-score counts them", x.wordless, x.rows(), x.first)
	}
	r := x.result()
	m1 := func(name string) float64 { return 100 * float64(r.Metrics[name]) }
	env.Logf("%d texts, ROUGE-1/2/L: %.2f/%.2f/%.2f; the first sentences %.2f/%.2f/%.2f, the best choice %.2f/%.2f/%.2f", x.rows(),
		m1("rouge1"), m1("rouge2"), m1("rougeL"), m1("rouge1_lead"), m1("rouge2_lead"), m1("rougeL_lead"), m1("rouge1_oracle"), m1("rouge2_oracle"), m1("rougeL_oracle"))
	page, err := env.CreateFile("report", artifacts.Report, "html")
	if err != nil {
		return err
	}
	if err := report.WriteComparison(page, x.page(k)); err != nil {
		return err
	}
	return writeMetrics(env, r)
}

// summaryExam compares summaries with those that people wrote, text by text.
type summaryExam struct {
	model *model.Summarizer
	words score.RougeWords
	shown int
	seed  uint64

	scores   [6][][3]float64 // of each system, for each text
	taken    int
	wordless int   // texts whose summaries have no word
	first    int64 // the row of the first of them
	other    bool  // one of them has words of another script
	examples []report.Example
}

func (x *summaryExam) rows() int { return len(x.scores[0]) }

func (x *summaryExam) observe(s summarized, made model.Summary, b *array.RecordBuilder) {
	references := rougeTexts(s.references, x.words)
	if wordless(references) {
		if x.wordless++; x.wordless == 1 {
			x.first = s.row
		}
		x.other = x.other || anyWord(s.references)
	}
	n := len(made.Sentences)
	first := func(n int) (places []int) {
		for i := range min(n, len(s.sentences)) {
			places = append(places, i)
		}
		return places
	}
	var chosen []int
	for _, p := range made.Sentences {
		chosen = append(chosen, p.Index)
	}
	drawn := rand.New(rand.NewPCG(x.seed, uint64(s.row))).Perm(len(s.sentences))[:n]
	for i, places := range [6][]int{chosen, first(n), first(1), first(3), drawn, score.RougeOracle(s.sentences, references, n, x.words)} {
		x.scores[i] = append(x.scores[i], score.NewRougeText(score.Joined(s.sentences, places), x.words).Rouge(references...))
	}
	x.taken += n
	if len(x.examples) < x.shown {
		x.examples = append(x.examples, summaryExample(s, chosen))
	}
	b.Field(0).(*array.StringBuilder).Append(made.Text)
	list := b.Field(1).(*array.ListBuilder)
	list.Append(true)
	for _, p := range chosen {
		list.ValueBuilder().(*array.Int64Builder).Append(int64(p))
	}
	for i, v := range x.scores[0][x.rows()-1] {
		b.Field(2 + i).(*array.Float64Builder).Append(v)
	}
}

// means are those of one system.
func (x *summaryExam) means(system int) (sum [3]float64) {
	for _, row := range x.scores[system] {
		for i, v := range row {
			sum[i] += v / float64(x.rows())
		}
	}
	return sum
}

func (x *summaryExam) result() *score.Result {
	r := &score.Result{Version: score.Version, Task: model.SummaryTask, Rows: int64(x.rows()), Metrics: map[string]dag.Float{
		"rows": dag.Float(x.rows()), "sentences": dag.Float(float64(x.taken) / float64(x.rows())),
	}}
	for i, s := range summarySystems {
		for k, v := range x.means(i) {
			r.Metrics[score.RougeNames[k]+s.suffix] = dag.Float(v)
		}
	}
	return r
}
